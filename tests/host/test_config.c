#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/config_yaml.h"

/* One file, one config and one error for all tests; cmocka runs them one by one. */
static char path[] = "/tmp/p2p-config-XXXXXX";
static int fd = -1;
static struct config c;
static char err[P2P_ERRLEN];
static struct buf text;

static int setup(void **state)
{
    (void)state;
    memset(path + strlen(path) - 6, 'X', 6);
    fd = mkstemp(path);
    buf_init(&text, 4 << 20);
    memset(&c, 0, sizeof(c));
    return fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    config_release(&c);
    buf_release(&text);
    close(fd);
    unlink(path);
    return 0;
}

/* The file has these bytes and is read with one override or none. */
static int load(const void *bytes, size_t n, const char *override)
{
    config_release(&c);
    snprintf(err, sizeof(err), "no error was told");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, bytes, n, 0), n);
    return config_load(&c, path, &override, override ? 1 : 0, err);
}

static void reads(const char *yaml, const char *override)
{
    if (load(yaml, strlen(yaml), override))
        fail_msg("refused: %s", err);
}

/* The failure was told in these words and left nothing behind. */
static void tells(const char *const *words)
{
    static const struct config nothing;

    for (; *words; words++)
        if (!strstr(err, *words))
            fail_msg("'%s' is not said in: %s", *words, err);
    assert_memory_equal(&c, &nothing, sizeof(c));
}

