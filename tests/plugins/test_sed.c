#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module sed_plugin;

enum { FIRST = 50, JOBS = 12000, RESIZE = 3, SPEECH = 7 };
#define MS UINT64_C(1000000)

static struct mock *make(const char *settings, uint32_t peers)
{
    struct mock *m = mock_new(&sed_plugin, settings);

    mock_peers(m, FIRST, peers);
    return m;
}

/* A job of a function at a node with that load. */
static struct p2p_action arrives(struct mock *m, uint32_t function, uint32_t load)
{
    mock_load(m, load, 0);
    mock_arrive(m);
    m->rq.function = function;
    return mock_decide(m, P2P_EV_ARRIVAL);
}

/* All answer with the loads given for the peers FIRST, FIRST + 1, … */
static struct p2p_action answered(struct mock *m, const uint32_t *loads)
{
    for (uint32_t i = 0; i < m->rq.n_probe; i++)
        mock_answer(m, i, loads[m->rq.probe[i].peer - FIRST], 0);
    return mock_decide(m, P2P_EV_PROBED);
}

static void ends(struct mock *m, uint32_t function, struct p2p_outcome out)
{
    out.size = sizeof(out);
    mock_arrive(m);
    m->rq.function = function;
    m->rq.now_ns = m->now_ns;
    m->ops->outcome(m->self, &m->rq, &out);
}

static void ran_here(struct mock *m, uint32_t function, uint64_t run_ns)
{
    ends(m, function,
         (struct p2p_outcome){
             .status = P2P_OUT_RAN, .http_status = 200, .peer = P2P_NONE, .run_ns = run_ns});
}

static void ran_at(struct mock *m, uint32_t peer, uint32_t function, uint64_t run_ns)
{
    ends(m, function,
         (struct p2p_outcome){
             .status = P2P_OUT_FORWARDED, .http_status = 200, .peer = peer, .run_ns = run_ns});
}

/* How many times slower than this node the plugin takes the only peer to be: a job here
 * takes 1000 run times, and the peer gets it as long as it is loaded by less than that. */
static double slowness_of(struct mock *m, uint32_t function)
{
    uint32_t goes = 0, stays = 1 << 20;

    while (stays - goes > 1) {
        uint32_t load = goes + (stays - goes) / 2;

        mock_is(arrives(m, function, 3999), p2p_ask(1, 0, 0));
        if (answered(m, &load).kind == P2P_FORWARD)
            goes = load;
        else
            stays = load;
    }
    return 4000.0 / stays;
}

static void slowness_is(struct mock *m, uint32_t function, double wanted)
{
    double got = slowness_of(m, function);

    if (fabs(got - wanted) > wanted / 50)
        fail_msg("the peer is taken to be %g times slower, not %g", got, wanted);
}

/* ---- the delay ---- */

static void a_free_slot_is_a_free_slot(void **state)
{
    static const uint32_t idle = 0;
    struct mock *m = make("", 1);

    (void)state;
    for (uint32_t load = 0; load < 8; load++) {
        arrives(m, RESIZE, load); /* 4 slots: with 3 jobs there is one free */
        mock_is(answered(m, &idle), load < 4 ? p2p_local() : p2p_forward(FIRST));
    }
    mock_free(m);
}

static void what_waits_is_divided_by_the_slots(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    m->node.slots = 2;
    arrives(m, RESIZE, 5); /* (5 + 1) / 2 = 3 */
    mock_answer(m, 0, 4, 6);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(FIRST)); /* 11 / 4 */
    arrives(m, RESIZE, 5);
    mock_answer(m, 0, 4, 7); /* 3, equal: stays */
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    arrives(m, RESIZE, 5);
    mock_answer(m, 0, 2, 0);
    m->rq.probe[0].slots = 0; /* as one */
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    arrives(m, RESIZE, 5);
    mock_answer(m, 0, UINT32_MAX, UINT32_MAX);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    mock_free(m);
}

