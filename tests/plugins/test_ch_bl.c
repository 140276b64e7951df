#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module ch_bl_plugin;

enum { NODES = 12, KEYS = 3000, FUNCTIONS = 40 };

static struct p2p_action job_of(struct mock *m, uint32_t function)
{
    mock_arrive(m);
    m->rq.function = function;
    return mock_decide(m, P2P_EV_ARRIVAL);
}

/* The number of the node that it is sent to. */
static uint32_t goes_to(struct mock *m, uint32_t function)
{
    struct p2p_action a = job_of(m, function);

    if (a.kind == P2P_FORWARD)
        return a.a - m->first_id;
    mock_is(a, p2p_local());
    return m->number;
}

static void set_loads(struct mock *m, uint32_t load)
{
    mock_load(m, load, 0);
    for (uint32_t i = 0; i < m->rq.n_peers; i++)
        m->peers[i].load = load;
}

static struct p2p_peer *peer(struct mock *m, uint32_t number)
{
    for (uint32_t i = 0; i < m->rq.n_peers; i++)
        if (m->peers[i].id == m->first_id + number)
            return &m->peers[i];
    fail_msg("no peer %u", number);
    return NULL;
}

static void make(struct mock **nodes, const char *settings)
{
    mock_network(nodes, NODES, &ch_bl_plugin, settings);
}

static void end(struct mock **nodes)
{
    for (unsigned i = 0; i < NODES; i++)
        mock_free(nodes[i]);
}

/* ---- who owns what ---- */

static void all_nodes_agree_on_the_owner(void **state)
{
    static const char *const settings[] = {"", "vnodes=1", "random_jumps=true"};
    struct mock *nodes[NODES];

    (void)state;
    for (unsigned s = 0; s < 3; s++) {
        make(nodes, settings[s]);
        for (uint32_t f = 0; f < FUNCTIONS; f++) {
            uint32_t owner = goes_to(nodes[0], f);

            for (unsigned i = 1; i < NODES; i++)
                assert_int_equal(goes_to(nodes[i], f), owner);
        }
        end(nodes);
    }
}

static void they_agree_however_the_peers_are_listed(void **state)
{
    struct mock *nodes[NODES];
    uint32_t owner[FUNCTIONS];

    (void)state;
    make(nodes, "");
    for (uint32_t f = 0; f < FUNCTIONS; f++)
        owner[f] = goes_to(nodes[3], f);
    for (uint32_t i = 0; i < NODES / 2 - 1; i++) {
        struct p2p_peer kept = nodes[3]->peers[i];

        nodes[3]->peers[i] = nodes[3]->peers[NODES - 2 - i];
        nodes[3]->peers[NODES - 2 - i] = kept;
    }
    for (uint32_t f = 0; f < FUNCTIONS; f++)
        assert_int_equal(goes_to(nodes[3], f), owner[f]);
    end(nodes);
}

/* With v places a node's share varies by about 1/sqrt(v) of the mean. */
static void with_many_places_nodes_own_about_as_much(void **state)
{
    struct mock *nodes[NODES];
    unsigned owns[NODES] = {0};

    (void)state;
    make(nodes, "vnodes=1000");
    for (uint32_t f = 0; f < KEYS; f++)
        owns[goes_to(nodes[0], f)]++;
    for (unsigned i = 0; i < NODES; i++)
        assert_in_range(owns[i], KEYS / NODES * 3 / 4, KEYS / NODES * 5 / 4);
    end(nodes);
}

static void of_one_that_leaves_only_its_own_keys_move(void **state)
{
    struct mock *nodes[NODES];
    uint32_t owner[KEYS];
    unsigned moved = 0;

    (void)state;
    make(nodes, "");
    for (uint32_t f = 0; f < KEYS; f++)
        owner[f] = goes_to(nodes[0], f);
    nodes[0]->rq.n_peers--; /* the last has gone */
    for (uint32_t f = 0; f < KEYS; f++) {
        uint32_t now = goes_to(nodes[0], f);

        assert_true(now != NODES - 1);
        if (owner[f] == NODES - 1)
            moved++;
        else
            assert_int_equal(now, owner[f]);
    }
    assert_in_range(moved, KEYS / NODES / 2, KEYS / NODES * 2);
    nodes[0]->rq.n_peers++;
    for (uint32_t f = 0; f < KEYS; f++)
        assert_int_equal(goes_to(nodes[0], f), owner[f]);
    end(nodes);
}