static void refuses(const char *yaml, const char *override, int line, const char *const *words)
{
    char place[64] = "--set ";

    if (!load(yaml, strlen(yaml), override))
        fail_msg("taken: %s %s", yaml, override ? override : "");
    if (!override)
        snprintf(place, sizeof(place), line ? "%s:%d: " : "%s:", path, line);
    assert_memory_equal(err, place, strlen(place));
    tells(words);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define REFUSES(line, yaml, ...) refuses(yaml, NULL, line, WORDS(__VA_ARGS__))
#define REFUSES_SET(yaml, override, ...) refuses(yaml, override, 0, WORDS(__VA_ARGS__))

static void test_statuses_of_async_calls_are_checked(void **state)
{
    (void)state;
    reads("async: {codes: ''}\n", NULL);
    reads("async: {codes: '429'}\n", "async.codes=429,503");
    REFUSES(2, "async:\n  codes: 429 503\n", "async.codes", "'429 503'", "429,503");
    REFUSES_SET("", "async.codes=9", "async.codes", "100 to 599");
}

static void test_tables_are_sound_and_what_is_not_given_is_default(void **state)
{
    static const size_t sizes[] = {sizeof(c.node),    sizeof(c.log),       sizeof(c.limits),
                                   sizeof(c.plugins), sizeof(c.scheduler), sizeof(c.learner),
                                   sizeof(c.peers),   sizeof(c.discovery), sizeof(c.security),
                                   sizeof(c.docker),  sizeof(c.gateway),   sizeof(c.openfaas),
                                   sizeof(c.async)};
    size_t n = 0;

    (void)state;
    for (const struct config_section *s = config_sections; s->name; s++, n++)
        if (params_check(s->keys, (uint32_t)sizes[n], err))
            fail_msg("%s: %s", s->name, err);
    assert_int_equal(n, sizeof(sizes) / sizeof(sizes[0]));
    assert_int_equal(params_check(config_function_keys, sizeof(struct function_config), err), 0);
    assert_int_equal(config_load(&c, NULL, NULL, 0, err), 0);
    assert_int_equal(c.node.port, 18080);
    assert_string_equal(c.node.id, "127.0.0.1:18080");
    assert_int_equal(c.node.slots, 4);
    assert_int_equal(c.node.stop_timeout, 30000000000);
    assert_string_equal(c.scheduler.plugin, "power_of_choices");
    assert_int_equal(c.n_peers + c.n_functions + c.scheduler.parameters.n, 0);
    reads("", NULL);
    reads("---\n", NULL);
    reads("{}", NULL);
    reads("node:\nlog: {}\nfunctions:\npeers:\n  nodes:\nscheduler:\n  parameters:\n", NULL);
    assert_int_equal(c.node.port, 18080);
    assert_string_equal(c.file, path);
}

static void try_key(void *ctx, const char *section, const struct p2p_param *p)
{
    char value[128], override[256], now[128];

    (void)ctx;
    params_format_default(p, value, sizeof(value));
    buf_clear(&text);
    buf_printf(&text, "%s:\n  %s: '%s'\n", section, p->name, value);
    reads(buf_text(&text), NULL);
    params_format(p, config_section(&c, section), now, sizeof(now));
    if (!strstr(value, "${") && value[0])
        assert_string_equal(now, value);
    for (int i = 0; i < 4 && p->type == P2P_INT; i++) {
        snprintf(override, sizeof(override), "%s.%s=%.0f", section, p->name,
                 i % 2 ? p->max + i / 2 : p->min - i / 2);
        if (i < 2)
            reads("", override);
        else
            REFUSES_SET("", override, section, p->name, "allowed: an integer from ");
    }
}

static void test_keys_take_their_default_and_their_ends_but_not_one_more(void **state)
{
    (void)state;
    config_each_key(try_key, NULL);
    assert_null(config_section(&c, "functions"));
}

static void test_wrong_values_are_told_with_line_key_and_range(void **state)
{
    (void)state;
    REFUSES(2, "node:\n  slots: many\n", "node.slots: 'many'", "an integer from 1 to 65536");
    REFUSES(3, "node:\n  id: a\n  port: 65536\n", "node.port: '65536'", "from 1 to 65535");
    REFUSES(2, "log:\n  level: loud\n", "log.level: 'loud'", "one of debug, info, warn, error");
    REFUSES(2, "limits:\n  body: 2GB\n", "limits.body: '2GB'", "a size from 0 to 1GB");
    REFUSES(2, "node:\n  pin: maybe\n", "node.pin: 'maybe'", "allowed");
    REFUSES(3, "peers:\n\n  retry: 10\n", "peers.retry: '10'", "from 10ms to 1h", "unit");
    REFUSES(2, "functions:\n  f: {timeout: 0s}\n", "functions.f.timeout: '0s'", "1ms to 24h");
    REFUSES(2, "node:\n  port: [1]\n", "node.port is a list", "a value");
    REFUSES(2, "node:\n  id: \"a\\0b\"\n", "node.id", "zero byte");
    REFUSES(2, "node:\n  listen: localhost\n", "node.listen: 'localhost'", "allowed", "0.0.0.0");
    REFUSES(2, "node:\n  listen: 127.0.0.1:80\n", "node.listen: '127.0.0.1:80'", "without a port");
}

static void test_unknown_keys_and_those_given_twice_are_told(void **state)
{
    (void)state;
    REFUSES(1, "nodes:\n  slots: 4\n", "section nodes", "did you mean 'node'?", "functions, node");
    REFUSES(1, "zzzzzzz: 1\n", "section zzzzzzz: unknown; allowed: ", "peers");
    REFUSES(2, "node:\n  solts: 4\n", "node.solts", "did you mean 'slots'?", "allowed: id, listen");
    REFUSES(2, "peers:\n  node: []\n", "peers.node", "did you mean 'nodes'?", "retry");
    REFUSES(2, "functions:\n  f: {comand: b}\n", "functions.f.comand", "did you mean 'command'?");
    REFUSES(3, "peers:\n  nodes:\n  - {adress: 1.2.3.4}\n", "peers.nodes.adress",
            "name, address, protocol");
    REFUSES(3, "node:\n  port: 1\n  port: 1\n", "node.port is given twice", "line 2");
    REFUSES(3, "node: {}\nlog: {}\nnode: {}\n", ": section node is given twice", "line 1");
    REFUSES(4, "functions:\n  f: {command: a}\n\n  f:\n", "f is given twice", "line 2");
    REFUSES(4, "scheduler:\n  parameters:\n    a: 1\n    a: 2\n", "parameters.a", "line 3");
    REFUSES(4, "peers:\n  nodes:\n  - 127.0.0.2\n  - 127.0.0.2\n", "'127.0.0.2' is listed twice");
}

static void test_files_of_another_form_or_size_are_refused(void **state)
{
    static char bytes[(1 << 20) + 1];

    (void)state;
    REFUSES(1, "text", "the file is a value", "allowed: a map");
    REFUSES(1, "node: 5\n", "node is a value", "allowed: a map");
    REFUSES(2, "functions:\n- a\n", "functions is a list", "allowed: a map");
    REFUSES(1, "? [a]\n: b\n", "a key is a list");
    REFUSES(2, "node:\n\tport: 1\n", "not YAML");
    REFUSES(1, "node: *nobody\n", "not YAML", "alias");
    REFUSES(2, "node: \"a\n", "not YAML");
    REFUSES(3, "node: {}\n---\nlog: {}\n", "a second document", "allowed: one");
    assert_int_equal(load("node: \xff\xfe\n", 9, NULL), -1);
    tells(WORDS(path, "not YAML"));
    assert_int_equal(config_load(&c, "/tmp", NULL, 0, err), -1);
    tells(WORDS("/tmp: cannot be read"));
    assert_int_equal(config_load(&c, "/nowhere/plugins.yaml", NULL, 0, err), -1);
    tells(WORDS("/nowhere/plugins.yaml: ", "No such file"));
    memset(bytes, '\n', sizeof(bytes));
    memcpy(bytes, "node: {port: 7}", 15);
    assert_int_equal(load(bytes, sizeof(bytes) - 1, NULL), 0);
    assert_int_equal(c.node.port, 7);
    assert_int_equal(load(bytes, sizeof(bytes), NULL), -1);
    tells(WORDS(path, "larger than 1 MB"));
}

static void test_the_place_of_a_setting_is_known(void **state)
{
    static const struct pair in_file = {NULL, NULL, 7}, said = {NULL, NULL, 0};
    char where[CONFIG_PLACE], wanted[CONFIG_PLACE];

    (void)state;
    reads("node:\n  port: 1\n  slots: 2\n", "node.slots=3");
    config_place(&c, "node", "port", where, sizeof(where));
    snprintf(wanted, sizeof(wanted), "%s:2: node.port", path);
    assert_string_equal(where, wanted);
    config_place(&c, "node", "slots", where, sizeof(where));
    assert_string_equal(where, "--set node.slots");
    config_place(&c, "node", "queue", where, sizeof(where));
    snprintf(wanted, sizeof(wanted), "%s: node.queue", path);
    assert_string_equal(where, wanted);
    config_parameter_place(&c, "scheduler", &in_file, where, sizeof(where));
    snprintf(wanted, sizeof(wanted), "%s:7: scheduler.parameters", path);
    assert_string_equal(where, wanted);
    config_parameter_place(&c, "scheduler", &said, where, sizeof(where));
    assert_string_equal(where, "--set scheduler.parameters");
    reads("scheduler:\n  parameters:\n    fanout: 2\n", "scheduler.parameters.fanout=3");
    assert_int_equal(c.scheduler.parameters.list[0].line, 0);
}

static void test_parameters_are_kept_as_written_with_their_lines(void **state)
{
    (void)state;
    reads("scheduler:\n  parameters:\n    fanout: 2\n    rate: 1e1\n", NULL);
    assert_int_equal(c.scheduler.parameters.n, 2);
    assert_false(c.scheduler.parameters.by_order);
    assert_string_equal(c.scheduler.parameters.list[1].name, "rate");
    assert_string_equal(c.scheduler.parameters.list[1].value, "1e1");
    assert_int_equal(c.scheduler.parameters.list[1].line, 4);
    reads("scheduler:\n  parameters: [2, true]\n", NULL);
    assert_true(c.scheduler.parameters.by_order);
    assert_null(c.scheduler.parameters.list[1].name);
    assert_string_equal(c.scheduler.parameters.list[1].value, "true");
    REFUSES(3, "scheduler:\n  parameters:\n    a: [1]\n", "a parameter is a list", "a value");
}

static void test_a_learner_is_configured_as_a_scheduler_is(void **state)
{
    char where[CONFIG_PLACE], wanted[CONFIG_PLACE];

    (void)state;
    reads("learner:\n", NULL);
    assert_string_equal(c.learner.plugin, "");
    assert_string_equal(c.learner.file, "");
    assert_int_equal(c.learner.save_interval, INT64_C(300000000000));
    assert_int_equal(c.learner.most_episodes, 65536);
    assert_int_equal(c.learner.expiry, INT64_C(60000000000));
    assert_int_equal(c.learner.batch, 32);
    assert_int_equal(c.learner.batch_interval, 100000000);
    reads("learner: {plugin: q, file: /x/y}\n", "learner.save_interval=0s");
    assert_string_equal(c.learner.file, "/x/y");
    assert_int_equal(c.learner.save_interval, 0);
    reads("learner:\n  plugin: q\n  parameters:\n    alpha: 0.1\n", "learner.parameters.beta=2");
    assert_int_equal(c.learner.parameters.n, 2);
    assert_string_equal(c.learner.parameters.list[0].value, "0.1");
    assert_int_equal(c.scheduler.parameters.n, 0);
    config_parameter_place(&c, "learner", &c.learner.parameters.list[0], where, sizeof(where));
    snprintf(wanted, sizeof(wanted), "%s:4: learner.parameters", path);
    assert_string_equal(where, wanted);
    /* Another one does not take them. */
    reads("learner: {plugin: q, parameters: {alpha: 1}}\n", "learner.plugin=r");
    assert_int_equal(c.learner.parameters.n, 0);
    reads("scheduler: {plugin: s, parameters: {a: 1}}\n", "learner.plugin=r");
    assert_int_equal(c.scheduler.parameters.n, 1);
    reads("learner: {parameters: [1, 2]}\n", NULL);
    assert_true(c.learner.parameters.by_order);
    REFUSES(1, "learner: {most_episodes: 0}", "learner.most_episodes", "from 1 to 16777216");
    REFUSES(1, "learner: {batch: 0}", "learner.batch", "from 1 to 65536");
    REFUSES(1, "learner: {expiry: 0s}", "learner.expiry");
    REFUSES(1, "learner: {parameter: {}}", "learner.parameter", "did you mean 'parameters'?");
    REFUSES(1, "learner: {parameters: {a: {}}}", "a parameter is a map");
    REFUSES_SET("", "learner.plugn=q", "learner.plugn", "did you mean 'plugin'?");
    REFUSES_SET("learner: {parameters: [1]}", "learner.parameters.a=1", "list");
}

/* `before`, then n times `each` with a number for its #. */
static const char *repeated(const char *before, const char *each, int n)
{
    buf_clear(&text);
    buf_puts(&text, before);
    for (int i = 1; i <= n; i++)
        for (const char *s = each; *s; s++)
            if (*s == '#' ? buf_printf(&text, "%d.%d", i / 250, i % 250 + 1)
                          : buf_append(&text, s, 1))
                fail_msg("no room");
    return buf_text(&text);
}

static void test_numbers_of_entries_are_bounded(void **state)
{
    static const struct {
        const char *before, *each;
        int most;
    } lists[] = {
        {"scheduler:\n  parameters:\n", "    p#: 1\n", CONFIG_MAX_PARAMETERS},
        {"scheduler:\n  parameters:\n", "    - 1\n", CONFIG_MAX_PARAMETERS},
        {"learner:\n  parameters:\n", "    p#: 1\n", CONFIG_MAX_PARAMETERS},
        {"peers:\n  nodes:\n", "  - 127.1.#\n", CONFIG_MAX_PEERS},
        {"functions:\n", "  f#: {command: a}\n", CONFIG_MAX_FUNCTIONS - 1},
        {"functions:\n  f:\n    command:\n", "    - a\n", CONFIG_MAX_ARGS},
        {"functions:\n  f:\n    command: a\n    environment:\n", "      V#: a\n", CONFIG_MAX_ARGS},
    };
    char number[32];

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        reads(repeated(lists[i].before, lists[i].each, lists[i].most), NULL);
        repeated(lists[i].before, lists[i].each, lists[i].most + 1);
        assert_int_equal(load(text.data, text.len, NULL), -1);
        snprintf(number, sizeof(number), "more than %d", lists[i].most);
        tells(WORDS(path, number));
    }
}