static void the_shortest_of_those_asked_gets_the_job(void **state)
{
    struct mock *m = make("fanout=5", 5);

    (void)state;
    for (uint32_t best = 0; best < 5; best++) {
        uint32_t loads[5] = {9, 9, 9, 9, 9};

        loads[best] = 8;
        mock_is(arrives(m, RESIZE, 20), p2p_ask(5, 0, 0));
        mock_is(answered(m, loads), p2p_forward(FIRST + best));
    }
    mock_free(m);
}

static void the_way_there_and_back_counts_once_the_function_is_timed(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    for (int k = 0; k < 2; k++) {
        mock_is(arrives(m, RESIZE, 7), p2p_ask(1, 0, 0)); /* 2 run times, and 1 there */
        mock_answer(m, 0, 0, 0);
        m->rq.probe[0].rtt_ns = 12 * MS;
        mock_is(mock_decide(m, P2P_EV_PROBED), k ? p2p_local() : p2p_forward(FIRST));
        ran_here(m, RESIZE, 10 * MS);
    }
    arrives(m, RESIZE, 7);
    mock_answer(m, 0, 0, 0);
    m->rq.probe[0].rtt_ns = 9 * MS;
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(FIRST));
    mock_free(m);
}

static void equal_peers_are_drawn(void **state)
{
    static const uint32_t loads[4] = {0, 3, 9, 2};
    static const unsigned place[4] = {0, 1, 9, 2};
    struct mock *m = make("fanout=4", 4);
    unsigned counts[3] = {0};

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        arrives(m, RESIZE, 9);
        counts[place[answered(m, loads).a - FIRST]]++;
    }
    mock_uniform(counts, 3);
    mock_free(m);
}

/* ---- what it learns ---- */

static void a_peer_is_taken_to_be_as_fast_as_this_node(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    slowness_is(m, RESIZE, 1);
    ran_here(m, RESIZE, 10 * MS);
    slowness_is(m, RESIZE, 1);
    mock_free(m);
}

static void run_times_tell_how_fast_a_peer_is(void **state)
{
    static const double times[] = {0.05, 0.5, 3, 40};

    (void)state;
    for (int k = 0; k < 4; k++) {
        struct mock *m = make("", 1);

        ran_here(m, RESIZE, 10 * MS);
        ran_at(m, FIRST, RESIZE, (uint64_t)(times[k] * 10 * (double)MS));
        slowness_is(m, RESIZE, times[k]);
        slowness_is(m, SPEECH, times[k]); /* of the peer, whatever it runs */
        mock_free(m);
    }
}

static void functions_of_unequal_length_do_not_mix(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    for (int i = 0; i < 200; i++) {
        ran_here(m, RESIZE, 10 * MS);
        ran_here(m, SPEECH, 900 * MS);
        ran_at(m, FIRST, i % 2 ? RESIZE : SPEECH, i % 2 ? 20 * MS : 1800 * MS);
    }
    slowness_is(m, RESIZE, 2);
    mock_free(m);
}

static void the_mean_of_random_run_times_is_found(void **state)
{
    struct mock *m = make("weight=0.001", 1);

    (void)state;
    for (int i = 0; i < 20000; i++) { /* exponential; a mean of speeds would diverge */
        ran_here(m, RESIZE, (uint64_t)(-log1p(-p2p_rand_unit(&m->host)) * 10e6) + 1);
        ran_at(m, FIRST, RESIZE, (uint64_t)(-log1p(-p2p_rand_unit(&m->host)) * 40e6) + 1);
    }
    if (fabs(slowness_of(m, RESIZE) - 4) > 0.4)
        fail_msg("it found %g instead of 4", slowness_of(m, RESIZE));
    mock_free(m);
}

static void it_follows_a_peer_that_became_slow(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    ran_here(m, RESIZE, 10 * MS);
    for (int i = 0; i < 100; i++)
        ran_at(m, FIRST, RESIZE, 10 * MS);
    slowness_is(m, RESIZE, 1);
    ran_at(m, FIRST, RESIZE, 60 * MS); /* a tenth of the way */
    slowness_is(m, RESIZE, 1.5);
    for (int i = 0; i < 100; i++)
        ran_at(m, FIRST, RESIZE, 60 * MS);
    slowness_is(m, RESIZE, 6);
    mock_free(m);
}

