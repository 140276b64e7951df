/* p2p_sample draws every set of peers as often as any other, and puts each of them first
 * as often as any other: chi-square, with the seeds fixed so that the verdict is too. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <p2pfaas/plugin.h>

enum { MOST_PEERS = 8, SETS = 1 << MOST_PEERS, DRAWS = 100000 };

struct numbers {
    uint64_t state;
    unsigned drawn;
};

/* splitmix64, as its authors wrote it down. */
static uint64_t next(const struct p2p_host *h)
{
    struct numbers *r = h->ctx;
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;

    r->drawn++;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct counts {
    unsigned set[SETS];                        /* by the bits of its members */
    unsigned position[MOST_PEERS][MOST_PEERS]; /* of a peer at a place */
    unsigned pair[MOST_PEERS][MOST_PEERS];     /* the first two, in order */
};

/* DRAWS samples of k out of n. */
static void draw(uint32_t n, uint32_t k, uint64_t seed, struct counts *c)
{
    struct numbers numbers = {.state = seed};
    struct p2p_host h = {.size = sizeof(h), .ctx = &numbers, .rand = next};
    struct p2p_peer peers[MOST_PEERS] = {{0}};
    struct p2p_probe probes[MOST_PEERS] = {{0}};
    struct p2p_request rq = {.size = sizeof(rq),
                             .host = &h,
                             .peers = peers,
                             .n_peers = n,
                             .probe = probes,
                             .probe_cap = MOST_PEERS};

    memset(c, 0, sizeof(*c));
    for (uint32_t i = 0; i < n; i++)
        peers[i].id = 100 + i;
    for (unsigned d = 0; d < DRAWS; d++) {
        unsigned set = 0;

        assert_int_equal(p2p_sample(&rq, k), k);
        for (uint32_t i = 0; i < k; i++) {
            assert_in_range(probes[i].peer, 100, 100 + n - 1);
            set |= 1u << (probes[i].peer - 100);
            c->position[i][probes[i].peer - 100]++;
        }
        c->set[set]++;
        if (k > 1)
            c->pair[probes[0].peer - 100][probes[1].peer - 100]++;
    }
}

/* In standard deviations above what chance gives: Wilson and Hilferty, the cube root of
 * chi-square is near normal. */
static double too_much(double chi_square, unsigned cells)
{
    double freedom = cells - 1, ninth = 2 / (9 * freedom);

    return (cbrt(chi_square / freedom) - (1 - ninth)) / sqrt(ninth);
}

/* Above 4 by chance once in 30000 times, but the seeds are fixed. */
static void is_even(double chi_square, unsigned cells, const char *what)
{
    if (cells > 1 && too_much(chi_square, cells) > 4)
        fail_msg("%s: chi-square is %g with %u cells, %g standard deviations too much", what,
                 chi_square, cells, too_much(chi_square, cells));
}

static double square(unsigned seen, double expected)
{
    return (seen - expected) * (seen - expected) / expected;
}

static unsigned members(unsigned set)
{
    unsigned n = 0;

    for (; set; set &= set - 1)
        n++;
    return n;
}

static void sets_are_even(const struct counts *c, uint32_t n, uint32_t k)
{
    unsigned cells = 0;
    double chi_square = 0;

    for (unsigned set = 0; set < 1u << n; set++)
        cells += members(set) == k;
    for (unsigned set = 0; set < 1u << n; set++) {
        if (members(set) == k)
            chi_square += square(c->set[set], (double)DRAWS / cells);
        else
            assert_int_equal(c->set[set], 0); /* somebody was drawn twice */
    }
    is_even(chi_square, cells, "sets");
}

static void places_are_even(const struct counts *c, uint32_t n, uint32_t k)
{
    for (uint32_t place = 0; place < k; place++) {
        double chi_square = 0;

        for (uint32_t peer = 0; peer < n; peer++)
            chi_square += square(c->position[place][peer], (double)DRAWS / n);
        is_even(chi_square, n, "who is at a place");
    }
}

static void pairs_are_even(const struct counts *c, uint32_t n)
{
    double chi_square = 0;

    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++)
            if (a != b)
                chi_square += square(c->pair[a][b], (double)DRAWS / (n * (n - 1)));
    is_even(chi_square, n * (n - 1), "the first two");
}

static void every_sample_is_as_likely(void **state)
{
    static struct counts c;

    (void)state;
    for (uint32_t n = 1; n <= MOST_PEERS; n++)
        for (uint32_t k = 1; k <= n; k++) {
            draw(n, k, 1000 * n + k, &c);
            sets_are_even(&c, n, k);
            places_are_even(&c, n, k);
            if (k > 1)
                pairs_are_even(&c, n);
        }
}

/* One peer of eight that comes 6 times in 100 too often would be seen. */
static void a_small_bias_would_be_seen(void **state)
{
    double expected = DRAWS / 8.0, chi_square = square((unsigned)(expected * 1.06), expected);

    (void)state;
    for (int i = 1; i < 8; i++)
        chi_square += square((unsigned)(expected * (1 - 0.06 / 7)), expected);
    assert_true(too_much(chi_square, 8) > 4);
}

/* Two numbers a peer at most, however many there are. */
static void few_of_many_need_few_numbers(void **state)
{
    static struct p2p_peer peers[1000];
    struct p2p_probe probes[4];
    struct numbers numbers = {.state = 7};
    struct p2p_host h = {.size = sizeof(h), .ctx = &numbers, .rand = next};
    struct p2p_request rq = {.size = sizeof(rq),
                             .host = &h,
                             .peers = peers,
                             .n_peers = 1000,
                             .probe = probes,
                             .probe_cap = 4};

    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        peers[i].id = i;
    for (int i = 0; i < 1000; i++) {
        numbers.drawn = 0;
        assert_int_equal(p2p_sample(&rq, 4), 4);
        assert_in_range(numbers.drawn, 7, 8); /* 8: one of what would be biased */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_as_likely),
        cmocka_unit_test(a_small_bias_would_be_seen),
        cmocka_unit_test(few_of_many_need_few_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