static void test_peers_need_an_address_and_may_have_a_name(void **state)
{
    (void)state;
    reads("peers:\n  nodes:\n  - 127.0.0.2\n  - {name: n3, address: '[::1]:9'}\n  - ::2\n", NULL);
    assert_int_equal(c.n_peers, 3);
    assert_string_equal(c.peer[0].name, "127.0.0.2");
    assert_string_equal(c.peer[0].endpoint.text, "127.0.0.2:18080");
    assert_string_equal(c.peer[1].name, "n3");
    assert_string_equal(c.peer[1].endpoint.text, "[::1]:9");
    assert_string_equal(c.peer[2].endpoint.text, "[::2]:18080");
    REFUSES(3, "peers:\n  nodes:\n  - localhost\n", "'localhost'", "numeric", "127.0.0.2:18080");
    REFUSES(3, "peers:\n  nodes:\n  - {name: n2}\n", "without address", "{name: n2");
    REFUSES(3, "peers:\n  nodes:\n  - [127.0.0.2]\n", "peers.nodes is a list", "a map");
    REFUSES(1, "peers: {nodes: [{name: n, address: 1.1.1.1}, {name: n, address: 1.1.1.2}]}",
            "'n' is listed twice");
    REFUSES(2, "peers:\n  nodes: 127.0.0.2\n", "peers.nodes is a value", "a list of addresses");
}