static void what_is_known_of_a_peer_fades(void **state)
{
    struct mock *m = make("forget=20s", 1), *forever = make("forget=0s", 1);

    (void)state;
    for (int k = 0; k < 2; k++) {
        ran_here(k ? m : forever, RESIZE, 10 * MS);
        ran_at(k ? m : forever, FIRST, RESIZE, 90 * MS);
    }
    m->now_ns += 10000 * MS;
    slowness_is(m, RESIZE, 5);
    m->now_ns += 10000 * MS;
    slowness_is(m, RESIZE, 1);
    ran_at(m, FIRST, RESIZE, 30 * MS); /* and is learned anew */
    slowness_is(m, RESIZE, 3);
    forever->now_ns += UINT64_C(1) << 60;
    slowness_is(forever, RESIZE, 9);
    mock_free(m);
    mock_free(forever);
}

static void before_it_ran_here_peers_tell_how_long_a_function_takes(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    ran_at(m, FIRST, RESIZE, 50 * MS);
    ran_at(m, FIRST, RESIZE, 150 * MS);
    slowness_is(m, RESIZE, 1); /* nothing to compare with */
    arrives(m, RESIZE, 7);
    mock_answer(m, 0, 0, 0);
    m->rq.probe[0].rtt_ns = 99 * MS;
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(FIRST));
    ran_here(m, RESIZE, 10 * MS); /* which counts for all */
    arrives(m, RESIZE, 7);
    mock_answer(m, 0, 0, 0);
    m->rq.probe[0].rtt_ns = 11 * MS;
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    ran_at(m, FIRST, RESIZE, 50 * MS);
    slowness_is(m, RESIZE, 5);
    mock_free(m);
}

static void and_a_peer_known_to_be_slow_is_allowed_for(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    ran_here(m, SPEECH, 10 * MS);
    ran_at(m, FIRST, SPEECH, 40 * MS);
    ran_at(m, FIRST, RESIZE, 80 * MS); /* 20 ms here */
    for (uint64_t rtt = 79; rtt <= 81; rtt += 2) {
        arrives(m, RESIZE, 31); /* 160 ms here, 80 there */
        mock_answer(m, 0, 0, 0);
        m->rq.probe[0].rtt_ns = rtt * MS;
        mock_is(mock_decide(m, P2P_EV_PROBED), rtt < 80 ? p2p_forward(FIRST) : p2p_local());
    }
    mock_free(m);
}

static void some_outcomes_teach_nothing(void **state)
{
    static const struct p2p_outcome useless[] = {
        {.status = P2P_OUT_FORWARDED, .http_status = 500, .peer = FIRST, .run_ns = MS},
        {.status = P2P_OUT_FORWARDED, .http_status = 200, .peer = FIRST, .run_ns = 0},
        {.status = P2P_OUT_FAILED, .http_status = 502, .peer = FIRST, .run_ns = MS},
        {.status = P2P_OUT_REJECTED, .http_status = 503, .peer = P2P_NONE, .run_ns = MS},
        {.status = P2P_OUT_CANCELLED, .peer = FIRST, .run_ns = MS},
        {.status = P2P_OUT_RAN, .http_status = 500, .peer = P2P_NONE, .run_ns = MS},
        {.status = 77, .http_status = 200, .peer = FIRST, .run_ns = MS},
    };
    struct mock *m = make("", 1);

    (void)state;
    ran_here(m, RESIZE, 10 * MS);
    ran_at(m, FIRST, RESIZE, 50 * MS);
    for (unsigned i = 0; i < sizeof(useless) / sizeof(useless[0]); i++)
        ends(m, RESIZE, useless[i]);
    slowness_is(m, RESIZE, 5);
    mock_free(m);
}

static void a_lie_counts_a_thousand_times_at_most(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    ran_here(m, RESIZE, 10 * MS);
    ran_at(m, FIRST, RESIZE, UINT64_MAX);
    ran_at(m, FIRST, RESIZE, 10 * MS); /* the mean of two */
    arrives(m, RESIZE, 2001);
    mock_answer(m, 0, 0, 0);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    arrives(m, RESIZE, 2002);
    mock_answer(m, 0, 0, 0);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(FIRST));
    mock_free(m);
}

