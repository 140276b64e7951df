/* What of the accepted calls is done when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "host/async/queue.h"

static struct async_queue q;

static int setup(void **state)
{
    (void)state;
    queue_init(&q);
    q.line[LINE_RUN].limit = 2;
    q.line[LINE_CALLBACK].limit = 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    queue_release(&q);
    return 0;
}

static struct queue_entry *add(int64_t row, uint64_t due)
{
    struct queue_entry *e = queue_add(&q, row, "f", LINE_RUN, 0, due);

    assert_non_null(e);
    return e;
}

static struct queue_entry *next_is(int64_t row, uint64_t now)
{
    struct queue_entry *e = queue_next(&q, LINE_RUN, now);

    assert_non_null(e);
    assert_int_equal(e->row, row);
    assert_int_equal(e->stage, STAGE_AT_WORK);
    return e;
}

static void test_what_is_due_first_is_first_and_then_what_came_first(void **state)
{
    (void)state;
    q.line[LINE_RUN].limit = 10;
    add(1, 30);
    add(2, 10);
    add(3, 10);
    add(4, 20);
    next_is(2, 100);
    next_is(3, 100);
    next_is(4, 100);
    next_is(1, 100);
    assert_null(queue_next(&q, LINE_RUN, 100));
}

static void test_nothing_is_next_before_it_is_due(void **state)
{
    (void)state;
    add(1, 50);
    assert_null(queue_next(&q, LINE_RUN, 49));
    assert_int_equal(queue_wakes(&q, LINE_RUN), 50);
    next_is(1, 50);
    assert_int_equal(queue_wakes(&q, LINE_RUN), QUEUE_NEVER);
}

static void test_no_more_are_at_work_than_the_limit(void **state)
{
    struct queue_entry *first;

    (void)state;
    for (int64_t row = 1; row <= 3; row++)
        add(row, 0);
    first = next_is(1, 1);
    next_is(2, 1);
    assert_null(queue_next(&q, LINE_RUN, 1));
    assert_int_equal(queue_wakes(&q, LINE_RUN), QUEUE_NEVER);
    queue_ended(&q, first);
    assert_int_equal(queue_wakes(&q, LINE_RUN), 0);
    next_is(3, 1);
    /* A lower limit lets those at work end. */
    q.line[LINE_RUN].limit = 1;
    add(4, 0);
    assert_null(queue_next(&q, LINE_RUN, 1));
}

static void test_one_that_has_ended_is_not_next_until_it_waits_again(void **state)
{
    struct queue_entry *e;

    (void)state;
    add(1, 0);
    e = next_is(1, 1);
    queue_ended(&q, e);
    assert_null(queue_next(&q, LINE_RUN, 1000));
    e->attempts = 1;
    assert_int_equal(queue_later(&q, e, LINE_RUN, 500), 0);
    assert_int_equal(q.tried_before, 1);
    assert_null(queue_next(&q, LINE_RUN, 499));
    assert_ptr_equal(next_is(1, 500), e);
    assert_int_equal(q.tried_before, 0);
    queue_ended(&q, e);
    e->attempts = 0;
    assert_int_equal(queue_later(&q, e, LINE_CALLBACK, 0), 0);
    assert_null(queue_next(&q, LINE_RUN, 1000));
    assert_ptr_equal(queue_next(&q, LINE_CALLBACK, 1000), e);
}

static void test_a_pause_holds_the_runs_of_one_group_back(void **state)
{
    struct queue_entry *e;

    (void)state;
    e = add(1, 10);
    queue_add(&q, 3, "g", LINE_RUN, 0, 11);
    queue_add(&q, 2, "f", LINE_CALLBACK, 3, 10);
    queue_pause(e->group, 100);
    next_is(3, 99);
    assert_null(queue_next(&q, LINE_RUN, 99));
    assert_int_equal(queue_wakes(&q, LINE_RUN), 100);
    assert_non_null(queue_next(&q, LINE_CALLBACK, 99));
    next_is(1, 100);
}

