/* What plugins that are already built rely on: nothing here may ever change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <p2pfaas/plugin.h>

#define AT(type, field, offset)                                                                    \
    assert_int_equal(offsetof(struct type, field), offset);                                        \
    assert_true(sizeof(((struct type *)0)->field) > 0)

static void peer_is_64_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct p2p_peer), 64);
    AT(p2p_peer, id, 0);
    AT(p2p_peer, flags, 4);
    AT(p2p_peer, load, 8);
    AT(p2p_peer, queue, 12);
    AT(p2p_peer, slots, 16);
    AT(p2p_peer, inflight, 20);
    AT(p2p_peer, heard_ns, 24);
    AT(p2p_peer, rtt_ns, 32);
    AT(p2p_peer, reserved, 40);
}

static void probe_is_32_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct p2p_probe), 32);
    AT(p2p_probe, peer, 0);
    AT(p2p_probe, status, 4);
    AT(p2p_probe, load, 8);
    AT(p2p_probe, queue, 12);
    AT(p2p_probe, slots, 16);
    AT(p2p_probe, reserved, 20);
    AT(p2p_probe, rtt_ns, 24);
}

static void action_is_16_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct p2p_action), 16);
    AT(p2p_action, kind, 0);
    AT(p2p_action, a, 4);
    AT(p2p_action, t, 8);
}

static void transition_is_48_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct p2p_transition), 48);
    AT(p2p_transition, episode, 0);
    AT(p2p_transition, state, 8);
    AT(p2p_transition, next, 16);
    AT(p2p_transition, action, 24);
    AT(p2p_transition, reward, 28);
    AT(p2p_transition, next_action, 32);
    AT(p2p_transition, reserved, 40);
}

static void first_16_bytes_of_a_module_are_fixed(void **state)
{
    (void)state;
    AT(p2p_module, magic, 0);
    AT(p2p_module, abi_major, 4);
    AT(p2p_module, abi_minor, 6);
    AT(p2p_module, size, 8);
    AT(p2p_module, needs_minor, 12);
    AT(p2p_module, reserved, 14);
    AT(p2p_module, schedulers, 16);
    AT(p2p_module, learners, 24);
    assert_memory_equal(&(uint32_t){P2P_ABI_MAGIC}, "P2PF", 4);
}

static void elements_of_tables_keep_their_size(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct p2p_param), 88);
    AT(p2p_param, type, 16);
    AT(p2p_param, offset, 24);
    AT(p2p_param, def, 32);
    AT(p2p_param, def_string, 56);
    AT(p2p_param, choices, 64);
    assert_int_equal(sizeof(struct p2p_alias), 16);
    AT(p2p_alias, n_params, 8);
    assert_int_equal(sizeof(struct p2p_choice), 24);
    AT(p2p_choice, episode, 0);
    AT(p2p_choice, value, 16);
}

/* Structs that grow do so at the end: what is here now stays where it is. */
static void growing_structs_keep_their_beginning(void **state)
{
    (void)state;
    AT(p2p_node, size, 0);
    AT(p2p_node, queue_limit, 20);
    AT(p2p_request, size, 0);
    AT(p2p_request, host, 8);
    AT(p2p_request, id, 16);
    AT(p2p_request, function, 48);
    AT(p2p_request, now_ns, 64);
    AT(p2p_request, node, 72);
    AT(p2p_request, peers, 80);
    AT(p2p_request, probe, 96);
    AT(p2p_request, state, 112);
    AT(p2p_outcome, size, 0);
    AT(p2p_outcome, total_ns, 16);
    AT(p2p_outcome, probe_ns, 24);
    AT(p2p_outcome, queue_ns, 32);
    AT(p2p_outcome, run_ns, 40);
    AT(p2p_outcome, hops, 52);
    AT(p2p_space, size, 0);
    AT(p2p_space, hi, 24);
    AT(p2p_scheduler, size, 0);
    AT(p2p_scheduler, name, 8);
    AT(p2p_scheduler, params, 40);
    AT(p2p_scheduler, instance_size, 64);
    AT(p2p_scheduler, decide, 80);
    AT(p2p_scheduler, extension, 144);
    AT(p2p_scheduler, probes, 152);
    AT(p2p_scheduler, heard, 160);
    AT(p2p_learner, size, 0);
    AT(p2p_learner, act, 56);
    AT(p2p_learner, extension, 112);
    AT(p2p_host, size, 0);
    AT(p2p_host, ctx, 8);
    AT(p2p_host, log, 32);
    AT(p2p_host, extension, 112);
    AT(p2p_host, tell, 120);
    AT(p2p_host, function_name, 128);
    AT(p2p_host, address, 136);
}

