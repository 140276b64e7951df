/* What a scenario may ask of real nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/live.h"

#define NODES "nodes: [{name: n, count: 2, arrivals: {rate: 1}}]\n"

static char err[P2P_ERRLEN];

static int check(const char *yaml)
{
    char path[] = "/tmp/p2p-live-XXXXXX";
    struct scenario s;
    int fd = mkstemp(path), rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
    err[0] = '\0';
    if (scenario_read(&s, path, NULL, 0, err))
        fail_msg("%s", err);
    rc = live_check(&s, err);
    scenario_release(&s);
    unlink(path);
    return rc;
}

static void refused(const char *yaml, const char *what)
{
    if (check(yaml) == 0)
        fail_msg("taken: %s", yaml);
    if (!strstr(err, what) || !strstr(err, "allowed live: "))
        fail_msg("'%s' is not in: %s", what, err);
}

static void test_what_real_nodes_have_is_taken(void **state)
{
    (void)state;
    assert_int_equal(check(NODES), 0);
    assert_int_equal(check("run: {length: 5s, warm_up: 1s}\n"
                           "functions: [{name: f, deadline: 2s}]\n"
                           "network: {delay: 3ms}\n" NODES),
                     0);
}

static void test_what_they_cannot_have_is_refused_with_its_key(void **state)
{
    (void)state;
    refused("nodes: [{name: n, count: 13}]\n", "nodes: 13");
    refused("run: {length: 1h}\n" NODES, "length and warm_up");
    refused("run: {replications: 2}\n" NODES, "run.replications: 2");
    refused("run: {target: 0.1}\n" NODES, "run.target: 0.1");
    refused("network: {delay: {model: exponential, mean: 1ms}}\n" NODES, "network.delay");
    refused("network: {loss: 0.1}\n" NODES, "loss 0.1");
    refused("network: {bandwidth: 1000}\n" NODES, "bandwidth 1000");
    refused("network: {neighbours: 1}\nnodes: [{name: n, count: 4}]\n", "network.neighbours: 1");
    refused("functions: [{name: f, deadline: 2h}]\n" NODES, "functions.f.deadline");
    refused("functions: [{name: f, payload: 1KB}]\n" NODES, "functions.f: payload 1024");
    refused("functions: [{name: f, answer: 1KB}]\n" NODES, "answer 1024");
    refused(NODES "faults: [{kind: down, nodes: n, at: 1s}]\n", ":2: faults");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_real_nodes_have_is_taken),
        cmocka_unit_test(test_what_they_cannot_have_is_refused_with_its_key),
    };

    return cmocka_run_group_tests_name("live_check", tests, NULL, NULL);
}
