#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/training.h"

/* ---- texts ---- */

static void states_are_finite_numbers_with_commas(void **state)
{
    static const char *const wrong[] = {"",        ",",   "1,",  ",1",   "1,,2", "a",
                                        "1 2",     "nan", "inf", "-inf", "0x10", "1e99",
                                        "1,2,3,4", "1;2", "+-1", "1e",   "."};
    float out[3];

    (void)state;
    assert_int_equal(learner_read_state("0.0,1.5,-2e1", out, 3), 3);
    assert_true(out[0] == 0 && out[1] == 1.5F && out[2] == -20);
    assert_int_equal(learner_read_state(" 7 , 8 ", out, 3), 2);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (learner_read_state(wrong[i], out, 3) != -1)
            fail_msg("'%s' is taken", wrong[i]);
}

static void numbers_are_written_as_short_as_they_are_read(void **state)
{
    static const struct {
        float value;
        const char *text;
    } rows[] = {{0, "0.0"},       {1, "1.0"},
                {0.9F, "0.9"},    {100, "100.0"},
                {-2.5F, "-2.5"},  {0.01019798F, "0.01019798"},
                {1e-5F, "1e-05"}, {16777216, "16777216.0"},
                {1e30F, "1e+30"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[LEARNER_NUMBER];

        learner_write_number(out, rows[i].value);
        if (rows[i].value < 1e7F || rows[i].value > 1e20F)
            assert_string_equal(out, rows[i].text);
        assert_true(strtof(out, NULL) == rows[i].value);
    }
}

static void a_batch_keeps_what_is_sound(void **state)
{
    static const char json[] =
        "[{\"eid\":\"1\",\"state\":\"0,1\",\"action\":\"2.0\",\"reward\":0.5},"
        "{\"eid\":\"x\",\"state\":\"0,1\",\"action\":\"2\",\"reward\":1},"
        "{\"eid\":3,\"state\":\"5\",\"action\":1,\"reward\":\"-1\"}]\n";
    struct train_batch b;

    (void)state;
    assert_int_equal(train_batch_read(&b, json, strlen(json)), TRAIN_READ);
    assert_int_equal(b.n, 3);
    assert_true(b.items[0].sound && !b.items[1].sound && b.items[2].sound);
    assert_true(b.items[0].eid == 1 && b.items[0].action == 2 && b.items[0].reward == 0.5F);
    assert_true(b.items[0].n_state == 2 && b.items[0].state[1] == 1);
    assert_true(b.items[2].eid == 3 && b.items[2].n_state == 1 && b.items[2].state[0] == 5);
    train_batch_release(&b);
}

static void other_bodies_are_told_apart(void **state)
{
    static const struct {
        const char *json;
        enum train_result result;
    } rows[] = {{"", TRAIN_NOT_JSON},      {"[", TRAIN_NOT_JSON},     {"[] 1", TRAIN_NOT_JSON},
                {"[]", TRAIN_EMPTY},       {"{}", TRAIN_EMPTY},       {"null", TRAIN_EMPTY},
                {"[1]", TRAIN_INCOMPLETE}, {"[{}]", TRAIN_INCOMPLETE}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct train_batch b;

        assert_int_equal(train_batch_read(&b, rows[i].json, strlen(rows[i].json)), rows[i].result);
        train_batch_release(&b);
    }
}

/* ---- sequences ---- */

struct seen {
    unsigned n;
    uint64_t eid[4096], next_action[4096];
    float next[4096]; /* -1: none */
};

static int note(void *ctx, const struct p2p_transition *t, uint32_t n)
{
    struct seen *s = ctx;

    assert_int_equal(n, 1);
    s->eid[s->n] = t->episode;
    s->next_action[s->n] = t->next_action;
    s->next[s->n++] = t->next ? t->next[0] : -1;
    return t->action == 9 ? -1 : 0;
}

static void add(struct training *t, struct seen *s, uint64_t eid, uint32_t action)
{
    float state = (float)eid;
    struct train_item item = {
        .sound = true, .eid = eid, .action = action, .n_state = 1, .reward = 1, .state = &state};

    assert_int_equal(training_add(t, &item, note, s), 0);
}

static int training_setup(void **state)
{
    struct training *t = malloc(sizeof(*t));

    training_init(t);
    *state = t;
    return 0;
}

static int training_teardown(void **state)
{
    training_release(*state);
    free(*state);
    return 0;
}

static void one_is_learned_when_its_successor_came(void **state)
{
    static struct seen s;
    struct training *t = *state;
    struct training_stats stats;

    s.n = 0;
    add(t, &s, 1, 0);
    assert_int_equal(s.n, 0);
    add(t, &s, 3, 2);
    add(t, &s, 2, 1);
    assert_int_equal(s.n, 2);
    assert_true(s.eid[0] == 1 && s.next[0] == 2 && s.next_action[0] == 2);
    assert_true(s.eid[1] == 2 && s.next[1] == 3 && s.next_action[1] == 3);
    add(t, &s, 1, 0);
    add(t, &s, 3, 0);
    training_tell(t, &stats);
    assert_true(stats.duplicates == 2 && stats.trained == 2 && stats.pending == 1);
    assert_true(stats.eid_max == 3 && stats.eid_last == 2);
    add(t, &s, UINT64_MAX, 0); /* has no successor */
    add(t, &s, 0, 0);
    assert_int_equal(s.n, 2);
    training_clear(t);
    training_tell(t, &stats);
    assert_true(stats.pending == 0 && stats.trained == 0);
}

static void who_waits_for_long_ends_its_sequence(void **state)
{
    static struct seen s;
    struct training *t = *state;

    s.n = 0;
    for (uint64_t k = 0; k <= TRAINING_PATIENCE; k++)
        add(t, &s, 10 + 2 * k, 0);
    assert_int_equal(s.n, 0);
    add(t, &s, 1001, 0);
    assert_int_equal(s.n, 1);
    assert_true(s.eid[0] == 10 && s.next[0] < 0 && s.next_action[0] == 0);
}

static void what_is_not_taken_is_counted(void **state)
{
    static struct seen s;
    struct training *t = *state;
    struct training_stats stats;

    s.n = 0;
    add(t, &s, 1, 9);
    add(t, &s, 2, 0);
    training_tell(t, &stats);
    assert_true(stats.refused == 1 && stats.trained == 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, training_setup, training_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_finite_numbers_with_commas),
        cmocka_unit_test(numbers_are_written_as_short_as_they_are_read),
        cmocka_unit_test(a_batch_keeps_what_is_sound),
        cmocka_unit_test(other_bodies_are_told_apart),
        T(one_is_learned_when_its_successor_came),
        T(who_waits_for_long_ends_its_sequence),
        T(what_is_not_taken_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
