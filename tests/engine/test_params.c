#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/params.h"

struct all {
    int64_t slots;
    double rate;
    int64_t tau;
    const char *folder;
    int64_t fallback;
    int64_t body;
    int64_t wide;
    bool loss;
};

static const char *const fallbacks[] = {"local", "reject", NULL};
static const struct p2p_param table[] = {
    P2P_PARAM_INT(struct all, slots, 4, 1, 64, "jobs at once"),
    P2P_PARAM_NUM(struct all, rate, 0.5, 0, 1, "share"),
    P2P_PARAM_DURATION(struct all, tau, 10e6, 0, 36e12, "age"),
    P2P_PARAM_STRING(struct all, folder, "plugins", "where"),
    P2P_PARAM_ENUM(struct all, fallback, 1, fallbacks, "what else"),
    P2P_PARAM_SIZE(struct all, body, 16777216, 0, 1099511627776.0, "most bytes"),
    P2P_PARAM_INT(struct all, wide, 0, -9223372036854775808.0, 9223372036854775807.0, "any"),
    P2P_PARAM_BOOL(struct all, loss, 1, "lose it"),
    P2P_PARAM_END};

static int setup(void **state)
{
    struct all *a = calloc(1, sizeof(*a));
    char err[P2P_ERRLEN];

    *state = a;
    return a ? params_defaults(table, a, err) : -1;
}

static int teardown(void **state)
{
    params_release(table, *state);
    free(*state);
    return 0;
}

/* Sets `name` to `text` and prints it again. */
static void reads(void *base, const char *name, const char *text, const char *printed)
{
    const struct p2p_param *p = params_find(table, name);
    char err[P2P_ERRLEN] = "", out[64];

    if (params_set(p, base, text, err))
        fail_msg("%s = '%s' was refused: %s", name, text, err);
    params_format(p, base, out, sizeof(out));
    assert_string_equal(out, printed);
}

/* Must refuse, say so in the agreed form, and keep the old value. */
static void refuses(void *base, const char *name, const char *text)
{
    const struct p2p_param *p = params_find(table, name);
    char err[P2P_ERRLEN] = "", before[64], after[64], begin[128];

    params_format(p, base, before, sizeof(before));
    if (!params_set(p, base, text, err))
        fail_msg("%s = '%s' was taken", name, text);
    params_format(p, base, after, sizeof(after));
    assert_string_equal(before, after);
    snprintf(begin, sizeof(begin), "%s: '%.40s", name, text);
    assert_memory_equal(err, begin, strlen(begin));
    assert_non_null(strstr(err, "; allowed: "));
}

static void defaults_are_stored(void **state)
{
    struct all *a = *state;

    assert_int_equal(a->slots, 4);
    assert_true(a->rate == 0.5);
    assert_int_equal(a->tau, 10000000);
    assert_string_equal(a->folder, "plugins");
    assert_int_equal(a->fallback, 1);
    assert_int_equal(a->body, 16777216);
    assert_true(a->loss);
}

static void defaults_print_as_they_are_written(void **state)
{
    static const char *const expected[] = {"4",      "0.5",  "10ms", "plugins",
                                           "reject", "16MB", "0",    "true"};
    char out[64], stored[64];

    assert_int_equal(params_count(table), 8);
    for (uint32_t i = 0; i < params_count(table); i++) {
        params_format_default(&table[i], out, sizeof(out));
        assert_string_equal(out, expected[i]);
        params_format(&table[i], *state, stored, sizeof(stored));
        assert_string_equal(stored, expected[i]);
    }
}

static void integers(void **state)
{
    reads(*state, "slots", "1", "1");
    reads(*state, "slots", "64", "64");
    reads(*state, "slots", "007", "7");
    reads(*state, "wide", "-5", "-5");
    refuses(*state, "slots", "0");
    refuses(*state, "slots", "65");
    refuses(*state, "slots", "4.0");
    refuses(*state, "slots", "1e1");
    refuses(*state, "slots", "0x10");
    refuses(*state, "slots", "");
    refuses(*state, "slots", "-");
    refuses(*state, "slots", " 4");
    refuses(*state, "slots", "4 ");
    refuses(*state, "slots", "many");
}

static void integers_are_exact(void **state)
{
    reads(*state, "wide", "9007199254740993", "9007199254740993");
    reads(*state, "wide", "-9007199254740993", "-9007199254740993");
}

static void integers_reach_both_ends(void **state)
{
    reads(*state, "wide", "-9223372036854775808", "-9223372036854775808");
    reads(*state, "wide", "9223372036854775807", "9223372036854775807");
}

static void integers_do_not_wrap(void **state)
{
    refuses(*state, "wide", "9223372036854775808");
    refuses(*state, "wide", "-9223372036854775809");
    refuses(*state, "wide", "99999999999999999999999999");
}