static void test_a_peer_may_be_said_to_be_an_original(void **state)
{
    (void)state;
    reads("peers:\n  nodes:\n  - {address: 127.0.0.2, protocol: original}\n"
          "  - {address: 127.0.0.3, protocol: ours}\n  - 127.0.0.4\n",
          NULL);
    assert_true(c.peer[0].has_protocol && c.peer[0].protocol == PEER_ORIGINAL);
    assert_true(c.peer[1].has_protocol && c.peer[1].protocol == PEER_OURS);
    assert_true(!c.peer[2].has_protocol && c.peer[2].protocol == PEER_OURS);
    REFUSES(2, "peers:\n  nodes: [{address: 127.0.0.2, protocol: http}]\n", "'http'",
            "ours, original");
    REFUSES(1, "discovery: {seeds: [{address: 127.0.0.2, protocol: original}]}\n",
            "discovery.seeds.protocol", "name, address");
}

static void test_seeds_are_a_list_of_the_same_form(void **state)
{
    (void)state;
    reads("discovery:\n  port: 7\n  seeds: [127.0.0.2, '127.0.0.3:9', 127.0.0.1]\n", NULL);
    assert_int_equal(c.discovery.n_seeds, 2); /* it is none to itself */
    assert_string_equal(c.discovery.seed[0].endpoint.text, "127.0.0.2:7");
    assert_string_equal(c.discovery.seed[1].endpoint.text, "127.0.0.3:9");
    reads("", "discovery.seeds=127.0.0.4,127.0.0.5");
    assert_int_equal(c.discovery.n_seeds, 2);
    assert_string_equal(c.discovery.seed[1].endpoint.text, "127.0.0.5:19000");
    REFUSES(2, "discovery:\n  seeds: 127.0.0.2\n", "discovery.seeds is a value", "a list");
    reads("discovery: {port: 7, seeds: [n2, n3.example.org:9, 127.0.0.1]}", NULL);
    assert_int_equal(c.discovery.n_seeds, 2);
    assert_int_equal(c.discovery.seed[0].endpoint.length, 0);
    assert_string_equal(c.discovery.seed[1].address, "n3.example.org:9");
    REFUSES(1, "discovery: {seeds: [10.0.0.300]}", "discovery.seeds", "'10.0.0.300'", "numeric",
            "name of a host");
    REFUSES(1, "discovery: {seeds: ['n2:0']}", "discovery.seeds", "'n2:0'", "n2.example.org:19000");
    REFUSES(1, "discovery: {seeds: [n2, n2]}", "discovery.seeds", "'n2' is listed twice");
    REFUSES(1, "discovery: {nodes: [a]}", "discovery.nodes", "seeds");
    REFUSES(0, "discovery: {port: 18080}", "discovery.port", "node.port");
}

