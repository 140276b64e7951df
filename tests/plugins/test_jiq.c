#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module jiq_plugin;

enum { LENGTH = 12, TOKEN = 1, ASK = 2, TELL = 3, FIRST = 50 };
#define S UINT64_C(1000000000)

static struct mock *make(const char *settings, uint32_t peers)
{
    struct mock *m = mock_new(&jiq_plugin, settings);

    m->first_id = FIRST;
    mock_peers(m, FIRST, peers);
    return m;
}

static void message(unsigned char *bytes, unsigned kind, uint32_t question, uint32_t length)
{
    memset(bytes, 0, LENGTH);
    bytes[0] = 1;
    bytes[1] = (unsigned char)kind;
    for (unsigned i = 0; i < 4; i++) {
        bytes[4 + i] = (unsigned char)(question >> 8 * i);
        bytes[8 + i] = (unsigned char)(length >> 8 * i);
    }
}

static void hear(struct mock *m, uint32_t from, unsigned kind, uint32_t question, uint32_t length)
{
    unsigned char bytes[LENGTH];

    message(bytes, kind, question, length);
    mock_hear(m, from, bytes, LENGTH);
}

static unsigned kind_of(const struct mock_message *t)
{
    assert_int_equal(t->len, LENGTH);
    return ((const unsigned char *)t->bytes)[1];
}

static uint32_t question_of(const struct mock_message *t)
{
    const unsigned char *b = t->bytes;

    return b[4] | (uint32_t)b[5] << 8 | (uint32_t)b[6] << 16 | (uint32_t)b[7] << 24;
}

static uint64_t counter(const struct mock *m, const char *name)
{
    for (unsigned i = 0; i < m->n_metrics; i++)
        if (strcmp(m->metric[i].name, name) == 0)
            return m->metric[i].counter;
    fail_msg("no counter %s", name);
    return 0;
}

static struct p2p_action job_from(struct mock *m, uint32_t from)
{
    mock_arrive(m);
    m->rq.hops = 1;
    m->rq.flags = P2P_RQ_EXTERNAL;
    m->rq.from = from;
    return mock_decide(m, P2P_EV_ARRIVAL);
}

/* ---- the dispatcher ---- */

static void the_oldest_token_is_used_first(void **state)
{
    struct mock *m = make("", 3);

    (void)state;
    hear(m, FIRST + 2, TOKEN, 0, 0);
    hear(m, FIRST, TOKEN, 0, 0);
    hear(m, FIRST + 2, TOKEN, 0, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 2));
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 2));
    assert_int_equal(counter(m, "tokens_used"), 3);
    assert_int_equal(counter(m, "tokens_missing"), 0);
    mock_free(m);
}

static void without_a_token_any_node_is_as_likely(void **state)
{
    struct mock *m = make("", 4);
    unsigned counts[5] = {0};

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct p2p_action a = mock_job(m, 0);

        counts[a.kind == P2P_LOCAL ? 4 : a.a - FIRST]++;
    }
    mock_uniform(counts, 5);
    mock_free(m);
}

static void or_it_stays(void **state)
{
    struct mock *m = make("otherwise=local", 4);

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        mock_is(mock_job(m, 0), p2p_local());
    assert_int_equal(counter(m, "tokens_missing"), 50);
    mock_free(m);
}

static void a_token_of_one_that_is_down_is_skipped(void **state)
{
    struct mock *m = make("otherwise=local", 3);

    (void)state;
    hear(m, FIRST + 2, TOKEN, 0, 0);
    hear(m, FIRST + 1, TOKEN, 0, 0);
    mock_peers(m, FIRST, 2);
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 1));
    assert_int_equal(counter(m, "tokens_skipped"), 1);
    mock_free(m);
}

static void one_that_expired_is_not_used(void **state)
{
    struct mock *m = make("otherwise=local token_age=1s", 3);

    (void)state;
    hear(m, FIRST, TOKEN, 0, 0);
    m->now_ns += S - 1;
    hear(m, FIRST + 1, TOKEN, 0, 0);
    m->now_ns += 1;
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 1));
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void the_oldest_make_room(void **state)
{
    struct mock *m = make("otherwise=local tokens=2", 3);

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        hear(m, FIRST + i, TOKEN, 0, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 1));
    mock_is(mock_job(m, 0), p2p_forward(FIRST + 2));
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

static void a_refused_job_takes_the_next_token(void **state)
{
    struct mock *m = make("", 3);

    (void)state;
    hear(m, FIRST, TOKEN, 0, 0);
    hear(m, FIRST + 1, TOKEN, 0, 0);
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_forward(FIRST + 1));
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    mock_free(m);
}