/* ---- bounded loads ---- */

static void a_full_owner_is_passed_by(void **state)
{
    struct mock *nodes[NODES];
    uint32_t f = 0, owner, next;

    (void)state;
    make(nodes, "epsilon=0.5");
    set_loads(nodes[0], 4);
    while (goes_to(nodes[0], f) == 0)
        f++;
    owner = goes_to(nodes[0], f);
    peer(nodes[0], owner)->load = 6; /* 1.5 * (44 + 6 + 1) / 12 is 6.4: 7 are its capacity */
    assert_int_equal(goes_to(nodes[0], f), owner);
    peer(nodes[0], owner)->queue = 1;
    next = goes_to(nodes[0], f);
    assert_true(next != owner);
    assert_int_equal(nodes[0]->metric[0].counter + nodes[0]->metric[1].counter, f + 4);
    assert_int_equal(nodes[0]->metric[1].counter, 1);
    peer(nodes[0], owner)->load = 3;
    assert_int_equal(goes_to(nodes[0], f), owner);
    end(nodes);
}

static void what_was_sent_and_is_awaited_counts(void **state)
{
    struct mock *nodes[NODES];
    uint32_t f = 0, owner;

    (void)state;
    make(nodes, "");
    while ((owner = goes_to(nodes[0], f)) == 0)
        f++;
    peer(nodes[0], owner)->inflight = 1; /* all others are idle: the capacity is 1 */
    assert_true(goes_to(nodes[0], f) != owner);
    end(nodes);
}

static void capacity_is_shared_out_by_slots(void **state)
{
    struct mock *nodes[NODES];
    uint32_t f = 0, owner;

    (void)state;
    make(nodes, "");
    set_loads(nodes[0], 4);
    while ((owner = goes_to(nodes[0], f)) == 0)
        f++;
    peer(nodes[0], owner)->load = 8;
    assert_true(goes_to(nodes[0], f) != owner);
    peer(nodes[0], owner)->slots = 8;
    assert_int_equal(goes_to(nodes[0], f), owner);
    end(nodes);
}

/* Jobs of a few functions, placed one by one; none ever exceeds the bound, and where the
 * owner is full all nodes agree on who is next. */
static void no_node_is_above_its_capacity(void **state)
{
    static const char *const settings[] = {"epsilon=0.25", "epsilon=0.25 random_jumps=true",
                                           "epsilon=0.001"};
    struct mock *nodes[NODES];

    (void)state;
    for (unsigned s = 0; s < 3; s++) {
        uint32_t load[NODES] = {0};

        make(nodes, settings[s]);
        for (uint32_t job = 0; job < 600; job++) {
            uint32_t function = job % 3, to = goes_to(nodes[0], function);
            double epsilon = s == 2 ? 0.001 : 0.25;

            assert_int_equal(goes_to(nodes[job % NODES], function), to);
            load[to]++;
            assert_in_range(load[to], 1, (unsigned)ceil((1 + epsilon) * (job + 1) / NODES));
            for (unsigned i = 0; i < NODES; i++) {
                if (i == to)
                    nodes[i]->node.load++;
                else
                    peer(nodes[i], to)->load++;
            }
        }
        end(nodes);
    }
}

/* The jobs that a full node has to leave: to one neighbour, or to all. */
static void random_jumps_spread_what_overflows(void **state)
{
    struct mock *nodes[NODES];
    unsigned others[2] = {0};

    (void)state;
    for (unsigned jumps = 0; jumps < 2; jumps++) {
        bool met[NODES] = {false};

        make(nodes, jumps ? "vnodes=1 random_jumps=true" : "vnodes=1");
        set_loads(nodes[0], 3);
        for (uint32_t f = 0; f < KEYS; f++) {
            peer(nodes[0], 5)->load = 3;
            if (goes_to(nodes[0], f) != 5)
                continue;
            peer(nodes[0], 5)->load = 9;
            met[goes_to(nodes[0], f)] = true;
        }
        for (unsigned i = 0; i < NODES; i++)
            others[jumps] += met[i];
        assert_false(met[5]);
        end(nodes);
    }
    assert_int_equal(others[0], 1);
    assert_in_range(others[1], NODES / 2, NODES);
}

