/* The scheduler and the slots of a function, from a file and from a text alone. */
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

static char path[] = "/tmp/p2p-choice-XXXXXX";
static int fd = -1;
static struct config c;
static char err[P2P_ERRLEN];

static int setup(void **state)
{
    (void)state;
    memset(path + strlen(path) - 6, 'X', 6);
    fd = mkstemp(path);
    memset(&c, 0, sizeof(c));
    return fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    config_release(&c);
    close(fd);
    unlink(path);
    return 0;
}

/* The functions f, and g if there is one, have this. */
static int load(const char *functions)
{
    config_release(&c);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, functions, strlen(functions), 0), strlen(functions));
    return config_load(&c, path, NULL, 0, err);
}

static void reads(const char *functions)
{
    if (load(functions))
        fail_msg("refused: %s", err);
}

static void refuses(const char *functions, int line, const char *part)
{
    char place[64];

    if (load(functions) == 0)
        fail_msg("taken: %s", functions);
    snprintf(place, sizeof(place), "%s:%d: ", path, line);
    if (strncmp(err, place, strlen(place)) != 0 || !strstr(err, part))
        fail_msg("'%s' and '%s' are not said in: %s", place, part, err);
}

static void has(const struct scheduler_choice *s, const char *plugin, unsigned n)
{
    assert_non_null(s->plugin);
    assert_string_equal(s->plugin, plugin);
    assert_int_equal(s->parameters.n, n);
}

static void is(const struct pair *p, const char *name, const char *value)
{
    if (name)
        assert_string_equal(p->name, name);
    else
        assert_null(p->name);
    assert_string_equal(p->value, value);
}

static void a_name_or_a_map_is_a_scheduler(void **state)
{
    const struct function_config *f;

    (void)state;
    reads("functions:\n"
          "  a: {command: x, scheduler: random}\n"
          "  b: {command: x, scheduler: {plugin: jsq, parameters: {loss: true, max_hops: 2}}}\n"
          "  c: {command: x, scheduler: {plugin: PowerOfNScheduler, parameters: [1, 2, true, 1]}}\n"
          "  d: {command: x, scheduler: }\n"
          "  e: {command: x}\n"
          "  f: {command: x, scheduler: '{plugin: jsq, parameters: {loss: true}}'}\n");
    f = c.function;
    has(&f[0].own, "random", 0);
    has(&f[1].own, "jsq", 2);
    is(&f[1].own.parameters.list[0], "loss", "true");
    is(&f[1].own.parameters.list[1], "max_hops", "2");
    has(&f[2].own, "PowerOfNScheduler", 4);
    assert_true(f[2].own.parameters.by_order);
    is(&f[2].own.parameters.list[2], NULL, "true");
    assert_null(f[3].own.plugin);
    assert_null(f[4].own.plugin);
    has(&f[5].own, "jsq", 1);
    is(&f[5].own.parameters.list[0], "loss", "true");
}

/* As an annotation has it. */
static int set_text(struct function_config *f, const char *text)
{
    config_release(&c);
    reads("functions: {f: {command: x}}\n");
    *f = c.function[0];
    assert_int_equal(params_set(params_find(config_function_keys, "scheduler"), f, text, err), 0);
    c.function[0] = *f;
    if (config_check_function(&c.function[0], err))
        return -1;
    *f = c.function[0];
    return 0;
}

static void a_text_says_the_same_as_a_map(void **state)
{
    static const char *const same[] = {
        "{plugin: jsq, parameters: {loss: true, max_hops: 2}}",
        "{\"plugin\":\"jsq\",\"parameters\":{\"loss\":true,\"max_hops\":2}}",
        "plugin: jsq\nparameters:\n  loss: true\n  max_hops: 2\n",
    };
    struct function_config f;

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        if (set_text(&f, same[i]))
            fail_msg("%s: %s", same[i], err);
        has(&f.own, "jsq", 2);
        is(&f.own.parameters.list[0], "loss", "true");
        is(&f.own.parameters.list[1], "max_hops", "2");
        assert_int_equal(f.own.parameters.list[1].line, 0);
    }
    assert_int_equal(set_text(&f, "random"), 0);
    has(&f.own, "random", 0);
    assert_int_equal(set_text(&f, ""), 0);
    assert_null(f.own.plugin);
    assert_int_equal(set_text(&f, " # nothing"), 0);
    assert_null(f.own.plugin);
}

