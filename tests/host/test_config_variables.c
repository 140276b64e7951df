/* Settings by variables of the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/config.h"

static struct config c;
static char err[P2P_ERRLEN];

static int release(void **state)
{
    (void)state;
    config_release(&c);
    return 0;
}

static int load(const char *first, const char *second)
{
    const char *const overrides[] = {first, second};

    config_release(&c);
    err[0] = '\0';
    return config_load(&c, NULL, overrides, second ? 2 : 1, err);
}

static void test_a_variable_is_a_setting_if_it_names_a_section(void **state)
{
    (void)state;
    assert_true(config_is_variable("P2PFAAS_NODE_PORT=1"));
    assert_true(config_is_variable("P2PFAAS_NODE_NONE=1")); /* misspelt, and told */
    /* As Kubernetes and Docker tell of a service that is called p2pfaas. */
    assert_false(config_is_variable("P2PFAAS_SERVICE_HOST=10.0.0.1"));
    assert_false(config_is_variable("P2PFAAS_PORT_18080_TCP=tcp://10.0.0.1:18080"));
    assert_false(config_is_variable("P2PFAAS_NODE=1"));
    assert_false(config_is_variable("P2PFAAS_=1"));
    assert_false(config_is_variable("NODE_PORT=1"));
}

static void test_it_sets_what_set_would(void **state)
{
    (void)state;
    assert_int_equal(load("P2PFAAS_NODE_DATA_DIR=/a=b.c", NULL), 0);
    assert_string_equal(c.node.data_dir, "/a=b.c");
    assert_int_equal(load("P2PFAAS_DISCOVERY_SEEDS=n1,10.0.0.2:7", NULL), 0);
    assert_int_equal(c.discovery.n_seeds, 2);
    assert_int_equal(load("P2PFAAS_PEERS_NODES=10.0.0.2", NULL), 0);
    assert_int_equal(c.n_peers, 1);
    assert_int_equal(load("P2PFAAS_SCHEDULER_PARAMETERS_MAX_HOPS=3", NULL), 0);
    assert_string_equal(c.scheduler.parameters.list[0].name, "max_hops");
    assert_string_equal(c.scheduler.parameters.list[0].value, "3");
    assert_int_equal(load("P2PFAAS_SECURITY_SECRET=", NULL), 0);
    assert_string_equal(c.security.secret, "");
}

static void test_the_later_one_wins_and_its_place_is_known(void **state)
{
    char where[CONFIG_PLACE];

    (void)state;
    assert_int_equal(load("P2PFAAS_NODE_PORT=5", NULL), 0);
    config_place(&c, "node", "port", where, sizeof(where));
    assert_string_equal(where, "environment: node.port");
    assert_int_equal(load("P2PFAAS_NODE_PORT=5", "node.port=6"), 0);
    assert_int_equal(c.node.port, 6);
    config_place(&c, "node", "port", where, sizeof(where));
    assert_string_equal(where, "--set node.port");
}

static void refuses(const char *variable, const char *begin, const char *part)
{
    assert_int_equal(load(variable, NULL), -1);
    assert_memory_equal(err, begin, strlen(begin));
    assert_non_null(strstr(err, part));
}

static void test_a_wrong_one_is_told_by_its_name_and_without_a_secret(void **state)
{
    (void)state;
    refuses("P2PFAAS_NODE_PROT=1", "environment: P2PFAAS_NODE_PROT: ", "did you mean 'port'?");
    refuses("P2PFAAS_NODE_PORT=x", "environment: P2PFAAS_NODE_PORT: ", "from 1 to 65535");
    refuses("P2PFAAS_NODE_=x", "environment: P2PFAAS_NODE_: ", "allowed: id");
    refuses("P2PFAAS_DISCOVERY_SEEDS=1.2.3.400",
            "environment: P2PFAAS_DISCOVERY_SEEDS: ", "name of a host");
    refuses("P2PFAAS_SECURITY_SECRT=hush hush", "environment: P2PFAAS_SECURITY_SECRT: ", "secret");
    assert_null(strstr(err, "hush"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_variable_is_a_setting_if_it_names_a_section, release),
        cmocka_unit_test_teardown(test_it_sets_what_set_would, release),
        cmocka_unit_test_teardown(test_the_later_one_wins_and_its_place_is_known, release),
        cmocka_unit_test_teardown(test_a_wrong_one_is_told_by_its_name_and_without_a_secret,
                                  release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
