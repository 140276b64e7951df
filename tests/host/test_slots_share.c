/* Jobs of a share wait for it, and for nothing else; nobody waits for them. */
#include "tests/host/support_slots.h"

enum { SLOTS = 4 };

/* Waiters 0 to 3 are of share 0, the next three of share 1, the last of none. */
static void share_out(uint32_t limit0, uint32_t limit1)
{
    slots_configure(&f.slots, SLOTS, WAITERS, true);
    slots_limit_share(&f.slots, &f.share[0], limit0);
    slots_limit_share(&f.slots, &f.share[1], limit1);
    for (unsigned i = 0; i < WAITERS - 1; i++)
        f.waiter[i].place.share = &f.share[i / 4];
}

/* A slot with its share comes back and goes to waiter i. */
static void share_goes_to(unsigned share, unsigned i)
{
    unsigned before = f.n_granted;

    slots_give(&f.slots, &f.share[share]);
    deliver();
    assert_int_equal(f.n_granted, before + 1);
    assert_ptr_equal(f.order[before % WAITERS], &f.waiter[i]);
}

static void test_a_taken_share_leaves_the_other_slots_free(void **state)
{
    (void)state;
    share_out(1, 0);
    assert_int_equal(take(0), SLOT_TAKEN);
    assert_int_equal(slots_take(&f.slots, &f.waiter[1].place, false), SLOT_NONE);
    assert_int_equal(take(1), SLOT_QUEUED);
    assert_int_equal(take(2), SLOT_QUEUED);
    counts_are(1, 2);
    assert_int_equal(take(4), SLOT_TAKEN);
    assert_int_equal(take(5), SLOT_TAKEN);
    assert_int_equal(take(7), SLOT_TAKEN);
    shares_are(1, 2);
    counts_are(SLOTS, 2);
    share_goes_to(0, 1);
    share_goes_to(0, 2);
    shares_are(1, 2);
    slots_give(&f.slots, &f.share[0]);
    shares_are(0, 2);
    counts_are(SLOTS - 1, 0);
}

static void test_who_waits_for_its_share_holds_up_nobody_behind(void **state)
{
    (void)state;
    share_out(1, 2);
    assert_int_equal(take(0), SLOT_TAKEN);
    for (unsigned i = 0; i < SLOTS - 1; i++)
        assert_int_equal(slots_take(&f.slots, &f.anyone, false), SLOT_TAKEN);
    assert_int_equal(take(1), SLOT_QUEUED);
    assert_int_equal(take(2), SLOT_QUEUED);
    assert_int_equal(take(4), SLOT_QUEUED);
    assert_int_equal(take(7), SLOT_QUEUED);
    give_goes_to(4); /* past 1 and 2 */
    give_goes_to(7);
    slots_give(&f.slots, NULL);
    deliver();
    assert_int_equal(f.n_granted, 2);
    counts_are(SLOTS - 1, 2);
    assert_int_equal(take(3), SLOT_QUEUED); /* behind those of its share */
    assert_int_equal(take(5), SLOT_TAKEN);  /* past all three */
    share_goes_to(0, 1);
    share_goes_to(0, 2);
    share_goes_to(0, 3);
    counts_are(SLOTS, 0);
}

static void test_a_slot_of_another_share_is_not_given_to_a_taken_one(void **state)
{
    (void)state;
    share_out(1, 1);
    assert_int_equal(take(0), SLOT_TAKEN);
    assert_int_equal(take(4), SLOT_TAKEN);
    assert_int_equal(take(1), SLOT_QUEUED);
    assert_int_equal(take(5), SLOT_QUEUED);
    share_goes_to(1, 5);
    shares_are(1, 1);
    share_goes_to(0, 1);
    counts_are(2, 0);
}

