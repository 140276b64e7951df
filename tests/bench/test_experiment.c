/* An experiment.yaml: what is taken, and what is said of what is wrong, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/experiment.h"

static char folder[] = "/tmp/p2p-experiment-XXXXXX";
static char path[128];
static struct experiment e;
static char err[P2P_ERRLEN];

static const char *const files[] = {"x.yaml", "body.txt", "rates.csv", "plugins.yaml"};

static void write_file(const char *name, const char *text)
{
    char full[160];
    FILE *f;

    snprintf(full, sizeof(full), "%s/%s", folder, name);
    f = fopen(full, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    (void)state;
    memset(folder + strlen(folder) - 6, 'X', 6);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/x.yaml", folder);
    write_file("body.txt", "a body");
    write_file("rates.csv", "10\n20\n");
    write_file("plugins.yaml", "functions: {}\n");
    memset(&e, 0, sizeof(e));
    return 0;
}

static int teardown(void **state)
{
    char full[160];

    (void)state;
    experiment_release(&e);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(full, sizeof(full), "%s/%s", folder, files[i]);
        unlink(full);
    }
    return rmdir(folder);
}

static int load(const char *yaml, const char *key, const char *value)
{
    const struct scenario_override o = {.path = key, .value = value};

    experiment_release(&e);
    write_file("x.yaml", yaml);
    return experiment_read(&e, path, &o, key ? 1 : 0, err);
}

static void reads(const char *yaml)
{
    if (load(yaml, NULL, NULL))
        fail_msg("refused: %s", err);
}

static void refuses(const char *yaml, int line, const char *words)
{
    static const struct experiment nothing;
    char at[160];

    if (load(yaml, NULL, NULL) == 0)
        fail_msg("taken, though %s", words);
    snprintf(at, sizeof(at), "%s:%d: ", path, line);
    if (strncmp(err, at, strlen(at)) != 0 || !strstr(err, words))
        fail_msg("'%s' does not begin with '%s' or has no '%s'", err, at, words);
    assert_memory_equal(&e, &nothing, sizeof(e));
}

#define NODE "nodes: {a: {address: 127.0.0.1, rate: 10}}\n"
#define PAYLOAD "payloads: {p: {function: echo}}\n"

static void test_the_least_that_is_needed(void **state)
{
    (void)state;
    reads(NODE PAYLOAD);
    assert_string_equal(e.name, "x");
    assert_int_equal(e.n_nodes, 1);
    assert_string_equal(e.node[0].endpoint.text, "127.0.0.1:18080");
    assert_string_equal(e.node[0].learner.text, "127.0.0.1:19020");
    assert_int_equal(e.node[0].arrivals, EXPERIMENT_POISSON);
    assert_int_equal(e.payload[0].body.len, 0);
    assert_int_equal(e.rewards.batch_min, 10);
    assert_int_equal(e.rewards.batch_max, 20);
}

static void test_all_that_can_be_said(void **state)
{
    (void)state;
    reads("name: all\nsummary: s\nduration: 5s\nwarm_up: 1s\nseed: 7\ntimeout: 2s\n"
          "connections: 3\nlate: 1ms\n"
          "rewards: {to: learner, batch: 5, port: 0, path: /t}\n"
          "nodes:\n"
          "  - {name: a, address: '[::1]:9', rate: 5, arrivals: deterministic}\n"
          "  - {name: b, address: 127.0.0.1:9, arrivals: csv, file: rates.csv, step: 1s}\n"
          "  - {name: c, address: 127.0.0.1:9, rate: 9, traffic: rates.csv, rate_min: 1}\n"
          "payloads:\n"
          "  t: {function: 'echo/a?b', text: hello, type: 2, deadline: 10ms}\n"
          "  f: {function: echo, file: body.txt, weight: 0.5}\n"
          "  s: {function: echo, size: 1KB}\n");
    assert_int_equal(e.rewards.batch_min, 5);
    assert_int_equal(e.rewards.batch_max, 5);
    assert_string_equal(e.node[0].learner.text, "[::1]:9");
    assert_memory_equal(e.payload[0].body.data, "hello", 5);
    assert_memory_equal(e.payload[1].body.data, "a body", 6);
    assert_int_equal(e.payload[2].body.len, 1024);
    assert_int_equal(e.payload[0].deadline, 10000000);
}

static void test_what_is_missing_is_named(void **state)
{
    (void)state;
    refuses("", 1, "empty; allowed: nodes and payloads");
    refuses(PAYLOAD, 1, "nodes: there are none; allowed: nodes: {one:");
    refuses(NODE, 1, "payloads: there are none");
    refuses("nodes:\n  a: {rate: 1}\n" PAYLOAD, 2, "nodes.a.address is missing");
    refuses("nodes:\n  a: {address: 127.0.0.1}\n" PAYLOAD, 2, "nodes.a.rate is missing");
    refuses(NODE "payloads:\n  p: {text: a}\n", 3, "payloads.p.function is missing");
    refuses("nodes:\n  a: {address: 127.0.0.1, arrivals: csv}\n" PAYLOAD, 2,
            "nodes.a.file is missing");
    refuses("cluster: {nodes: 1}\n" NODE PAYLOAD, 1, "cluster.config is missing");
}

static void test_keys_that_nobody_knows_are_corrected(void **state)
{
    (void)state;
    refuses("durration: 1s\n" NODE PAYLOAD, 1, "did you mean 'duration'?");
    refuses("nodes:\n  a:\n    adress: 127.0.0.1\n" PAYLOAD, 3, "did you mean 'address'?");
    refuses(NODE "payloads:\n  p:\n    fuction: a\n", 4, "did you mean 'function'?");
    refuses(NODE PAYLOAD "rewards: {bach: 1}\n", 3, "did you mean 'batch'?");
    refuses("nodes:\n  a: {address: 127.0.0.1, rate: 1, arrivals: poison}\n" PAYLOAD, 2,
            "allowed: one of poisson");
}

static void test_what_does_not_go_together(void **state)
{
    (void)state;
    refuses("nodes:\n  a: {address: 127.0.0.1, rate: 0}\n" PAYLOAD, 2, "nodes.a.rate: 0");
    refuses("nodes:\n  a: {address: 127.0.0.1, rate: 1, file: rates.csv}\n" PAYLOAD, 2,
            "allowed with csv, azure_2019, azure_2021");
    refuses("nodes:\n  a: {address: 127.0.0.1, rate: 1, shift: 1}\n" PAYLOAD, 2,
            "there is no traffic");
    refuses("nodes:\n  a: {address: 127.0.0.1, rate: 1, rate_min: 2, traffic: rates.csv}\n" PAYLOAD,
            2, "is more than rate");
    refuses(NODE "payloads:\n  p: {function: echo, text: a, size: 1}\n", 3,
            "text and size are both given");
    refuses(NODE "payloads: {p: {function: echo, weight: 0}}\n", 2, "every weight is 0");
    refuses("nodes:\n  - {name: a, address: 127.0.0.1, rate: 1}\n"
            "  - {name: a, address: 127.0.0.2, rate: 1}\n" PAYLOAD,
            3, "a is there twice");
    refuses("cluster: {nodes: 1, config: plugins.yaml}\n" NODE PAYLOAD, 2, "there is a cluster");
    refuses("cluster: {nodes: 2, config: plugins.yaml}\nnodes: {a: {rate: 1}}\n" PAYLOAD, 1,
            "allowed: the same number");
}

static void test_values_that_cannot_be(void **state)
{
    (void)state;
    refuses("nodes:\n  a: {address: example.org, rate: 1}\n" PAYLOAD, 2, "nodes.a.address: ");
    refuses("nodes:\n  a b: {address: 127.0.0.1, rate: 1}\n" PAYLOAD, 2, "is no name");
    refuses(NODE "payloads:\n  p: {function: /echo}\n", 3, "cannot be called");
    refuses(NODE "payloads:\n  p: {function: 'a b'}\n", 3, "cannot be called");
    refuses(NODE "payloads:\n  p: {function: echo, content_type: \"a\\nb: c\"}\n", 3,
            "control character");
    refuses(NODE "payloads:\n  p: {function: echo, file: none.txt}\n", 3, "No such file");
    refuses(NODE "payloads:\n  p: {function: echo, size: 1GB}\n", 3, "payloads.p.size");
    refuses(NODE PAYLOAD "rewards: {batch: 20..10}\n", 3, "is no range");
    refuses(NODE PAYLOAD "rewards: {path: train}\n", 3, "is no path");
    refuses(NODE PAYLOAD "duration: 5\n", 3, "duration");
    refuses(NODE PAYLOAD "connections: 0\n", 3, "an integer from 1 to 20000");
    refuses("name: a/b\n" NODE PAYLOAD, 1, "is no name");
    refuses("nodes: 5\n" PAYLOAD, 1, "allowed: a list of maps, or a map by name");
    refuses("[]\n", 1, "allowed: a map of key: value");
}

static void test_settings_go_on_top(void **state)
{
    (void)state;
    assert_int_equal(load(NODE PAYLOAD, "nodes.a.rate", "25"), 0);
    assert_true(e.node[0].rate > 24 && e.node[0].rate < 26);
    assert_int_equal(load(NODE PAYLOAD, "nodes.*.rate", "5"), 0);
    assert_true(e.node[0].rate < 6);
    assert_int_equal(load(NODE PAYLOAD, "payloads.*.deadline", "5ms"), 0);
    assert_int_equal(e.payload[0].deadline, 5000000);
    assert_int_equal(load(NODE PAYLOAD, "nodes.b.rate", "5"), -1);
    assert_non_null(strstr(err, "--set nodes.b.rate: "));
    assert_int_equal(load(NODE PAYLOAD, "nodes.a.rate", "fast"), -1);
    assert_non_null(strstr(err, "--set nodes.a.rate: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_least_that_is_needed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_that_can_be_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_missing_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_that_nobody_knows_are_corrected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_go_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_that_cannot_be, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings_go_on_top, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