static void ids_that_share_a_place_displace_each_other(void **state)
{
    struct mock *m = make("", 1);

    (void)state;
    ran_here(m, RESIZE, 10 * MS);
    ran_at(m, FIRST, RESIZE, 50 * MS);
    ran_at(m, FIRST + 1024, RESIZE, 20 * MS);
    slowness_is(m, RESIZE, 1);
    mock_peers(m, FIRST + 1024, 1);
    mock_is(arrives(m, RESIZE, 9), p2p_ask(1, 0, 0));
    mock_answer(m, 0, 0, 0);
    mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(FIRST + 1024));
    ran_here(m, RESIZE + 256, 900 * MS);
    ran_at(m, FIRST + 1024, RESIZE, 20 * MS); /* its own time here was displaced */
    mock_free(m);
}

/* ---- without asking ---- */

static void with_fanout_zero_it_goes_by_what_was_heard_of_all(void **state)
{
    struct mock *m = make("fanout=0", 500);

    (void)state;
    assert_int_equal(m->rq.probe_cap, 0);
    for (uint32_t i = 0; i < 500; i++) {
        m->peers[i].heard_ns = 1;
        m->peers[i].load = 9;
    }
    m->peers[444].load = 5;
    mock_is(arrives(m, RESIZE, 8), p2p_forward(FIRST + 444));
    m->peers[444].inflight = 3;
    mock_is(arrives(m, RESIZE, 8), p2p_local());
    m->peers[7].heard_ns = 0; /* what it says is of no time */
    mock_is(arrives(m, RESIZE, 8), p2p_forward(FIRST + 7));
    ran_here(m, RESIZE, 10 * MS);
    ran_at(m, FIRST + 7, RESIZE, 30 * MS);
    mock_is(arrives(m, RESIZE, 8), p2p_local());
    m->peers[9].load = 4;
    mock_is(arrives(m, RESIZE, 8), p2p_forward(FIRST + 9));
    m->peers[9].rtt_ns = 11 * MS;
    mock_is(arrives(m, RESIZE, 8), p2p_local());
    mock_free(m);
}

/* ---- what goes wrong ---- */

static void a_silent_peer_is_never_chosen(void **state)
{
    static const uint32_t silent[] = {P2P_PROBE_TIMEOUT, P2P_PROBE_GONE, P2P_PROBE_PENDING};
    struct mock *m = make("", 2);

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        arrives(m, RESIZE, 90);
        mock_no_answer(m, 0, silent[i]); /* with a load of zero */
        mock_answer(m, 1, 80, 0);
        mock_is(mock_decide(m, P2P_EV_PROBED), p2p_forward(m->rq.probe[1].peer));
        arrives(m, RESIZE, 90);
        mock_no_answer(m, 0, silent[i]);
        mock_no_answer(m, 1, silent[i]);
        mock_is(mock_decide(m, P2P_EV_PROBED), p2p_local());
    }
    mock_free(m);
}

static void a_refused_job_goes_to_the_next(void **state)
{
    static const uint32_t loads[3] = {7, 0, 5};
    struct mock *m = make("fanout=3", 3);

    (void)state;
    arrives(m, RESIZE, 9);
    mock_is(answered(m, loads), p2p_forward(FIRST + 1));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST + 2));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void after_eight_refusals_it_runs_here(void **state)
{
    static const uint32_t idle[64];
    struct mock *m = make("fanout=64", 64);
    struct p2p_action a;
    unsigned n = 0;

    (void)state;
    arrives(m, RESIZE, 9);
    for (a = answered(m, idle); a.kind == P2P_FORWARD; n++)
        a = mock_decide(m, P2P_EV_REFUSED);
    assert_int_equal(n, 8);
    mock_is(a, p2p_local());
    mock_free(m);
}

