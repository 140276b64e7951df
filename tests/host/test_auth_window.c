/* The window of counters, against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/auth_window.h"

/* Deterministic, so that a failure can be seen again. */
static unsigned next_random(uint32_t *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 8;
}

static void test_the_window_is_right_about_every_counter(void **state)
{
    enum { N = 200000 };
    static bool seen[N];
    struct auth_window w;
    uint32_t seed = 7;
    uint64_t newest = 0;

    (void)state;
    memset(seen, 0, sizeof(seen));
    assert_int_equal(auth_window_init(&w, 0, 0), 0);
    for (unsigned i = 0; i < N; i++) {
        uint64_t back = next_random(&seed) % 6000, ahead = i + 3000;
        uint64_t c = ahead > back ? ahead - back : 0;
        bool taken;

        c = c < N ? c : N - 1;
        taken = auth_window_take(&w, c);
        newest = c > newest ? c : newest;
        if (newest - c < (AUTH_WINDOW_FIRST - 1) * 64)
            assert_int_equal(taken, !seen[c]);
        assert_false(taken && seen[c]);
        seen[c] |= taken;
    }
    auth_window_release(&w);
}

static void test_the_window_takes_the_greatest_counters(void **state)
{
    struct auth_window w;

    (void)state;
    assert_int_equal(auth_window_init(&w, 5, 0), 0);
    assert_true(auth_window_take(&w, 5));
    assert_true(auth_window_take(&w, UINT64_MAX));
    assert_false(auth_window_take(&w, UINT64_MAX));
    assert_false(auth_window_take(&w, 5));
    assert_true(auth_window_take(&w, UINT64_MAX - 1));
    assert_true(auth_window_take(&w, UINT64_MAX - 4032));
    assert_false(auth_window_take(&w, UINT64_MAX - 4096));
    auth_window_release(&w);
}

static void test_the_window_widens_for_a_busy_sender(void **state)
{
    struct auth_window w;
    uint64_t c = 0, spare = 1 << 20;

    (void)state;
    assert_int_equal(auth_window_init(&w, c, 0), 0);
    for (; c < 4 << 20; c += 2) { /* every other one is late */
        assert_true(auth_window_take(&w, c));
        spare -= auth_window_widen(&w, 10, 1000, spare);
    }
    assert_int_equal(w.words, AUTH_WINDOW_MOST);
    assert_int_equal(spare, (1 << 20) - AUTH_WINDOW_MOST + AUTH_WINDOW_FIRST);
    c -= 1;
    for (unsigned i = 0; i < (1 << 20) - 64; i += 2) {
        assert_true(auth_window_take(&w, c - i));
        assert_false(auth_window_take(&w, c - i));
        assert_false(auth_window_take(&w, c - i - 1));
    }
    auth_window_release(&w);
}

static void test_the_window_stays_for_a_slow_sender_or_without_room(void **state)
{
    struct auth_window slow, poor;

    (void)state;
    assert_int_equal(auth_window_init(&slow, 0, 0), 0);
    assert_int_equal(auth_window_init(&poor, 0, 0), 0);
    for (uint64_t c = 0; c < 100000; c++) {
        assert_true(auth_window_take(&slow, c));
        assert_int_equal(auth_window_widen(&slow, c, 1000, 1 << 20), 0);
        assert_true(auth_window_take(&poor, c));
        assert_int_equal(auth_window_widen(&poor, 0, 1000, AUTH_WINDOW_FIRST - 1), 0);
    }
    auth_window_release(&slow);
    auth_window_release(&poor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_window_is_right_about_every_counter),
        cmocka_unit_test(test_the_window_takes_the_greatest_counters),
        cmocka_unit_test(test_the_window_widens_for_a_busy_sender),
        cmocka_unit_test(test_the_window_stays_for_a_slow_sender_or_without_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