static void test_ranks_hold_within_and_across_shares(void **state)
{
    (void)state;
    share_out(1, 1);
    slots_configure(&f.slots, 2, WAITERS, true);
    assert_int_equal(take(0), SLOT_TAKEN);
    assert_int_equal(take(4), SLOT_TAKEN);
    assert_int_equal(take_at(1, 30), SLOT_QUEUED);
    assert_int_equal(take_at(2, 20), SLOT_QUEUED);
    assert_int_equal(take_at(5, 40), SLOT_QUEUED);
    assert_int_equal(take_at(7, 35), SLOT_QUEUED);
    share_goes_to(1, 7); /* before 5, past 2 and 1 */
    share_goes_to(0, 2);
    share_goes_to(0, 1);
    give_goes_to(5);
    counts_are(2, 0);
}

static void test_a_raise_of_a_share_lets_as_many_run_as_it_adds(void **state)
{
    (void)state;
    share_out(1, 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(take(i), i ? SLOT_QUEUED : SLOT_TAKEN);
    slots_limit_share(&f.slots, &f.share[0], 2);
    counts_are(2, 2);
    slots_limit_share(&f.slots, &f.share[0], 0);
    counts_are(4, 0);
    deliver();
    assert_int_equal(f.n_granted, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(f.order[i], &f.waiter[i + 1]);
    shares_are(4, 0);
}

static void test_a_share_has_no_more_than_the_node(void **state)
{
    (void)state;
    share_out(3, 0);
    slots_configure(&f.slots, 1, WAITERS, true);
    assert_int_equal(take(0), SLOT_TAKEN);
    assert_int_equal(take(1), SLOT_QUEUED);
    slots_limit_share(&f.slots, &f.share[0], 9);
    counts_are(1, 1);
    share_goes_to(0, 1);
    shares_are(1, 0);
}

static void test_jobs_that_run_count_when_their_share_gets_a_limit(void **state)
{
    (void)state;
    share_out(0, 0);
    assert_int_equal(take(0), SLOT_TAKEN);
    assert_int_equal(take(1), SLOT_TAKEN);
    slots_limit_share(&f.slots, &f.share[0], 1);
    assert_int_equal(take(2), SLOT_QUEUED);
    slots_give(&f.slots, &f.share[0]);
    counts_are(1, 1);
    share_goes_to(0, 2);
    shares_are(1, 0);
}

static void test_who_was_passed_over_may_leave(void **state)
{
    (void)state;
    for (unsigned left = 1; left < 4; left++) {
        share_out(1, 0);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(take(i), i ? SLOT_QUEUED : SLOT_TAKEN);
        assert_int_equal(take(4), SLOT_TAKEN);
        assert_true(slots_leave(&f.slots, &f.waiter[left].place));
        counts_are(2, 2);
        share_goes_to(0, left == 1 ? 2 : 1);
        share_goes_to(0, left == 3 ? 2 : 3);
        slots_give(&f.slots, &f.share[0]);
        slots_give(&f.slots, &f.share[1]);
        counts_are(0, 0);
    }
}

static void test_those_who_wait_for_a_share_fill_the_queue_too(void **state)
{
    (void)state;
    share_out(1, 0);
    slots_configure(&f.slots, SLOTS, 2, true);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(take(i), i ? SLOT_QUEUED : SLOT_TAKEN);
    assert_int_equal(take(3), SLOT_NONE);
    assert_int_equal(take(4), SLOT_TAKEN);
    counts_are(2, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_a_taken_share_leaves_the_other_slots_free),
        T(test_who_waits_for_its_share_holds_up_nobody_behind),
        T(test_a_slot_of_another_share_is_not_given_to_a_taken_one),
        T(test_ranks_hold_within_and_across_shares),
        T(test_a_raise_of_a_share_lets_as_many_run_as_it_adds),
        T(test_a_share_has_no_more_than_the_node),
        T(test_jobs_that_run_count_when_their_share_gets_a_limit),
        T(test_who_was_passed_over_may_leave),
        T(test_those_who_wait_for_a_share_fill_the_queue_too),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