static void numbers(void **state)
{
    reads(*state, "rate", "0.1", "0.1");
    reads(*state, "rate", "1e-3", "0.001");
    reads(*state, "rate", "1", "1");
    refuses(*state, "rate", "nan");
    refuses(*state, "rate", "inf");
    refuses(*state, "rate", "1e999");
    refuses(*state, "rate", "0x1p-1");
    refuses(*state, "rate", "1.01");
    refuses(*state, "rate", "-0.01");
    refuses(*state, "rate", "0.5x");
    refuses(*state, "rate", "");
}

static void booleans(void **state)
{
    static const char *const yes[] = {"true", "yes", "on", "1", "T", "t", "True"};
    static const char *const no[] = {"false", "no", "off", "0", "F", "f", "FALSE"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        reads(*state, "loss", no[i], "false");
        reads(*state, "loss", yes[i], "true");
    }
    refuses(*state, "loss", "2");
    refuses(*state, "loss", "");
    refuses(*state, "loss", "maybe");
}

static void durations(void **state)
{
    struct all *a = *state;
    char err[P2P_ERRLEN];

    reads(a, "tau", "250us", "250us");
    reads(a, "tau", "0", "0s");
    reads(a, "tau", "0s", "0s");
    reads(a, "tau", "5ns", "5ns");
    reads(a, "tau", ".5ms", "500us");
    assert_int_equal(params_set(params_find(table, "tau"), a, "1.5s", err), 0);
    assert_int_equal(a->tau, 1500000000);
    assert_int_equal(params_set(params_find(table, "tau"), a, "1m30s", err), 0);
    assert_int_equal(a->tau, 90000000000);
    reads(a, "tau", "10h", "10h");
    refuses(a, "tau", "1\xc2\xb5s");
    refuses(a, "tau", "11h");
    refuses(a, "tau", "-1s");
    refuses(a, "tau", "s");
    refuses(a, "tau", ".s");
    refuses(a, "tau", "1x");
    refuses(a, "tau", "1 s");
    refuses(a, "tau", "1s ");
    refuses(a, "tau", "");
    refuses(a, "tau", "99999999999999999999h");
}

static void duration_without_a_unit_has_a_hint(void **state)
{
    char err[P2P_ERRLEN];

    assert_int_equal(params_set(params_find(table, "tau"), *state, "10", err), -1);
    assert_non_null(strstr(err, "unit"));
    assert_non_null(strstr(err, "10ms"));
}

static void sizes(void **state)
{
    reads(*state, "body", "16MB", "16MB");
    reads(*state, "body", "64KB", "64KB");
    reads(*state, "body", "512", "512");
    reads(*state, "body", "1536", "1536");
    reads(*state, "body", "0", "0");
    reads(*state, "body", "1gb", "1GB");
    refuses(*state, "body", "-1");
    refuses(*state, "body", "MB");
    refuses(*state, "body", "1XB");
    refuses(*state, "body", "16 MB");
    refuses(*state, "body", "2048GB");
    refuses(*state, "body", "99999999999999999999GB");
}

static void choices(void **state)
{
    char err[P2P_ERRLEN];

    reads(*state, "fallback", "local", "local");
    refuses(*state, "fallback", "Local");
    refuses(*state, "fallback", "0");
    refuses(*state, "fallback", "");
    assert_int_equal(params_set(params_find(table, "fallback"), *state, "x", err), -1);
    assert_non_null(strstr(err, "one of local, reject"));
}

static void strings_are_owned(void **state)
{
    char text[] = "elsewhere";
    struct all *a = *state;

    reads(a, "folder", text, "elsewhere");
    text[0] = 'X';
    assert_string_equal(a->folder, "elsewhere");
    reads(a, "folder", "", "");
    params_release(table, a);
    assert_null(a->folder);
}

static void messages_stay_inside(void **state)
{
    char text[2000], out[8], err[P2P_ERRLEN];

    memset(text, '9', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (const struct p2p_param *p = table; p->name; p++) {
        if (p->type != P2P_STRING)
            assert_int_equal(params_set(p, *state, text, err), -1);
        assert_true(strnlen(err, sizeof(err)) < sizeof(err));
        params_allowed(p, out, sizeof(out));
        assert_true(strnlen(out, sizeof(out)) < sizeof(out));
        params_format_default(p, out, sizeof(out));
        assert_true(strnlen(out, sizeof(out)) < sizeof(out));
    }
}

static void says_what_is_allowed(void **state)
{
    static const char *const expected[] = {"an integer from 1 to 64", "a number from 0 to 1",
                                           "a duration from 0s to 10h", "text",
                                           "one of local, reject"};
    static const char *const types[] = {"integer", "number", "duration", "string",
                                        "choice",  "size",   "integer",  "boolean"};
    char out[128];

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        params_allowed(&table[i], out, sizeof(out));
        assert_string_equal(out, expected[i]);
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_string_equal(params_type_name(&table[i]), types[i]);
}

static void finds_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(params_find(table, "tau"), &table[2]);
    assert_null(params_find(table, "Tau"));
    assert_null(params_find(NULL, "tau"));
    assert_int_equal(params_count(NULL), 0);
}