static void test_one_file_serves_all_nodes_of_a_cluster(void **state)
{
    static const char file[] = "peers: {nodes: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']}\n"
                               "functions: {a: {command: x}, b: {command: y}}\n";
    char port[] = "node.port=1";

    (void)state;
    for (int i = 1; i <= 3; i++) {
        port[sizeof(port) - 2] = (char)('0' + i);
        reads(file, port);
        assert_int_equal(c.n_peers, 2);
        assert_string_equal(c.peer[0].address, i == 1 ? "127.0.0.1:2" : "127.0.0.1:1");
        assert_string_equal(c.peer[1].address, i == 3 ? "127.0.0.1:2" : "127.0.0.1:3");
        assert_int_equal(c.n_functions, 2);
    }
    reads(file, "node.port=4");
    assert_int_equal(c.n_peers, 3);
}

static void test_commands_are_lists_or_split_at_blanks(void **state)
{
    const struct function_config *f;

    (void)state;
    reads("functions:\n  f: {command: ' a  b\tc '}\n"
          "  g: {command: [a, 'b c'], environment: {A: '1', B: 'x=y', C: }, mode: http}\n",
          NULL);
    f = c.function;
    assert_string_equal(f[0].command[0], "a");
    assert_string_equal(f[0].command[2], "c");
    assert_null(f[0].command[3]);
    assert_null(f[0].environment);
    assert_int_equal(f[0].timeout, 30000000000);
    assert_string_equal(f[1].command[1], "b c");
    assert_null(f[1].command[2]);
    assert_string_equal(f[1].environment[1], "B=x=y");
    assert_string_equal(f[1].environment[2], "C=");
    assert_null(f[1].environment[3]);
    assert_int_equal(f[1].mode, FUNCTION_HTTP);
}