static void numbers_of_events_and_actions_are_fixed(void **state)
{
    (void)state;
    assert_int_equal(P2P_EV_ARRIVAL, 0);
    assert_int_equal(P2P_EV_PROBED, 1);
    assert_int_equal(P2P_EV_TIMER, 2);
    assert_int_equal(P2P_EV_REFUSED, 3);
    assert_int_equal(P2P_EV_TICK, 4);
    assert_int_equal(P2P_LOCAL, 0);
    assert_int_equal(P2P_FORWARD, 1);
    assert_int_equal(P2P_REJECT, 2);
    assert_int_equal(P2P_PROBE, 3);
    assert_int_equal(P2P_WAIT, 4);
    assert_int_equal(P2P_DONE, 5);
    assert_int_equal(P2P_INT, 1);
    assert_int_equal(P2P_SIZE, 7);
    assert_int_equal(P2P_PROBE_GONE, 3);
    assert_int_equal(P2P_OUT_FAILED, 5);
    assert_int_equal(P2P_MESSAGE_MAX, 1024);
    assert_int_equal(P2P_ABI_MAJOR, 1);
}

static void nothing_is_a_legal_answer(void **state)
{
    struct p2p_action a = {0};

    (void)state;
    assert_int_equal(a.kind, P2P_LOCAL);
    assert_int_equal(a.a, p2p_local().a);
}

static void helpers_make_the_actions(void **state)
{
    (void)state;
    assert_int_equal(p2p_local_or_lose().a, P2P_NO_WAIT);
    assert_int_equal(p2p_local_or_lose().t, 0);
    assert_int_equal(p2p_local_at(9).kind, P2P_LOCAL);
    assert_int_equal(p2p_local_at(9).a, 0);
    assert_int_equal(p2p_local_at(UINT64_MAX).t, UINT64_MAX);
    assert_int_equal(p2p_local_at(0).t, p2p_local().t);
    assert_int_equal(p2p_forward(7).kind, P2P_FORWARD);
    assert_int_equal(p2p_forward(7).a, 7);
    assert_int_equal(p2p_reject(429).a, 429);
    assert_int_equal(p2p_wait_until(UINT64_MAX).t, UINT64_MAX);
    assert_int_equal(p2p_done().kind, P2P_DONE);
    assert_int_equal(p2p_ask(3, 2, 9).a, 3 | 2 << 16);
    assert_int_equal(p2p_ask(0x10003, 0, 9).a, 3);
    assert_int_equal(p2p_ask(3, 2, 9).t, 9);
}

static void has_tells_what_a_cut_struct_contains(void **state)
{
    struct p2p_scheduler s = {.size = sizeof(s)};

    (void)state;
    assert_true(P2P_HAS(&s, extension));
    s.size = offsetof(struct p2p_scheduler, save);
    assert_true(P2P_HAS(&s, space));
    assert_true(P2P_HAS(&s, decide));
    assert_false(P2P_HAS(&s, save));
    assert_false(P2P_HAS(&s, load));
    s.size += sizeof(s.save) - 1; /* half a field is none */
    assert_false(P2P_HAS(&s, save));
    s.size++;
    assert_true(P2P_HAS(&s, save));
    assert_false(P2P_HAS(&s, load));
    s.size = 0;
    assert_false(P2P_HAS(&s, size));
}

