#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/host/support_slots.h"

/* The first n waiters queue behind LIMIT takers. */
static void fill(unsigned n)
{
    for (unsigned i = 0; i < LIMIT; i++)
        assert_int_equal(slots_take(&f.slots, &f.anyone, false), SLOT_TAKEN);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(take(i), SLOT_QUEUED);
    counts_are(LIMIT, n);
}

static void test_as_many_as_the_limit_run(void **state)
{
    (void)state;
    counts_are(0, 0);
    fill(0);
    assert_int_equal(slots_take(&f.slots, &f.waiter[0].place, false), SLOT_NONE);
    counts_are(LIMIT, 0);
    slots_give(&f.slots, NULL);
    counts_are(LIMIT - 1, 0);
    assert_int_equal(slots_take(&f.slots, &f.waiter[0].place, false), SLOT_TAKEN);
}

static void test_the_queue_is_full_at_its_limit(void **state)
{
    (void)state;
    fill(QUEUE);
    assert_int_equal(take(QUEUE), SLOT_NONE);
    counts_are(LIMIT, QUEUE);
    give_goes_to(0);
    assert_int_equal(take(QUEUE), SLOT_QUEUED);
    assert_int_equal(take(QUEUE + 1), SLOT_NONE);
}

static void test_nobody_waits_without_a_queue(void **state)
{
    (void)state;
    slots_configure(&f.slots, LIMIT, 0, true);
    fill(0);
    assert_int_equal(take(0), SLOT_NONE);
    slots_configure(&f.slots, LIMIT, QUEUE, false);
    assert_int_equal(take(0), SLOT_NONE);
    slots_configure(&f.slots, LIMIT, QUEUE, true);
    assert_int_equal(take(0), SLOT_QUEUED);
}

static void test_a_slot_goes_to_who_waits_longest(void **state)
{
    (void)state;
    fill(QUEUE);
    for (unsigned i = 0; i < QUEUE; i++) {
        give_goes_to(i);
        counts_are(LIMIT, QUEUE - i - 1);
    }
    for (unsigned i = 0; i < QUEUE; i++)
        assert_int_equal(f.waiter[i].granted, 1);
    slots_give(&f.slots, NULL);
    slots_give(&f.slots, NULL);
    counts_are(0, 0);
}

static void test_granted_is_called_by_the_loop_only(void **state)
{
    (void)state;
    fill(1);
    slots_give(&f.slots, NULL);
    assert_int_equal(f.n_granted, 0);
    /* Nobody can get between: a slot on its way is taken. */
    assert_int_equal(slots_take(&f.slots, &f.waiter[1].place, false), SLOT_NONE);
    counts_are(LIMIT, 0);
    deliver();
    assert_int_equal(f.n_granted, 1);
    deliver();
    assert_int_equal(f.n_granted, 1);
}

static void test_anyone_in_the_queue_may_leave(void **state)
{
    static const unsigned others[3][2] = {{1, 2}, {0, 2}, {0, 1}};

    (void)state;
    for (unsigned left = 0; left < 3; left++) {
        fill(3);
        assert_true(slots_leave(&f.slots, &f.waiter[left].place));
        counts_are(LIMIT, 2);
        assert_int_equal(take(3), SLOT_QUEUED);
        give_goes_to(others[left][0]);
        give_goes_to(others[left][1]);
        give_goes_to(3);
        for (unsigned i = 0; i < LIMIT; i++)
            slots_give(&f.slots, NULL);
        counts_are(0, 0);
    }
}

static void test_all_may_leave_and_come_again(void **state)
{
    (void)state;
    assert_false(slots_leave(&f.slots, &f.waiter[0].place));
    fill(2);
    assert_true(slots_leave(&f.slots, &f.waiter[0].place));
    assert_true(slots_leave(&f.slots, &f.waiter[1].place));
    assert_false(slots_leave(&f.slots, &f.waiter[1].place));
    counts_are(LIMIT, 0);
    assert_int_equal(take(1), SLOT_QUEUED);
    assert_int_equal(take(0), SLOT_QUEUED);
    give_goes_to(1);
    give_goes_to(0);
}