/* ---- what goes wrong ---- */

static void one_that_refuses_is_passed_by(void **state)
{
    struct mock *nodes[NODES];
    uint32_t f = 0, tried[NODES], n = 0;
    struct p2p_action a;

    (void)state;
    make(nodes, "");
    while (goes_to(nodes[0], f) == 0)
        f++;
    for (a = job_of(nodes[0], f); a.kind == P2P_FORWARD;
         a = mock_decide(nodes[0], P2P_EV_REFUSED)) {
        for (uint32_t i = 0; i < n; i++)
            assert_true(tried[i] != a.a);
        assert_true(n < NODES);
        tried[n++] = a.a;
    }
    mock_is(a, p2p_local());
    assert_true(n >= 1);
    end(nodes);
}

static void when_all_others_refuse_it_runs_here(void **state)
{
    struct mock *m = mock_new(&ch_bl_plugin, "");
    struct p2p_action a;

    (void)state;
    mock_peers(m, 1, 2);
    mock_load(m, 1000, 0);
    a = job_of(m, 0);
    assert_int_equal(a.kind, P2P_FORWARD);
    a = mock_decide(m, P2P_EV_REFUSED);
    assert_int_equal(a.kind, P2P_FORWARD);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void refusals_come_to_an_end(void **state)
{
    struct mock *m = mock_new(&ch_bl_plugin, "");
    struct p2p_action a;
    unsigned n = 0;

    (void)state;
    mock_peers(m, 1, 100);
    mock_load(m, 1000, 0);
    for (a = job_of(m, 0); a.kind == P2P_FORWARD; n++)
        a = mock_decide(m, P2P_EV_REFUSED);
    mock_is(a, p2p_local());
    assert_in_range(n, 2, 20);
    mock_free(m);
}

static void alone_or_after_its_hops_a_job_stays(void **state)
{
    struct mock *m = mock_new(&ch_bl_plugin, "");

    (void)state;
    mock_is(mock_job(m, 0), p2p_local());
    mock_peers(m, 1, 5);
    mock_load(m, 1000, 0);
    mock_is(mock_job(m, 1), p2p_local());
    assert_int_equal(mock_job(m, 0).kind, P2P_FORWARD);
    mock_free(m);
}

static void more_peers_than_there_is_room_for_are_left_out(void **state)
{
    struct mock *m = mock_new(&ch_bl_plugin, "most_peers=4 vnodes=10");

    (void)state;
    mock_peers(m, 1, 9);
    for (uint32_t f = 0; f < 300; f++)
        assert_in_range(goes_to(m, f), 0, 4);
    assert_string_equal(m->log, "2 9 peers are up, most_peers is 4: the others get no jobs\n");
    mock_free(m);
}

static void *no_memory(const struct p2p_host *h, size_t size)
{
    return size > 1000 ? NULL : ((struct mock *)h->ctx)->self;
}

static void a_ring_that_does_not_fit_is_told(void **state)
{
    struct mock *m = mock_new(&ch_bl_plugin, "most_peers=9 vnodes=1000");
    char err[P2P_ERRLEN] = "";

    (void)state;
    m->host.alloc = no_memory;
    assert_int_equal(m->ops->init(m->self, &m->host, err), -1);
    assert_non_null(strstr(err, "(most_peers"));
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_nodes_agree_on_the_owner),
        cmocka_unit_test(they_agree_however_the_peers_are_listed),
        cmocka_unit_test(with_many_places_nodes_own_about_as_much),
        cmocka_unit_test(of_one_that_leaves_only_its_own_keys_move),
        cmocka_unit_test(a_full_owner_is_passed_by),
        cmocka_unit_test(what_was_sent_and_is_awaited_counts),
        cmocka_unit_test(capacity_is_shared_out_by_slots),
        cmocka_unit_test(no_node_is_above_its_capacity),
        cmocka_unit_test(random_jumps_spread_what_overflows),
        cmocka_unit_test(one_that_refuses_is_passed_by),
        cmocka_unit_test(when_all_others_refuse_it_runs_here),
        cmocka_unit_test(refusals_come_to_an_end),
        cmocka_unit_test(alone_or_after_its_hops_a_job_stays),
        cmocka_unit_test(more_peers_than_there_is_room_for_are_left_out),
        cmocka_unit_test(a_ring_that_does_not_fit_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
