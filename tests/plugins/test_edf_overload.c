#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

/* A node of edf with more work than time, and a host that does what it decides. */

extern const struct p2p_module edf_plugin;

#define MS UINT64_C(1000000)

enum { SLOTS = 3, ARRIVALS = 5000, MOST = 200 };

struct job {
    void *state;
    uint32_t function;
    uint64_t rank, end_ns;
};

struct node {
    struct mock *m;
    struct job running[SLOTS], waiting[MOST];
    unsigned late, ran;
};

/* As a host does: a free slot at once, else in the order of ranks. */
static void start(struct node *n, struct job j, uint64_t run_ns)
{
    j.end_ns = n->m->now_ns + run_ns;
    n->running[n->m->node.load++] = j;
}

static const uint64_t run_of[] = {10 * MS, 20 * MS, 45 * MS, 80 * MS};

/* Lets the one that ends first end, if that is before `until`. */
static bool end_one(struct node *n, uint64_t until)
{
    struct mock *m = n->m;
    unsigned at = 0, next = 0;
    struct job j;

    for (unsigned i = 1; i < m->node.load; i++)
        if (n->running[i].end_ns < n->running[at].end_ns)
            at = i;
    if (m->node.load == 0 || n->running[at].end_ns > until)
        return false;
    j = n->running[at];
    m->now_ns = j.end_ns;
    n->running[at] = n->running[--m->node.load];
    for (unsigned i = 1; i < m->node.queue; i++)
        if (n->waiting[i].rank < n->waiting[next].rank)
            next = i;
    if (m->node.queue > 0) {
        struct job first = n->waiting[next];

        m->node.queue--;
        memmove(&n->waiting[next], &n->waiting[next + 1],
                (m->node.queue - next) * sizeof(n->waiting[0]));
        start(n, first, run_of[first.function]);
    }
    n->ran++;
    n->late += m->now_ns > j.rank;
    mock_ended(m, j.state, j.function, P2P_OUT_RAN, run_of[j.function]);
    return true;
}

/* Twice the work that there is time for; runs take what they took before. */
static void of_those_admitted_none_is_late(void **state)
{
    struct node n = {.m = mock_new(&edf_plugin, "")};

    (void)state;
    n.m->node.slots = SLOTS;
    for (uint32_t f = 0; f < 4; f++) {
        mock_arrive(n.m);
        n.m->rq.function = f;
        mock_outcome(n.m, P2P_OUT_RAN, 0, run_of[f]);
    }
    for (unsigned i = 0; i < ARRIVALS; i++) {
        uint64_t arrival = n.m->now_ns + p2p_rand_below(&n.m->host, 13 * MS);
        struct job j = {.function = (uint32_t)p2p_rand_below(&n.m->host, 4)};
        struct p2p_action a;

        while (end_one(&n, arrival))
            ;
        n.m->now_ns = arrival;
        mock_arrive(n.m);
        n.m->rq.function = j.function;
        if (i % 10)
            n.m->rq.deadline_ns = arrival + p2p_rand_below(&n.m->host, 400 * MS);
        a = mock_decide(n.m, P2P_EV_ARRIVAL);
        if (a.kind == P2P_REJECT)
            continue;
        j.rank = a.t;
        j.state = mock_goes_on(n.m);
        if (n.m->node.load < SLOTS)
            start(&n, j, run_of[j.function]);
        else
            n.waiting[n.m->node.queue++] = j;
        assert_true(n.m->node.queue < MOST);
    }
    while (end_one(&n, UINT64_MAX))
        ;
    print_message("%u of %d jobs were admitted, %u were late\n", n.ran, ARRIVALS, n.late);
    assert_in_range(n.ran, ARRIVALS / 3, ARRIVALS);
    assert_int_equal(n.late, 0);
    mock_free(n.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_those_admitted_none_is_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