static void refusals_come_to_an_end(void **state)
{
    struct mock *m = make("", 3);
    struct p2p_action a;
    unsigned n = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        hear(m, FIRST, TOKEN, 0, 0);
    for (a = mock_job(m, 0); a.kind == P2P_FORWARD; n++)
        a = mock_decide(m, P2P_EV_REFUSED);
    assert_in_range(n, 2, 20);
    mock_free(m);
}

static void forwarded_jobs_run_where_they_come(void **state)
{
    struct mock *m = make("", 3);

    (void)state;
    hear(m, FIRST, TOKEN, 0, 0);
    mock_is(job_from(m, FIRST + 1), p2p_local());
    mock_is(mock_job(m, 0), p2p_forward(FIRST));
    mock_free(m);
}

/* ---- the server ---- */

static void at_the_start_each_slot_has_a_token_out(void **state)
{
    struct mock *nodes[10];
    unsigned used = 0;

    (void)state;
    mock_network(nodes, 10, &jiq_plugin, "otherwise=local");
    for (unsigned i = 0; i < 10; i++)
        mock_tick(nodes[i]);
    mock_deliver(nodes, 10);
    for (unsigned i = 0; i < 10; i++) {
        unsigned mine = (unsigned)counter(nodes[i], "tokens_used");

        while (counter(nodes[i], "tokens_missing") == 0)
            mock_job(nodes[i], 0);
        used += (unsigned)counter(nodes[i], "tokens_used") - mine;
    }
    assert_int_equal(used, 40);
    for (unsigned i = 0; i < 10; i++)
        mock_free(nodes[i]);
}

static void a_token_goes_to_a_random_node(void **state)
{
    struct mock *m = make("token_age=100ms", 4);
    unsigned counts[5] = {0};

    (void)state;
    m->node.slots = 1;
    for (unsigned i = 0; i < 3000; i++) {
        mock_tick(m);
        counts[m->n_told ? m->told[0].peer - FIRST : 4]++;
        mock_forget(m);
        m->now_ns += S / 10;
    }
    mock_uniform(counts, 5);
    mock_free(m);
}

static void a_slot_has_one_token_out_at_most(void **state)
{
    struct mock *m = make("", 1000);

    (void)state;
    mock_load(m, 3, 0);
    for (unsigned i = 0; i < 5; i++) {
        mock_outcome(m, P2P_OUT_RAN, 0, 1);
        mock_tick(m);
        assert_int_equal(m->n_told, 1);
    }
    mock_load(m, 2, 0);
    mock_outcome(m, P2P_OUT_RAN, 0, 1);
    assert_int_equal(m->n_told, 2);
    assert_int_equal(kind_of(&m->told[0]), TOKEN);
    mock_free(m);
}

static void with_jobs_waiting_or_no_slot_there_is_no_token(void **state)
{
    struct mock *m = make("", 1000);

    (void)state;
    mock_load(m, 4, 0);
    mock_outcome(m, P2P_OUT_RAN, 0, 1);
    mock_load(m, 3, 1);
    mock_outcome(m, P2P_OUT_RAN, 0, 1);
    mock_load(m, 9, 0); /* slots were taken away */
    mock_outcome(m, P2P_OUT_RAN, 0, 1);
    mock_tick(m);
    assert_int_equal(m->n_told, 0);
    mock_free(m);
}

static void a_job_of_whom_it_gave_a_token_used_it(void **state)
{
    struct mock *m = make("", 1000);
    uint32_t holder;

    (void)state;
    m->node.slots = 1;
    mock_tick(m);
    assert_int_equal(m->n_told, 1);
    holder = m->told[0].peer;
    job_from(m, holder == FIRST ? FIRST + 1 : FIRST); /* a random one, not by a token */
    mock_outcome(m, P2P_OUT_RAN, 0, 1);
    assert_int_equal(m->n_told, 1);
    job_from(m, holder);
    mock_outcome(m, P2P_OUT_RAN, 0, 1);
    assert_int_equal(m->n_told, 2);
    mock_free(m);
}

static void a_token_that_was_lost_or_has_gone_is_given_anew(void **state)
{
    struct mock *m = make("token_age=1s", 1000);

    (void)state;
    m->tell_fails = true;
    mock_tick(m);
    m->tell_fails = false;
    mock_tick(m);
    assert_int_equal(m->n_told, 4);
    m->now_ns += S;
    mock_tick(m);
    assert_int_equal(m->n_told, 8);
    mock_peers(m, FIRST + 1000, 1000);
    mock_tick(m);
    assert_int_equal(m->n_told, 12);
    mock_free(m);
}