static void test_leaving_too_late_still_brings_the_slot(void **state)
{
    (void)state;
    fill(2);
    slots_give(&f.slots, NULL);
    assert_false(slots_leave(&f.slots, &f.waiter[0].place));
    counts_are(LIMIT, 1);
    deliver();
    assert_int_equal(f.waiter[0].granted, 1);
    assert_false(slots_leave(&f.slots, &f.waiter[0].place));
    give_goes_to(1);
}

static void test_a_raise_lets_as_many_run_as_it_adds(void **state)
{
    (void)state;
    fill(3);
    slots_configure(&f.slots, LIMIT + 2, QUEUE, true);
    counts_are(LIMIT + 2, 1);
    deliver();
    assert_int_equal(f.n_granted, 2);
    assert_ptr_equal(f.order[0], &f.waiter[0]);
    assert_ptr_equal(f.order[1], &f.waiter[1]);
    slots_configure(&f.slots, LIMIT + 9, QUEUE, true);
    counts_are(LIMIT + 3, 0);
}

static void test_after_a_lowering_slots_end_before_others_begin(void **state)
{
    (void)state;
    fill(2);
    slots_configure(&f.slots, 1, QUEUE, true);
    counts_are(LIMIT, 2);
    slots_give(&f.slots, NULL);
    deliver();
    assert_int_equal(f.n_granted, 0);
    counts_are(1, 2);
    assert_int_equal(slots_take(&f.slots, &f.waiter[5].place, false), SLOT_NONE);
    give_goes_to(0);
    give_goes_to(1);
    counts_are(1, 0);
}

static void test_who_waits_keeps_its_place_when_the_queue_shrinks(void **state)
{
    (void)state;
    fill(3);
    slots_configure(&f.slots, LIMIT, 1, true);
    assert_int_equal(take(3), SLOT_NONE);
    slots_configure(&f.slots, LIMIT, 0, false);
    assert_int_equal(take(3), SLOT_NONE);
    counts_are(LIMIT, 3);
    give_goes_to(0);
    give_goes_to(1);
    give_goes_to(2);
}

/* ---- ranks ---- */

/* All slots are taken; the first n waiters queue with these ranks. */
static void fill_at(const uint64_t *ranks, unsigned n)
{
    fill(0);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(take_at(i, ranks[i]), SLOT_QUEUED);
    counts_are(LIMIT, n);
}

static void test_the_lowest_rank_gets_the_slot(void **state)
{
    static const uint64_t ranks[] = {30, 10, UINT64_MAX, 20};
    static const unsigned order[] = {1, 3, 0, 2};

    (void)state;
    fill_at(ranks, 4);
    for (unsigned i = 0; i < 4; i++)
        give_goes_to(order[i]);
    counts_are(LIMIT, 0);
}

static void test_equal_ranks_keep_the_order_of_arrival(void **state)
{
    static const uint64_t ranks[] = {7, 5, 7, 5};
    static const unsigned order[] = {1, 3, 0, 2};

    (void)state;
    fill_at(ranks, 4);
    for (unsigned i = 0; i < 4; i++)
        give_goes_to(order[i]);
}

static void test_without_a_rank_a_job_goes_before_those_that_have_one(void **state)
{
    static const uint64_t ranks[] = {9, 0, 1, 0};
    static const unsigned order[] = {1, 3, 2, 0};

    (void)state;
    fill_at(ranks, 4);
    for (unsigned i = 0; i < 4; i++)
        give_goes_to(order[i]);
}

/* Every permutation of four ranks, two of them equal. */
static void test_any_order_of_arrival_ends_in_order_of_rank(void **state)
{
    static const uint64_t ranks[] = {1, 2, 2, 3};

    (void)state;
    for (unsigned p = 0; p < 256; p++) {
        unsigned at[] = {p & 3, p >> 2 & 3, p >> 4 & 3, p >> 6};
        uint64_t before = 0;

        if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15)
            continue;
        fill(0);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(take_at(i, ranks[at[i]]), SLOT_QUEUED);
        for (unsigned i = 0; i < 4; i++) {
            const struct waiter *w;

            slots_give(&f.slots, NULL);
            deliver();
            w = f.order[(f.n_granted - 1) % WAITERS];
            assert_true(w->place.rank > before || (i > 0 && w->place.rank == before &&
                                                   w > f.order[(f.n_granted - 2) % WAITERS]));
            before = w->place.rank;
        }
        for (unsigned i = 0; i < LIMIT; i++)
            slots_give(&f.slots, NULL);
        counts_are(0, 0);
    }
}

