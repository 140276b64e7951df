/* In a network namespace of its own, which wants root. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/config.h"
#include "host/own_address.h"

static char found[INET6_ADDRSTRLEN], err[P2P_ERRLEN];

static int make_network(void **state)
{
    *state = geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
                     system("ip link set lo up && ip link add v0 type veth peer name v1 && ip link "
                            "set v0 up && ip link set v1 up") == 0
                 ? err
                 : NULL;
    return 0;
}

static void ip(const char *arguments)
{
    char command[128];

    snprintf(command, sizeof(command), "ip %s", arguments);
    assert_int_equal(system(command), 0);
}

static void test_without_a_network_there_is_none(void **state)
{
    if (!*state)
        skip();
    assert_int_equal(own_address(found, err), -1);
    assert_non_null(strstr(err, "no address but loopback"));
}

static void test_the_only_one_is_meant(void **state)
{
    if (!*state)
        skip();
    ip("address add fd00::5/64 dev v0 nodad");
    assert_int_equal(own_address(found, err), 0);
    assert_string_equal(found, "fd00::5");
    ip("address add 10.1.2.3/24 dev v0");
    assert_int_equal(own_address(found, err), 0);
    assert_string_equal(found, "10.1.2.3");
}

static void test_of_several_none_is_chosen_without_a_route(void **state)
{
    if (!*state)
        skip();
    ip("address add 10.1.3.3/24 dev v1");
    assert_int_equal(own_address(found, err), -1);
    assert_non_null(strstr(err, "no default route"));
    assert_non_null(strstr(err, "10.1.2.3"));
    assert_non_null(strstr(err, "10.1.3.3"));
}

static void test_the_default_route_tells_which(void **state)
{
    static const char *const both[] = {"node.listen=0.0.0.0", "node.advertise=auto"};
    struct config c;

    if (!*state)
        skip();
    ip("route add default via 10.1.3.1 dev v1");
    assert_int_equal(own_address(found, err), 0);
    assert_string_equal(found, "10.1.3.3");
    assert_int_equal(config_load(&c, NULL, both, 2, err), 0);
    assert_string_equal(c.node.advertise, "10.1.3.3");
    assert_string_equal(c.node.id, "10.1.3.3:18080");
    config_release(&c);
    ip("address flush dev v0");
    ip("address flush dev v1");
    assert_int_equal(config_load(&c, NULL, both, 2, err), -1);
    assert_non_null(strstr(err, "--set node.advertise: auto: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_network_there_is_none),
        cmocka_unit_test(test_the_only_one_is_meant),
        cmocka_unit_test(test_of_several_none_is_chosen_without_a_route),
        cmocka_unit_test(test_the_default_route_tells_which),
    };

    return cmocka_run_group_tests(tests, make_network, NULL);
}