static void its_own_token_is_used_while_a_slot_is_free(void **state)
{
    struct mock *m = make("otherwise=local", 0);

    (void)state;
    mock_tick(m);
    mock_load(m, 2, 0);
    mock_is(mock_job(m, 0), p2p_local());
    assert_int_equal(counter(m, "tokens_used"), 1);
    mock_load(m, 4, 0);
    mock_is(mock_job(m, 0), p2p_local());
    assert_int_equal(counter(m, "tokens_used"), 1);
    assert_int_equal(counter(m, "tokens_skipped"), 3);
    mock_free(m);
}

/* ---- JIQ-SQ(d) ---- */

static void the_shortest_of_d_gets_one(uint64_t seed)
{
    struct mock *m = make("choice=sq d=3", 1000);
    uint32_t asked[3];

    m->rng += seed;
    m->node.slots = 1;
    mock_tick(m);
    assert_int_equal(m->n_told, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(kind_of(&m->told[i]), ASK);
        asked[i] = m->told[i].peer;
    }
    assert_true(asked[0] != asked[1] && asked[1] != asked[2] && asked[0] != asked[2]);
    hear(m, asked[0], TELL, question_of(&m->told[0]), 5);
    hear(m, asked[0], TELL, question_of(&m->told[0]), 0); /* counts once */
    hear(m, asked[1], TELL, question_of(&m->told[0]) + 1, 0);
    hear(m, asked[1], TELL, question_of(&m->told[0]), 2);
    assert_int_equal(m->n_told, 3);
    hear(m, asked[2], TELL, question_of(&m->told[0]), 3);
    assert_int_equal(m->n_told, 4);
    assert_int_equal(kind_of(&m->told[3]), TOKEN);
    assert_int_equal(m->told[3].peer, asked[1]);
    mock_free(m);
}

static void the_shortest_of_d_gets_the_token(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++)
        the_shortest_of_d_gets_one(seed);
}

static void those_who_do_not_answer_are_not_awaited_forever(void **state)
{
    struct mock *m = make("choice=sq d=2", 1000);
    uint32_t first;

    (void)state;
    m->node.slots = 1;
    mock_tick(m);
    first = m->told[0].peer;
    hear(m, first, TELL, question_of(&m->told[0]), 7);
    mock_tick(m);
    assert_int_equal(m->n_told, 2);
    mock_tick(m);
    assert_int_equal(m->n_told, 3);
    assert_int_equal(kind_of(&m->told[2]), TOKEN);
    assert_int_equal(m->told[2].peer, first);
    mock_free(m);
}

static void when_nobody_answers_it_asks_again(void **state)
{
    struct mock *m = make("choice=sq d=2", 1000);

    (void)state;
    m->node.slots = 1;
    for (unsigned i = 0; i < 3; i++)
        mock_tick(m);
    assert_int_equal(m->n_told, 4);
    assert_int_equal(kind_of(&m->told[3]), ASK);
    mock_free(m);
}

static void a_dispatcher_says_how_many_tokens_it_has(void **state)
{
    struct mock *m = make("", 3);

    (void)state;
    hear(m, FIRST, TOKEN, 0, 0);
    hear(m, FIRST, TOKEN, 0, 0);
    hear(m, FIRST + 1, ASK, 77, 0);
    assert_int_equal(m->n_told, 1);
    assert_int_equal(kind_of(&m->told[0]), TELL);
    assert_int_equal(m->told[0].peer, FIRST + 1);
    assert_int_equal(question_of(&m->told[0]), 77);
    assert_int_equal(((const unsigned char *)m->told[0].bytes)[8], 2);
    mock_free(m);
}

/* ---- all together ---- */

enum { NODES = 8, SLOTS = 4, ARRIVALS = 20000, BUSY = 22 };

/* BUSY jobs of 32 slots run at any time; each arrives at a random node.  Returns how many
 * found no idle slot where they were sent.  Mute nodes cannot tell of their tokens. */