/* Who leaves takes nobody's place along, at either end and between. */
static void test_who_leaves_leaves_the_order_as_it_was(void **state)
{
    static const uint64_t ranks[] = {40, 10, 30};
    static const unsigned sorted[] = {1, 2, 0};

    (void)state;
    for (unsigned left = 0; left < 3; left++) {
        fill_at(ranks, 3);
        assert_true(slots_leave(&f.slots, &f.waiter[sorted[left]].place));
        assert_false(slots_leave(&f.slots, &f.waiter[sorted[left]].place));
        assert_int_equal(take_at(3, 20), SLOT_QUEUED); /* behind 10, before 30 */
        assert_int_equal(take_at(4, 50), SLOT_QUEUED); /* the last */
        counts_are(LIMIT, 4);
        if (left != 0)
            give_goes_to(1);
        give_goes_to(3);
        if (left != 1)
            give_goes_to(2);
        if (left != 2)
            give_goes_to(0);
        give_goes_to(4);
        for (unsigned i = 0; i < LIMIT; i++)
            slots_give(&f.slots, NULL);
        counts_are(0, 0);
    }
}

static void test_a_full_queue_takes_no_better_rank(void **state)
{
    static const uint64_t ranks[] = {4, 3, 2, 1};

    (void)state;
    fill_at(ranks, QUEUE);
    assert_int_equal(take_at(QUEUE, 0), SLOT_NONE);
    give_goes_to(3);
    assert_int_equal(take_at(QUEUE, 0), SLOT_QUEUED);
    give_goes_to(QUEUE);
    give_goes_to(2);
}

static void test_a_raise_serves_the_lowest_ranks(void **state)
{
    static const uint64_t ranks[] = {3, 2, 1};

    (void)state;
    fill_at(ranks, 3);
    slots_configure(&f.slots, LIMIT + 2, QUEUE, true);
    deliver();
    assert_int_equal(f.n_granted, 2);
    assert_ptr_equal(f.order[0], &f.waiter[2]);
    assert_ptr_equal(f.order[1], &f.waiter[1]);
}

/* ---- several threads ---- */

enum { THREADS = 4, ROUNDS = 200, SECONDS = 60 };

struct worker {
    struct slot_waiter place; /* first */
    struct reactor home;
    pthread_t thread;
    bool leaves, granted, stuck;
};

static _Atomic unsigned inside, most_inside, most_of_share;

static void raise_to(_Atomic unsigned *most, unsigned now)
{
    unsigned before = atomic_load(most);

    while (now > before && !atomic_compare_exchange_weak(most, &before, now))
        ;
}

/* What a slot is for. */
static void run_inside(struct slot_share *share)
{
    raise_to(&most_inside, atomic_fetch_add(&inside, 1) + 1);
    if (share)
        raise_to(&most_of_share, share->running);
    sched_yield();
    atomic_fetch_sub(&inside, 1);
    slots_give(&f.slots, share);
}

static void on_worker_granted(struct slot_waiter *place)
{
    ((struct worker *)place)->granted = true;
}

static void on_stuck(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)events;
    ((struct worker *)t->data)->stuck = true;
    ev_break(loop, EVBREAK_ALL);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    ev_timer limit;

    ev_timer_init(&limit, on_stuck, SECONDS, 0);
    limit.data = w;
    ev_timer_start(w->home.loop, &limit);
    for (unsigned i = 0; i < ROUNDS && !w->stuck; i++) {
        enum slot_answer answer;

        w->granted = false;
        w->place.rank = i % 3;
        answer = slots_take(&f.slots, &w->place, i % 4 != 3);
        if (answer == SLOT_QUEUED && w->leaves && slots_leave(&f.slots, &w->place))
            continue;
        while (answer == SLOT_QUEUED && !w->granted && !w->stuck)
            ev_run(w->home.loop, EVRUN_ONCE);
        if (answer != SLOT_NONE && !w->stuck)
            run_inside(w->place.share);
    }
    ev_timer_stop(w->home.loop, &limit);
    return NULL;
}

