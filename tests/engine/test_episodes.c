#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "engine/episodes.h"

static char err[P2P_ERRLEN];

static struct episodes *table(uint32_t most, uint32_t batch, uint32_t n_dims)
{
    struct episodes *e = episodes_new(most, batch, n_dims, err);

    if (!e)
        fail_msg("%s", err);
    return e;
}

/* Opened at `now`, over at now + 100; its state is its id and the id's negative. */
static bool open_one(struct episodes *e, uint64_t id, uint64_t now)
{
    float state[2] = {(float)id, -(float)id};
    struct episode one = {.id = id,
                          .began_ns = now,
                          .deadline_ns = now + 100,
                          .generation = 7,
                          .action = (uint32_t)(id % 5)};

    return episodes_open(e, &one, state);
}

static enum reward_verdict reward(struct episodes *e, uint64_t id, uint64_t now)
{
    return episodes_reward(e, id, (float)id / 2, NULL, 0, now);
}

static void a_reward_makes_a_transition(void **state)
{
    static const float next[2] = {8, 9};
    struct episodes *e = table(4, 3, 2);
    const struct p2p_transition *t;
    const struct episode *found;
    const float *its_state;
    uint64_t since;

    (void)state;
    for (uint64_t id = 11; id <= 13; id++)
        assert_false(open_one(e, id, 5));
    assert_int_equal(episodes_count(e), 3);
    found = episodes_find(e, 12, &its_state);
    assert_int_equal(found->action, 2);
    assert_int_equal(found->generation, 7);
    assert_true(its_state[1] == -12);
    assert_int_equal(episodes_pending(e, &since), 0);
    assert_int_equal(reward(e, 13, 20), REWARD_TAKEN);
    assert_int_equal(episodes_reward(e, 11, 3, next, 0, 30), REWARD_TAKEN);
    assert_int_equal(episodes_pending(e, &since), 2);
    assert_int_equal(since, 20);
    assert_false(episodes_full(e));
    assert_int_equal(reward(e, 12, 40), REWARD_TAKEN);
    assert_true(episodes_full(e));
    assert_int_equal(episodes_count(e), 0);
    assert_null(episodes_find(e, 12, &its_state));
    assert_int_equal(episodes_take(e, &t), 3);
    assert_int_equal(t[0].episode, 13);
    assert_int_equal(t[0].action, 3);
    assert_true(t[0].state[0] == 13 && t[0].state[1] == -13 && t[0].reward == 6.5F);
    assert_null(t[0].next);
    assert_int_equal(t[1].episode, 11);
    assert_true(t[1].state[0] == 11 && t[1].next[0] == 8 && t[1].next[1] == 9);
    assert_int_equal(t[2].episode, 12);
    assert_int_equal(episodes_pending(e, &since), 0);
    episodes_free(e);
}

static void what_became_of_an_episode_is_known(void **state)
{
    struct episodes *e = table(4, 8, 2);

    (void)state;
    open_one(e, 50, 0);
    open_one(e, 52, 0);
    assert_int_equal(reward(e, 50, 1), REWARD_TAKEN);
    assert_int_equal(reward(e, 50, 1), REWARD_DUPLICATE);
    assert_true(episodes_know(e, 50) && episodes_know(e, 52));
    /* Given to another table, and not given yet. */
    assert_false(episodes_know(e, 51) || episodes_know(e, 53) || episodes_know(e, 49));
    assert_int_equal(reward(e, 52, 100), REWARD_EXPIRED);
    assert_int_equal(episodes_expire(e, 99, 10), 0);
    assert_int_equal(episodes_expire(e, 100, 10), 1);
    assert_int_equal(reward(e, 52, 100), REWARD_EXPIRED);
    assert_int_equal(episodes_count(e), 0);
    episodes_free(e);
}

static void the_oldest_gives_its_place_up(void **state)
{
    struct episodes *e = table(3, 8, 2);
    const float *its_state;

    (void)state;
    for (uint64_t id = 1; id <= 3; id++)
        assert_false(open_one(e, id, 0));
    assert_int_equal(reward(e, 2, 1), REWARD_TAKEN);
    assert_false(open_one(e, 4, 0));
    assert_true(open_one(e, 5, 0));
    assert_null(episodes_find(e, 1, &its_state));
    assert_non_null(episodes_find(e, 3, &its_state));
    assert_int_equal(reward(e, 1, 1), REWARD_EXPIRED);
    assert_int_equal(episodes_count(e), 3);
    episodes_free(e);
}

static void one_at_a_time_is_enough(void **state)
{
    struct episodes *e = table(1, 1, 1);
    const struct p2p_transition *t;

    (void)state;
    for (uint64_t id = 1; id < 1000; id++) {
        assert_int_equal(open_one(e, id, id), id % 2 == 0);
        if (id % 2 == 0) {
            assert_int_equal(reward(e, id, id), REWARD_TAKEN);
            assert_int_equal(episodes_take(e, &t), 1);
            id++;
            open_one(e, id, id);
        }
    }
    episodes_free(e);
}