/* The table of `slots` and `rate`, with the second one spoilt by a test. */
static struct p2p_param pair[3];

static int make_pair(void **state)
{
    (void)state;
    memcpy(pair, table, sizeof(pair[0]) * 2);
    memset(&pair[2], 0, sizeof(pair[2]));
    return 0;
}

static void is_wrong(uint32_t size, const char *name)
{
    char err[P2P_ERRLEN] = "";

    assert_int_equal(params_check(pair, size, err), -1);
    if (!strstr(err, name))
        fail_msg("the message does not name '%s': %s", name, err);
}

static void sound_tables_pass(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    assert_int_equal(params_check(table, sizeof(struct all), err), 0);
    assert_int_equal(params_check(pair, sizeof(struct all), err), 0);
    assert_int_equal(params_check(NULL, 0, err), 0);
}

static void overlap_is_found(void **state)
{
    (void)state;
    pair[1].offset = pair[0].offset;
    is_wrong(sizeof(struct all), "rate");
}

static void field_outside_is_found(void **state)
{
    (void)state;
    is_wrong(12, "rate");
    is_wrong(0, "slots");
    pair[1].offset = UINT32_MAX - 7;
    is_wrong(sizeof(struct all), "rate");
}

static void fields_need_no_alignment(void **state)
{
    char err[P2P_ERRLEN], out[16];
    struct all a;

    (void)state;
    pair[1].offset = 17;
    assert_int_equal(params_check(pair, sizeof(a), err), 0);
    assert_int_equal(params_defaults(pair, &a, err), 0);
    params_format(&pair[1], &a, out, sizeof(out));
    assert_string_equal(out, "0.5");
}

static void default_out_of_range_is_found(void **state)
{
    (void)state;
    pair[1].def = 1.5;
    is_wrong(sizeof(struct all), "rate");
    pair[1].def = NAN;
    is_wrong(sizeof(struct all), "rate");
    pair[1].def = -1;
    is_wrong(sizeof(struct all), "rate");
}

static void missing_help_is_found(void **state)
{
    (void)state;
    pair[1].help = "";
    is_wrong(sizeof(struct all), "rate");
    pair[1].help = NULL;
    is_wrong(sizeof(struct all), "rate");
}

static void double_name_is_found(void **state)
{
    (void)state;
    pair[1].name = "slots";
    is_wrong(sizeof(struct all), "slots");
}

static void unknown_type_is_found(void **state)
{
    (void)state;
    pair[1].type = 0;
    is_wrong(sizeof(struct all), "rate");
    pair[1].type = P2P_SIZE + 1;
    is_wrong(sizeof(struct all), "rate");
}

static void choice_without_choices_is_found(void **state)
{
    static const char *const none[] = {NULL};

    (void)state;
    pair[1].type = P2P_ENUM;
    is_wrong(sizeof(struct all), "rate");
    pair[1].choices = none;
    is_wrong(sizeof(struct all), "rate");
    pair[1].choices = fallbacks;
    pair[1].def = 2;
    is_wrong(sizeof(struct all), "rate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_are_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(defaults_print_as_they_are_written, setup, teardown),
        cmocka_unit_test_setup_teardown(integers, setup, teardown),
        cmocka_unit_test_setup_teardown(integers_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(integers_reach_both_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(integers_do_not_wrap, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(booleans, setup, teardown),
        cmocka_unit_test_setup_teardown(durations, setup, teardown),
        cmocka_unit_test_setup_teardown(duration_without_a_unit_has_a_hint, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(choices, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_are_owned, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_stay_inside, setup, teardown),
        cmocka_unit_test(says_what_is_allowed),
        cmocka_unit_test(finds_by_name),
        cmocka_unit_test_setup(sound_tables_pass, make_pair),
        cmocka_unit_test_setup(overlap_is_found, make_pair),
        cmocka_unit_test_setup(field_outside_is_found, make_pair),
        cmocka_unit_test_setup(fields_need_no_alignment, make_pair),
        cmocka_unit_test_setup(default_out_of_range_is_found, make_pair),
        cmocka_unit_test_setup(missing_help_is_found, make_pair),
        cmocka_unit_test_setup(double_name_is_found, make_pair),
        cmocka_unit_test_setup(unknown_type_is_found, make_pair),
        cmocka_unit_test_setup(choice_without_choices_is_found, make_pair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