static void test_functions_without_a_right_name_or_command_are_told(void **state)
{
    (void)state;
#define NAME31 "abcdefghijklmnopqrstuvwxyz.-_09"
    reads("functions: {" NAME31 NAME31 "x: {command: a}, A: {command: b}}", NULL);
    REFUSES(1, "functions: {" NAME31 NAME31 "xy: {command: a}}", NAME31, "1 to 63 of");
    REFUSES(2, "functions:\n  a/b: {command: a}\n", "'a/b' is no name", "A-Z a-z 0-9");
    REFUSES(1, "functions: {..: {command: a}}", "'..' is no name");
    REFUSES(1, "functions: {'': {command: a}}", "'' is no name");
    REFUSES(2, "functions:\n  f:\n", "functions.f has no command", "a program");
    REFUSES(3, "functions:\n  f:\n    command: ' '\n", "functions.f.command is empty");
    REFUSES(3, "functions:\n  f:\n    command: [a, [b]]\n", "command is a list", "a value");
    REFUSES(3, "functions:\n  f:\n    environment: {A=B: c}\n", "'A=B' is no name of a variable");
    REFUSES(2, "functions:\n  f: {command: a, environment: {PORT: '1'}, mode: http}\n",
            "functions.f.environment.PORT: in mode http the node says which port");
}