static void test_a_group_at_its_limit_holds_up_no_other(void **state)
{
    struct queue_entry *first;

    (void)state;
    q.line[LINE_RUN].limit = 10;
    for (int64_t row = 1; row <= 100; row++)
        add(row, 0);
    q.groups->limit = 2;
    queue_add(&q, 200, "g", LINE_RUN, 0, 50);
    first = next_is(1, 60);
    next_is(2, 60);
    next_is(200, 60);
    assert_null(queue_next(&q, LINE_RUN, 60));
    assert_int_equal(queue_wakes(&q, LINE_RUN), QUEUE_NEVER);
    queue_ended(&q, first);
    assert_int_equal(queue_wakes(&q, LINE_RUN), 0);
    next_is(3, 60);
    assert_null(queue_next(&q, LINE_RUN, 60));
    queue_later(&q, first, LINE_CALLBACK, 0); /* of callbacks it has no limit */
    assert_ptr_equal(queue_next(&q, LINE_CALLBACK, 60), first);
}

static void test_bytes_are_counted_until_it_is_over(void **state)
{
    struct queue_entry *e = add(1, 0);

    (void)state;
    queue_set_bytes(&q, e, 1000);
    queue_set_bytes(&q, add(2, 0), 10);
    assert_int_equal(queue_bytes(&q), 1010);
    queue_withdraw(&q, e);
    assert_int_equal(queue_bytes(&q), 1010);
    queue_set_bytes(&q, e, 400);
    queue_later(&q, e, LINE_CALLBACK, 0);
    assert_int_equal(q.line[LINE_RUN].bytes, 10);
    assert_int_equal(q.line[LINE_CALLBACK].bytes, 400);
    queue_remove(&q, e);
    assert_int_equal(queue_bytes(&q), 10);
    assert_int_equal(queue_size(&q), 1);
    assert_null(queue_find(&q, 1));
    assert_non_null(queue_find(&q, 2));
}

static void test_one_that_waits_can_be_withdrawn_and_put_back(void **state)
{
    struct queue_entry *e = add(1, 0);

    (void)state;
    add(2, 5);
    queue_withdraw(&q, e);
    next_is(2, 10);
    assert_null(queue_next(&q, LINE_RUN, 10));
    queue_later(&q, e, LINE_RUN, 0);
    next_is(1, 10);
}

/* Against the plain way: look at all of them. */
static void test_a_thousand_random_steps_are_those_of_a_list(void **state)
{
    enum { ROWS = 200, STEPS = 20000 };
    static uint64_t due[ROWS + 1]; /* 0 = it does not wait */
    struct random random;

    (void)state;
    random_seed(&random, 7);
    memset(due, 0, sizeof(due));
    q.line[LINE_RUN].limit = ROWS;
    for (int step = 0; step < STEPS; step++) {
        int64_t row = 1 + random_below(&random, ROWS), least = 0;
        struct queue_entry *e = queue_find(&q, row);

        if (random_below(&random, 3) == 0) {
            for (int64_t i = 1; i <= ROWS; i++)
                if (due[i] && (!least || due[i] < due[least]))
                    least = i;
            e = queue_next(&q, LINE_RUN, UINT64_MAX - 1);
            assert_int_equal(e ? e->row : 0, least);
            if (e) {
                due[least] = 0;
                queue_ended(&q, e);
                queue_remove(&q, e);
            }
        } else if (e && random_below(&random, 2)) {
            queue_remove(&q, e);
            due[row] = 0;
        } else if (!e) {
            due[row] = 1 + random_below(&random, 50);
            assert_non_null(queue_add(&q, row, row % 3 ? "f" : "g", LINE_RUN, 0, due[row]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_due_first_is_first_and_then_what_came_first,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_next_before_it_is_due, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_more_are_at_work_than_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_has_ended_is_not_next_until_it_waits_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_pause_holds_the_runs_of_one_group_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_group_at_its_limit_holds_up_no_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_bytes_are_counted_until_it_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_waits_can_be_withdrawn_and_put_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_thousand_random_steps_are_those_of_a_list, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