/* Runs all workers to their end, `meanwhile` beside them; then nothing may be left. */
static void run_workers(bool leave, bool shared, void (*meanwhile)(void))
{
    static struct worker workers[THREADS];
    char err[P2P_ERRLEN];

    memset(workers, 0, sizeof(workers));
    inside = most_inside = most_of_share = 0;
    for (int i = 0; i < THREADS; i++) {
        workers[i].leaves = leave && i % 2;
        assert_int_equal(reactor_init(&workers[i].home, err), 0);
        workers[i].place =
            (struct slot_waiter){.home = &workers[i].home,
                                 .granted = on_worker_granted,
                                 .share = shared && i < THREADS - 1 ? &f.share[0] : NULL};
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    if (meanwhile)
        meanwhile();
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_false(workers[i].stuck);
        reactor_release(&workers[i].home);
    }
    counts_are(0, 0);
}

static void test_threads_never_run_more_than_the_limit(void **state)
{
    (void)state;
    run_workers(false, false, NULL);
    assert_in_range(most_inside, 1, LIMIT);
}

static void test_threads_that_leave_lose_no_slot(void **state)
{
    (void)state;
    slots_configure(&f.slots, 1, QUEUE, true);
    run_workers(true, false, NULL);
    assert_int_equal(most_inside, 1);
}

static void change_limits(void)
{
    for (unsigned i = 0; i < 400; i++) {
        slots_configure(&f.slots, 1 + i % 3, i % 5, i % 7 != 0);
        sched_yield();
    }
    slots_configure(&f.slots, 1, QUEUE, true);
}

static void test_limits_may_change_while_threads_take(void **state)
{
    (void)state;
    run_workers(true, false, change_limits);
    assert_in_range(most_inside, 1, 3);
}

static void test_threads_of_a_share_never_run_more_than_its_limit(void **state)
{
    (void)state;
    slots_configure(&f.slots, 3, QUEUE, true);
    slots_limit_share(&f.slots, &f.share[0], 2);
    run_workers(true, true, NULL);
    assert_in_range(most_inside, 1, 3);
    assert_in_range(most_of_share, 1, 2);
    shares_are(0, 0);
}

static void change_share(void)
{
    for (unsigned i = 0; i < 400; i++) {
        slots_limit_share(&f.slots, &f.share[0], i % 4);
        slots_configure(&f.slots, 1 + i % 3, QUEUE, true);
        sched_yield();
    }
}

static void test_a_share_may_change_while_threads_take(void **state)
{
    (void)state;
    run_workers(true, true, change_share);
    shares_are(0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_as_many_as_the_limit_run),
        T(test_the_queue_is_full_at_its_limit),
        T(test_nobody_waits_without_a_queue),
        T(test_a_slot_goes_to_who_waits_longest),
        T(test_granted_is_called_by_the_loop_only),
        T(test_anyone_in_the_queue_may_leave),
        T(test_all_may_leave_and_come_again),
        T(test_leaving_too_late_still_brings_the_slot),
        T(test_a_raise_lets_as_many_run_as_it_adds),
        T(test_after_a_lowering_slots_end_before_others_begin),
        T(test_who_waits_keeps_its_place_when_the_queue_shrinks),
        T(test_the_lowest_rank_gets_the_slot),
        T(test_equal_ranks_keep_the_order_of_arrival),
        T(test_without_a_rank_a_job_goes_before_those_that_have_one),
        T(test_any_order_of_arrival_ends_in_order_of_rank),
        T(test_who_leaves_leaves_the_order_as_it_was),
        T(test_a_full_queue_takes_no_better_rank),
        T(test_a_raise_serves_the_lowest_ranks),
        T(test_threads_never_run_more_than_the_limit),
        T(test_threads_that_leave_lose_no_slot),
        T(test_limits_may_change_while_threads_take),
        T(test_threads_of_a_share_never_run_more_than_its_limit),
        T(test_a_share_may_change_while_threads_take),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
