#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "sim/queue.h"

static void an_empty_queue_gives_nothing(void **state)
{
    struct queue q;
    struct event e;

    (void)state;
    queue_init(&q);
    assert_false(queue_take(&q, &e));
    queue_release(&q);
}

static void what_was_put_comes_back_whole(void **state)
{
    struct queue q;
    struct event e;
    int subject;

    (void)state;
    queue_init(&q);
    assert_true(queue_put(&q, 7, 255, 254, &subject, 0xfffffffe, 0xffffffff));
    assert_true(queue_take(&q, &e));
    assert_int_equal(e.at_ns, 7);
    assert_int_equal(event_kind(&e), 255);
    assert_int_equal(event_slot(&e), 254);
    assert_ptr_equal(e.subject, &subject);
    assert_int_equal(e.token, 0xfffffffe);
    assert_int_equal(e.arg, 0xffffffff);
    assert_false(queue_take(&q, &e));
    queue_release(&q);
}

/* Puts and takes in a random mix, beside an order that is kept by looking at each. */
static void events_come_in_order_of_time(void **state)
{
    enum { ROUNDS = 20000 };
    struct queue q;
    struct random r;
    struct event e;
    uint64_t last = 0, now = 0;
    unsigned held = 0, taken = 0;

    (void)state;
    random_seed(&r, 1);
    queue_init(&q);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned puts = random_below(&r, 4);

        for (unsigned k = 0; k < puts; k++, held++)
            assert_true(queue_put(&q, now + random_below(&r, 1000), 0, 0, NULL, 0, 0));
        if (random_below(&r, 2) && queue_take(&q, &e)) {
            assert_true(e.at_ns >= last);
            now = last = e.at_ns;
            held--;
            taken++;
        }
        assert_int_equal(q.n, held);
    }
    for (; queue_take(&q, &e); taken++) {
        assert_true(e.at_ns >= last);
        last = e.at_ns;
    }
    assert_int_equal(taken, q.put);
    queue_release(&q);
}

static void equal_times_keep_their_order(void **state)
{
    enum { EVENTS = 5000 };
    struct queue q;
    struct random r;
    struct event e;
    uint32_t next[4] = {0};

    (void)state;
    random_seed(&r, 2);
    queue_init(&q);
    for (uint32_t i = 0; i < EVENTS; i++) {
        uint64_t at = random_below(&r, 4);

        /* The kind does not matter: an earlier one may have a larger. */
        assert_true(queue_put(&q, at, (uint8_t)random_below(&r, 256), 0, NULL, 0, i));
    }
    while (queue_take(&q, &e)) {
        assert_true(e.arg >= next[e.at_ns]);
        next[e.at_ns] = e.arg + 1;
    }
    queue_release(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_gives_nothing),
        cmocka_unit_test(what_was_put_comes_back_whole),
        cmocka_unit_test(events_come_in_order_of_time),
        cmocka_unit_test(equal_times_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