static void they_expire_oldest_first_and_so_many_at_once(void **state)
{
    struct episodes *e = table(100, 8, 2);
    const float *its_state;

    (void)state;
    for (uint64_t id = 1; id <= 100; id++)
        open_one(e, id, id);
    assert_int_equal(episodes_expire(e, 150, 20), 20);
    assert_null(episodes_find(e, 20, &its_state));
    assert_non_null(episodes_find(e, 21, &its_state));
    assert_int_equal(episodes_expire(e, 150, 100), 30);
    assert_int_equal(episodes_expire(e, 1000, 100), 50);
    assert_int_equal(episodes_expire(e, 1000, 100), 0);
    open_one(e, 101, 1000);
    assert_int_equal(episodes_count(e), 1);
    episodes_free(e);
}

/* An id is known for four times as many as can be open, an open one for as long as it is. */
static void an_old_one_is_forgotten_unless_it_is_open(void **state)
{
    struct episodes *e = table(8, 8, 2);
    const struct p2p_transition *t;

    (void)state;
    open_one(e, 1, 0);
    open_one(e, 2, 0);
    assert_int_equal(reward(e, 2, 0), REWARD_TAKEN);
    for (uint64_t id = 3; id <= 33; id++) {
        open_one(e, id, 0);
        assert_int_equal(reward(e, id, 0), REWARD_TAKEN);
        episodes_take(e, &t);
    }
    assert_true(episodes_know(e, 2));
    open_one(e, 34, 0);
    assert_false(episodes_know(e, 2));
    assert_true(episodes_know(e, 1));
    assert_int_equal(reward(e, 1, 0), REWARD_TAKEN);
    assert_false(episodes_know(e, 1));
    open_one(e, 1000000, 0);
    assert_false(episodes_know(e, 33));
    assert_true(episodes_know(e, 34) && episodes_know(e, 1000000));
    episodes_free(e);
}

/* ---- against a plain list ---- */

enum { IDS = 20000, MOST = 37 };
static enum { NEVER, OPEN, DONE, OVER } fate[IDS];

static uint64_t oldest_open(uint64_t last)
{
    for (uint64_t id = last < 300 ? 1 : last - 300; id <= last; id++)
        if (fate[id] == OPEN)
            return id;
    return 0;
}

static void check_all(const struct episodes *e, uint64_t last)
{
    uint32_t n = 0;

    for (uint64_t id = last < 300 ? 1 : last - 300; id <= last; id++) {
        const float *its_state;
        const struct episode *found = episodes_find(e, id, &its_state);

        assert_int_equal(found != NULL, fate[id] == OPEN);
        if (found)
            assert_true(found->id == id && its_state[0] == (float)id);
        n += found != NULL;
    }
    assert_int_equal(episodes_count(e), n);
}

static void any_order_gives_what_a_plain_list_gives(void **state)
{
    struct episodes *e = table(MOST, 5, 2);
    const struct p2p_transition *t;
    struct random r;
    uint64_t last = 0, now = 0;
    uint32_t open = 0;

    (void)state;
    random_seed(&r, 12);
    while (last < IDS - 10) {
        uint64_t id = last - random_below(&r, last < 60 ? (uint32_t)last + 1 : 60);

        now += random_below(&r, 4);
        if (random_below(&r, 2)) {
            last += 1 + random_below(&r, 2);
            if (open == MOST)
                fate[oldest_open(last)] = OVER;
            assert_int_equal(open_one(e, last, now), open == MOST);
            open += open < MOST;
            fate[last] = OPEN;
        } else if (id && fate[id] != NEVER) {
            enum reward_verdict v = reward(e, id, now);

            if (v == REWARD_TAKEN) {
                assert_int_equal(fate[id], OPEN);
                fate[id] = DONE;
                open--;
            } else {
                assert_int_equal(v, fate[id] == DONE ? REWARD_DUPLICATE : REWARD_EXPIRED);
            }
        }
        if (episodes_full(e))
            assert_int_equal(episodes_take(e, &t), 5);
        for (unsigned n = episodes_expire(e, now, 3); n > 0; n--, open--)
            fate[oldest_open(last)] = OVER;
        if (random_below(&r, 50) == 0)
            check_all(e, last);
    }
    episodes_free(e);
}

static void a_table_that_is_too_large_is_refused(void **state)
{
    (void)state;
    assert_null(episodes_new(1000000, 32, 4096, err));
    assert_non_null(strstr(err, "lower learner.most_episodes"));
    assert_null(episodes_new(16, 1000000, 4096, err));
    episodes_free(table(65536, 32, 900));
    episodes_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reward_makes_a_transition),
        cmocka_unit_test(what_became_of_an_episode_is_known),
        cmocka_unit_test(the_oldest_gives_its_place_up),
        cmocka_unit_test(one_at_a_time_is_enough),
        cmocka_unit_test(they_expire_oldest_first_and_so_many_at_once),
        cmocka_unit_test(an_old_one_is_forgotten_unless_it_is_open),
        cmocka_unit_test(any_order_gives_what_a_plain_list_gives),
        cmocka_unit_test(a_table_that_is_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