static void threshold_hops_no_peers_and_odd_events_run_here(void **state)
{
    struct mock *m = make("max_hops=2 loss=true threshold=3", 3);

    (void)state;
    mock_is(arrives(m, RESIZE, 2), p2p_local_or_lose());
    mock_is(arrives(m, RESIZE, 3), p2p_ask(2, 0, 0));
    mock_load(m, 9, 0);
    mock_is(mock_job(m, 1), p2p_ask(2, 0, 0));
    mock_is(mock_job(m, 2), p2p_local_or_lose());
    for (uint32_t event = P2P_EV_PROBED; event < 40; event++) {
        mock_arrive(m);
        mock_is(mock_decide(m, event), p2p_local_or_lose());
    }
    mock_peers(m, FIRST, 0);
    mock_is(arrives(m, RESIZE, 9), p2p_local_or_lose());
    mock_free(m);
}

/* ---- its memory ---- */

struct tape {
    char *data;
    uint64_t cap, len, at;
};

static int64_t tape_write(struct p2p_stream *s, const void *data, uint64_t n)
{
    struct tape *t = s->ctx;

    if (n > t->cap - t->len)
        return -1;
    memcpy(t->data + t->len, data, n);
    t->len += n;
    return (int64_t)n;
}

static int64_t tape_read(struct p2p_stream *s, void *to, uint64_t n)
{
    struct tape *t = s->ctx;

    if (n > t->len - t->at)
        n = t->len - t->at;
    memcpy(to, t->data + t->at, n);
    t->at += n;
    return (int64_t)n;
}

static void what_it_learned_goes_to_the_next_and_garbage_does_not(void **state)
{
    struct mock *old = make("", 1), *next = make("", 1), *other = make("", 1);
    struct tape t = {.data = malloc(1 << 16), .cap = 1 << 16};
    struct p2p_stream out = {.ctx = &t, .write = tape_write}, in = {.ctx = &t, .read = tape_read};

    (void)state;
    assert_non_null(t.data);
    ran_here(old, RESIZE, 10 * MS);
    ran_at(old, FIRST, RESIZE, 70 * MS);
    assert_true(old->ops->save(old->self, &out));
    assert_true(next->ops->load(next->self, &in));
    slowness_is(next, RESIZE, 7);
    t.at = 0;
    t.len--;
    assert_false(other->ops->load(other->self, &in));
    t.at = 0;
    memset(t.data, 0xff, ++t.len); /* not a number, each of them */
    assert_false(other->ops->load(other->self, &in));
    t.at = 0;
    memset(t.data, 0xbf, t.len); /* negative */
    assert_false(other->ops->load(other->self, &in));
    t.cap = t.len;
    assert_false(old->ops->save(old->self, &out));
    free(t.data);
    mock_free(old);
    mock_free(next);
    mock_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_slot_is_a_free_slot),
        cmocka_unit_test(what_waits_is_divided_by_the_slots),
        cmocka_unit_test(the_shortest_of_those_asked_gets_the_job),
        cmocka_unit_test(the_way_there_and_back_counts_once_the_function_is_timed),
        cmocka_unit_test(equal_peers_are_drawn),
        cmocka_unit_test(a_peer_is_taken_to_be_as_fast_as_this_node),
        cmocka_unit_test(run_times_tell_how_fast_a_peer_is),
        cmocka_unit_test(functions_of_unequal_length_do_not_mix),
        cmocka_unit_test(the_mean_of_random_run_times_is_found),
        cmocka_unit_test(it_follows_a_peer_that_became_slow),
        cmocka_unit_test(what_is_known_of_a_peer_fades),
        cmocka_unit_test(before_it_ran_here_peers_tell_how_long_a_function_takes),
        cmocka_unit_test(and_a_peer_known_to_be_slow_is_allowed_for),
        cmocka_unit_test(some_outcomes_teach_nothing),
        cmocka_unit_test(a_lie_counts_a_thousand_times_at_most),
        cmocka_unit_test(ids_that_share_a_place_displace_each_other),
        cmocka_unit_test(with_fanout_zero_it_goes_by_what_was_heard_of_all),
        cmocka_unit_test(a_silent_peer_is_never_chosen),
        cmocka_unit_test(a_refused_job_goes_to_the_next),
        cmocka_unit_test(after_eight_refusals_it_runs_here),
        cmocka_unit_test(threshold_hops_no_peers_and_odd_events_run_here),
        cmocka_unit_test(what_it_learned_goes_to_the_next_and_garbage_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