static unsigned run_jobs(const char *settings, bool mute, unsigned *messages)
{
    struct mock *nodes[NODES];
    unsigned where[BUSY] = {0}, n = 0, found_none = 0;

    mock_network(nodes, NODES, &jiq_plugin, settings);
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i]->tell_fails = mute;
        if (!mute)
            mock_tick(nodes[i]);
    }
    mock_deliver(nodes, NODES);
    for (unsigned k = 0; k < ARRIVALS; k++) {
        struct mock *at = nodes[p2p_rand_below(&nodes[0]->host, NODES)], *to = at;
        struct p2p_action a = mock_job(at, 0);
        unsigned ends = (unsigned)p2p_rand_below(&nodes[0]->host, BUSY);

        if (a.kind == P2P_FORWARD) {
            to = nodes[a.a - at->first_id];
            mock_is(job_from(to, at->number + to->first_id), p2p_local());
        }
        if (to->node.load == SLOTS) {
            found_none++;
            to->node.queue++;
        } else {
            to->node.load++;
        }
        if (n == BUSY) {
            struct mock *end = nodes[where[ends]];

            if (end->node.queue > 0)
                end->node.queue--;
            else
                end->node.load--;
            if (!mute)
                mock_outcome(end, P2P_OUT_RAN, 0, 1);
            where[ends] = to->number;
        } else {
            where[n++] = to->number;
        }
        *messages += mock_deliver(nodes, NODES);
    }
    for (unsigned i = 0; i < NODES; i++)
        mock_free(nodes[i]);
    return found_none;
}

static void jobs_find_idle_slots_for_a_message_each(void **state)
{
    static const char *const settings[] = {"", "choice=sq", "otherwise=local"};
    unsigned none, messages = 0, random = run_jobs("", true, &messages);

    (void)state;
    assert_int_equal(messages, 0);
    print_message("random nodes: %u of %d found no idle slot\n", random, ARRIVALS);
    for (unsigned i = 0; i < 3; i++) {
        messages = 0;
        none = run_jobs(settings[i], false, &messages);
        print_message("'%s': %u of %d found no idle slot, %u messages\n", settings[i], none,
                      ARRIVALS, messages);
        assert_in_range(none, 0, i == 2 ? random * 3 / 4 : random / 2);
        assert_in_range(messages, 0, i == 1 ? 5 * ARRIVALS : ARRIVALS);
    }
}

static void garbage_is_ignored(void **state)
{
    struct mock *m = make("otherwise=local", 3);
    unsigned char bytes[LENGTH + 1] = {0};

    (void)state;
    for (uint32_t len = 1; len <= LENGTH + 1; len++) {
        message(bytes, TOKEN, 0, 0);
        if (len == LENGTH)
            bytes[0] = 2;
        mock_hear(m, FIRST, bytes, len);
    }
    hear(m, FIRST, 0, 0, 0);
    hear(m, FIRST, 4, 0, 0);
    hear(m, FIRST, TELL, 0, 0);
    hear(m, FIRST + 3, TOKEN, 0, 0); /* one that is not up */
    message(bytes, TOKEN, 0, 0);
    bytes[2] = 1;
    mock_hear(m, FIRST, bytes, LENGTH);
    hear(m, P2P_NONE, TOKEN, 0, 0); /* nor of itself */
    mock_is(mock_job(m, 0), p2p_local());
    assert_int_equal(counter(m, "tokens_used"), 0);
    mock_hear_garbage(m, FIRST);
    for (unsigned i = 0; i < 2000; i++)
        mock_job(m, 0);
    mock_is(mock_job(m, 0), p2p_local());
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_token_is_used_first),
        cmocka_unit_test(without_a_token_any_node_is_as_likely),
        cmocka_unit_test(or_it_stays),
        cmocka_unit_test(a_token_of_one_that_is_down_is_skipped),
        cmocka_unit_test(one_that_expired_is_not_used),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(a_refused_job_takes_the_next_token),
        cmocka_unit_test(refusals_come_to_an_end),
        cmocka_unit_test(forwarded_jobs_run_where_they_come),
        cmocka_unit_test(at_the_start_each_slot_has_a_token_out),
        cmocka_unit_test(a_token_goes_to_a_random_node),
        cmocka_unit_test(a_slot_has_one_token_out_at_most),
        cmocka_unit_test(with_jobs_waiting_or_no_slot_there_is_no_token),
        cmocka_unit_test(a_job_of_whom_it_gave_a_token_used_it),
        cmocka_unit_test(a_token_that_was_lost_or_has_gone_is_given_anew),
        cmocka_unit_test(its_own_token_is_used_while_a_slot_is_free),
        cmocka_unit_test(the_shortest_of_d_gets_the_token),
        cmocka_unit_test(those_who_do_not_answer_are_not_awaited_forever),
        cmocka_unit_test(when_nobody_answers_it_asks_again),
        cmocka_unit_test(a_dispatcher_says_how_many_tokens_it_has),
        cmocka_unit_test(jobs_find_idle_slots_for_a_message_each),
        cmocka_unit_test(garbage_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