static void test_bin_and_lib_are_where_the_program_is(void **state)
{
    char own[2048], expected[2200];
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

    (void)state;
    own[n > 0 ? n : 0] = '\0';
    *strrchr(own, '/') = '\0';
    reads("plugins: {folder: 'a${BIN}/${LIB}$'}\nfunctions: {f: {command: '${BIN}/f ${X}'}}\n",
          NULL);
    snprintf(expected, sizeof(expected), "a%s/%s/../lib/p2pfaas$", own, own);
    assert_string_equal(c.plugins.folder, expected);
    snprintf(expected, sizeof(expected), "%s/f", own);
    assert_string_equal(c.function[0].command[0], expected);
}

static void test_overrides_win_over_the_file(void **state)
{
    static const char file[] = "node: {port: 5}\nscheduler: {plugin: a, parameters: {x: 1}}\n"
                               "peers: {nodes: [127.0.0.2]}\n";

    (void)state;
    reads(file, "node.port=6");
    assert_int_equal(c.node.port, 6);
    reads(file, "scheduler.parameters.x=a=b.c");
    assert_string_equal(c.scheduler.parameters.list[0].value, "a=b.c");
    reads(file, "scheduler.parameters.y=2");
    assert_int_equal(c.scheduler.parameters.n, 2);
    reads(file, "scheduler.plugin=a");
    assert_int_equal(c.scheduler.parameters.n, 1);
    reads(file, "scheduler.plugin=b");
    assert_int_equal(c.scheduler.parameters.n, 0);
    reads(file, "peers.nodes=127.0.0.3, 127.0.0.4,");
    assert_int_equal(c.n_peers, 2);
    assert_string_equal(c.peer[1].address, "127.0.0.4");
    reads(file, "peers.nodes=");
    assert_int_equal(c.n_peers, 0);
}

static void test_wrong_overrides_are_told(void **state)
{
    (void)state;
    REFUSES_SET("", "node.port=x", "node.port", "'x'", "an integer from 1 to 65535");
    REFUSES_SET("", "node.prot=1", "node.prot", "did you mean 'port'?", "allowed: id");
    REFUSES_SET("", "functions.f=1", "functions.f", "no such section", "allowed: node, log");
    REFUSES_SET("", "node.port", "node.port", "allowed: section.key=value");
    REFUSES_SET("", "port=1.2", "--set port: allowed: section.key=value");
    REFUSES_SET("", "peers.nodes=127.0.0.2,n3", "peers.nodes", "'n3'", "numeric");
    REFUSES_SET("scheduler: {parameters: [1]}", "scheduler.parameters.a=1", "list");
    repeated("scheduler:\n  parameters:\n", "    p#: 1\n", CONFIG_MAX_PARAMETERS);
    REFUSES_SET(buf_text(&text), "scheduler.parameters.a=1", "more than 64");
}

static void test_function_in_containers_is_read_and_checked(void **state)
{
    (void)state;
    reads("docker: {socket: /run/d.sock, pull: never, keep: true}\n"
          "node: {id: n1}\n"
          "functions:\n  f: {runtime: docker, image: 'a.b:5000/c/d@sha256:12', memory: 64MB, cpu: "
          "0.5, replicas_max: 3, port: 80}\n",
          NULL);
    assert_string_equal(c.docker.socket, "/run/d.sock");
    assert_int_equal(c.docker.pull, PULL_NEVER);
    assert_ptr_equal(c.function[0].docker, &c.docker);
    assert_string_equal(c.function[0].docker->node, "n1");
    assert_int_equal(c.function[0].memory, 64 << 20);
    assert_int_equal(c.function[0].replicas_max, 3);
    assert_null(c.function[0].command);
    REFUSES(2, "functions:\n  f: {runtime: docker}\n", "functions.f.image", "no name of an image");
    REFUSES(2, "functions:\n  f: {runtime: docker, image: 'a?b'}\n", "functions.f.image: 'a?b'");
    REFUSES(2, "functions:\n  f: {runtime: docker, image: a, network: host}\n",
            "functions.f.network: 'host'");
    REFUSES(2, "functions:\n  f: {runtime: docker, image: a, memory: 1MB}\n", "functions.f.memory",
            "6MB");
    REFUSES(2, "functions:\n  f: {runtime: docker, image: a, replicas_min: 2}\n",
            "functions.f.replicas_min: 2", "allowed: 0 to 1");
    REFUSES(2, "functions:\n  f: {runtime: docker, image: a, environment: {PORT: 1}}\n",
            "functions.f.environment.PORT");
    REFUSES(2, "functions:\n  f: {runtime: docker, image: a, url: 'http://a'}\n",
            "functions.f.url: means nothing", "runtime: http");
    REFUSES(2, "functions:\n  f: {runtime: podman, command: a}\n",
            "process, docker, http, openfaas");
}