/* A plugin of 1.1 in a host of 1.0, and one of 1.0 here. */
static void has_tells_one_minor_from_the_next(void **state)
{
    struct p2p_scheduler s = {.size = offsetof(struct p2p_scheduler, probes)};
    struct p2p_host h = {.size = offsetof(struct p2p_host, tell)};

    (void)state;
    assert_false(P2P_HAS(&s, probes));
    assert_false(P2P_HAS(&s, heard));
    assert_true(P2P_HAS(&h, extension));
    assert_false(P2P_HAS(&h, tell));
    s.size = sizeof(s);
    h.size = sizeof(h);
    assert_true(P2P_HAS(&s, heard));
    assert_true(P2P_HAS(&h, address));
}

static void has_works_on_the_hosts_structs(void **state)
{
    struct p2p_host h = {.size = offsetof(struct p2p_host, act)};
    struct p2p_node n = {.size = sizeof(n)};

    (void)state;
    assert_true(P2P_HAS(&h, peer_name));
    assert_false(P2P_HAS(&h, act));
    assert_true(P2P_HAS(&n, queue_limit));
}

/* ---- helpers that draw ---- */

static uint64_t draws[8];
static size_t drawn;

static uint64_t next_draw(const struct p2p_host *h)
{
    (void)h;
    return draws[drawn++ % 8];
}

static void random_below_rejects_what_would_be_biased(void **state)
{
    struct p2p_host h = {.size = sizeof(h), .rand = next_draw};

    (void)state;
    drawn = 0;
    draws[0] = UINT64_MAX;
    draws[1] = 11;
    assert_int_equal(p2p_rand_below(&h, 10), 1);
    assert_int_equal(drawn, 2);
    assert_int_equal(p2p_rand_below(&h, 1), 0);
}

static void random_unit_stays_below_one(void **state)
{
    struct p2p_host h = {.size = sizeof(h), .rand = next_draw};

    (void)state;
    drawn = 0;
    draws[0] = UINT64_MAX;
    draws[1] = 0;
    assert_true(p2p_rand_unit(&h) < 1);
    assert_true(p2p_rand_unit(&h) == 0);
}

static void sample_is_of_distinct_peers(void **state)
{
    struct p2p_host h = {.size = sizeof(h), .rand = next_draw};
    struct p2p_peer peers[6] = {{.id = 10}, {.id = 11}, {.id = 12},
                                {.id = 13}, {.id = 14}, {.id = 15}};
    struct p2p_probe probes[3];
    struct p2p_request rq = {.size = sizeof(rq),
                             .host = &h,
                             .peers = peers,
                             .n_peers = 6,
                             .probe = probes,
                             .probe_cap = 3};

    (void)state;
    for (uint64_t round = 0; round < 500; round++) {
        for (size_t i = 0; i < 8; i++)
            draws[i] = round * 6364136223846793005u + i * 1442695040888963407u;
        assert_int_equal(p2p_sample(&rq, 5), 3); /* no more than there is room for */
        for (int i = 0; i < 3; i++) {
            assert_in_range(probes[i].peer, 10, 15);
            assert_int_not_equal(probes[i].peer, probes[(i + 1) % 3].peer);
        }
    }
    rq.n_peers = 2;
    assert_int_equal(p2p_sample(&rq, 3), 2);
    rq.n_peers = 0;
    assert_int_equal(p2p_sample(&rq, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peer_is_64_bytes),
        cmocka_unit_test(probe_is_32_bytes),
        cmocka_unit_test(action_is_16_bytes),
        cmocka_unit_test(transition_is_48_bytes),
        cmocka_unit_test(first_16_bytes_of_a_module_are_fixed),
        cmocka_unit_test(elements_of_tables_keep_their_size),
        cmocka_unit_test(growing_structs_keep_their_beginning),
        cmocka_unit_test(numbers_of_events_and_actions_are_fixed),
        cmocka_unit_test(nothing_is_a_legal_answer),
        cmocka_unit_test(helpers_make_the_actions),
        cmocka_unit_test(has_tells_what_a_cut_struct_contains),
        cmocka_unit_test(has_tells_one_minor_from_the_next),
        cmocka_unit_test(has_works_on_the_hosts_structs),
        cmocka_unit_test(random_below_rejects_what_would_be_biased),
        cmocka_unit_test(random_unit_stays_below_one),
        cmocka_unit_test(sample_is_of_distinct_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