static void what_is_no_scheduler_is_told(void **state)
{
    static const char *const texts[][2] = {
        {"[random]", "functions.f.scheduler:1: functions.f.scheduler is a list"},
        {"{plugin: [a]}", "functions.f.scheduler.plugin is a list"},
        {"{plugin: ''}", "functions.f.scheduler.plugin is empty"},
        {"{}", "functions.f.scheduler has no plugin"},
        {"{plugn: a}", "functions.f.scheduler.plugn: "},
        {"{plugin: a", "not YAML"},
        {"a\n---\nb", "a second document"},
        {"{plugin: a, plugin: b}", "given twice"},
        {"\x80", "not YAML"},
    };
    struct function_config f;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(set_text(&f, texts[i][0]), -1);
        if (!strstr(err, texts[i][1]))
            fail_msg("'%s' is not said in: %s", texts[i][1], err);
    }
    refuses("functions:\n  f:\n    command: x\n    scheduler: {parameters: {a: 1}}\n", 4,
            "functions.f.scheduler has no plugin; allowed: a name, or {plugin: NAME");
    refuses("functions:\n  f:\n    command: x\n    scheduler:\n      plugin: a\n      fanout: 2\n",
            6, "functions.f.scheduler.fanout: ");
    refuses("functions:\n  f:\n    command: x\n    scheduler: [a]\n", 4,
            "functions.f.scheduler is a list");
    refuses("functions:\n  f:\n    command: x\n    scheduler: '{plugin: a'\n", 2,
            "functions.f.scheduler:2: not YAML");
    refuses("functions:\n  f: {command: x, scheduler: {plugin: a, parameters: {b: [1]}}}\n", 2,
            "a parameter is a list");
    refuses("functions:\n  f: {command: x, slots: -1}\n", 2, "functions.f.slots: '-1'");
    refuses("functions:\n  f: {command: x, slots: 65537}\n", 2, "0 to 65536");
}

static void parameters_are_bounded(void **state)
{
    static char text[4096];
    size_t at = (size_t)snprintf(text, sizeof(text), "{plugin: a, parameters: [");
    struct function_config f;

    (void)state;
    for (int i = 0; i < CONFIG_MAX_PARAMETERS + 1; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%d,", i);
    snprintf(text + at, sizeof(text) - at, "]}");
    assert_int_equal(set_text(&f, text), -1);
    assert_non_null(strstr(err, "more than 64 parameters"));
}

static void what_is_wrong_has_its_place(void **state)
{
    char where[CONFIG_PLACE], wanted[CONFIG_PLACE];
    const struct function_config *f;

    (void)state;
    reads("functions:\n  f:\n    command: x\n    scheduler:\n      plugin: a\n      parameters:\n"
          "        b: 1\n        c: 2\n  g:\n    command: x\n    scheduler: '{plugin: a, "
          "parameters: [1]}'\n");
    f = c.function;
    snprintf(wanted, sizeof(wanted), "%s:5: functions.f.scheduler", path);
    config_choice_place(&c, &f[0], NULL, where, sizeof(where));
    assert_string_equal(where, wanted);
    snprintf(wanted, sizeof(wanted), "%s:8: functions.f.scheduler", path);
    config_choice_place(&c, &f[0], &f[0].own.parameters.list[1], where, sizeof(where));
    assert_string_equal(where, wanted);
    snprintf(wanted, sizeof(wanted), "%s:11: functions.g.scheduler", path);
    config_choice_place(&c, &f[1], &f[1].own.parameters.list[0], where, sizeof(where));
    assert_string_equal(where, wanted);
}

/* Two functions of the same name: do they run the same, and have they the same scheduler? */
static void compare(const char *first, const char *second, bool same_function, bool same_choice)
{
    struct config a, b;
    char yaml[512];

    snprintf(yaml, sizeof(yaml), "functions: {f: {command: x%s}}\n", first);
    reads(yaml);
    a = c;
    memset(&c, 0, sizeof(c));
    snprintf(yaml, sizeof(yaml), "functions: {f: {command: x%s}}\n", second);
    reads(yaml);
    b = c;
    memset(&c, 0, sizeof(c));
    assert_int_equal(config_same_function(&a.function[0], &b.function[0]), same_function);
    assert_int_equal(config_same_choice(&a.function[0].own, &b.function[0].own), same_choice);
    config_release(&a);
    config_release(&b);
}

static void neither_is_part_of_how_a_function_runs(void **state)
{
    (void)state;
    compare("", "", true, true);
    compare(", slots: 1", ", slots: 2", true, true);
    compare("", ", scheduler: a", true, false);
    compare(", scheduler: a", ", scheduler: {plugin: a}", true, true);
    compare(", scheduler: a", ", scheduler: b", true, false);
    compare(", scheduler: {plugin: a, parameters: {b: 1}}", ", scheduler: a", true, false);
    compare(", scheduler: {plugin: a, parameters: {b: 1}}",
            ", scheduler: {plugin: a, parameters: {b: 2}}", true, false);
    compare(", scheduler: {plugin: a, parameters: {b: 1}}",
            ", scheduler: {plugin: a, parameters: {c: 1}}", true, false);
    compare(", scheduler: {plugin: a, parameters: [1]}",
            ", scheduler: {plugin: a, parameters: {b: 1}}", true, false);
    compare(", scheduler: {plugin: a, parameters: [1]}",
            ", scheduler: '{plugin: a, parameters: [1]}'", true, true);
    compare(", timeout: 1s", ", timeout: 2s", false, true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_name_or_a_map_is_a_scheduler), T(a_text_says_the_same_as_a_map),
        T(what_is_no_scheduler_is_told),   T(parameters_are_bounded),
        T(what_is_wrong_has_its_place),    T(neither_is_part_of_how_a_function_runs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
