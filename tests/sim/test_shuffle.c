#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "sim/shuffle.h"
#include "tests/sim/support_numbers.h"

enum { MOST = 5000 };

static void each_place_is_taken_once(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 15, 16, 17, 255, 1000, MOST};
    static unsigned char taken[MOST];

    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        memset(taken, 0, sizeof(taken));
        for (uint32_t i = 0; i < sizes[k]; i++) {
            uint32_t place = shuffle(i, sizes[k], k);

            assert_true(place < sizes[k] && !taken[place]);
            taken[place] = 1;
        }
    }
    assert_true(shuffle(UINT32_MAX - 1, UINT32_MAX, 1) < UINT32_MAX);
}

/* Over many keys each number comes to each place as often. */
static void all_places_are_as_likely(void **state)
{
    enum { KEYS = 20000 };
    static const uint32_t sizes[] = {2, 3, 5, 8};
    unsigned count[8][8];

    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        uint32_t n = sizes[k];

        memset(count, 0, sizeof(count));
        for (uint64_t key = 0; key < KEYS; key++)
            for (uint32_t i = 0; i < n; i++)
                count[i][shuffle(i, n, key)]++;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < n; j++)
                assert_near(count[i][j], (double)KEYS / n, 0.1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_place_is_taken_once),
        cmocka_unit_test(all_places_are_as_likely),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