static void test_functions_elsewhere_are_read_and_checked(void **state)
{
    (void)state;
    reads("openfaas: {gateway: 'https://gw.example:31112', user: admin, password: x, refresh: 2s, "
          "offer: false}\n"
          "functions:\n"
          "  a: {runtime: http, url: 'http://10.0.0.3:8080/path'}\n"
          "  b: {runtime: http}\n"
          "  c: {runtime: openfaas}\n"
          "  d: {runtime: openfaas, image: 'team/d:1', replicas_min: 1, environment: {PORT: 1}}\n",
          NULL);
    assert_int_equal(c.function[0].runtime, FUNCTION_REMOTE);
    assert_string_equal(c.function[0].url, "http://10.0.0.3:8080/path");
    assert_int_equal(c.function[3].runtime, FUNCTION_OPENFAAS);
    assert_string_equal(c.openfaas.namespace, "openfaas-fn");
    assert_int_equal(c.openfaas.refresh, 2000000000);
    assert_false(c.openfaas.offer);
    REFUSES(2, "functions:\n  f: {runtime: http, url: 'ftp://a/'}\n", "functions.f.url: 'ftp://a/'",
            "http:// or https://");
    REFUSES(2, "functions:\n  f: {runtime: http, url: 'a b'}\n", "functions.f.url", "allowed");
    refuses(
        "functions:\n  f: {runtime: openfaas}\n", NULL, 0,
        (const char *[]){"openfaas.gateway is missing: functions.f has runtime openfaas", NULL});
    REFUSES(2, "functions:\n  f: {runtime: openfaas, image: 'a?b'}\n", "functions.f.image: 'a?b'");
    REFUSES(2, "functions:\n  f: {runtime: openfaas, replicas_min: 2}\n",
            "functions.f.replicas_min: 2");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {T(tables_are_sound_and_what_is_not_given_is_default),
                                       T(statuses_of_async_calls_are_checked),
                                       T(keys_take_their_default_and_their_ends_but_not_one_more),
                                       T(wrong_values_are_told_with_line_key_and_range),
                                       T(unknown_keys_and_those_given_twice_are_told),
                                       T(files_of_another_form_or_size_are_refused),
                                       T(the_place_of_a_setting_is_known),
                                       T(parameters_are_kept_as_written_with_their_lines),
                                       T(a_learner_is_configured_as_a_scheduler_is),
                                       T(numbers_of_entries_are_bounded),
                                       T(peers_need_an_address_and_may_have_a_name),
                                       T(a_peer_may_be_said_to_be_an_original),
                                       T(seeds_are_a_list_of_the_same_form),
                                       T(one_file_serves_all_nodes_of_a_cluster),
                                       T(commands_are_lists_or_split_at_blanks),
                                       T(functions_without_a_right_name_or_command_are_told),
                                       T(function_in_containers_is_read_and_checked),
                                       T(functions_elsewhere_are_read_and_checked),
                                       T(bin_and_lib_are_where_the_program_is),
                                       T(overrides_win_over_the_file),
                                       T(wrong_overrides_are_told)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
