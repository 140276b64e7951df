/* Schedulers of real nodes tell each other: what arrives, what does not, and that either
 * is counted and hurts nobody. */
#include <signal.h>

#include "tests/cluster/fake_peer.h"
#include "tests/cluster/support_messages.h"

enum { N1, N2, N3, N4, NODES };

/* n4 is started by the test that needs it. */
static int start(void **state)
{
    static const char *settings[] = {NULL,
                                     "scheduler.plugin=teller",
                                     "scheduler.probe_timeout=10s",
                                     "peers.retry=50ms",
                                     "node.threads=3",
                                     "node.slots=4",
                                     NULL};
    static const char *const n2[] = {"node.slots=5", NULL};

    (void)state;
    settings[0] = only_teller();
    fixture_init(NODES, fixture_functions);
    cluster.settings = settings;
    cluster.n = N4; /* the peers of each other */
    for (unsigned i = N1; i <= N3; i++)
        start_node(i, i == N2 ? n2 : NULL);
    cluster.n = NODES;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        if (cluster.node[i].pid && !stop_node(i))
            return -1;
    cluster_free(&cluster);
    return 0;
}

/* All count from zero and tell nobody. */
static int begin(void **state)
{
    (void)state;
    for (unsigned i = N1; i <= N3; i++)
        make_teller(i, i, ",\"times\":\"0\"");
    return 0;
}

/* ---- what arrives ---- */

static void test_a_message_arrives_as_it_was_told(void **state)
{
    double sent = messages(N1, "sent"), heard = messages(N2, "heard");
    char line[64];

    (void)state;
    make_teller(N1, N2, ",\"bytes\":\"100\"");
    let_tell(N1);
    wait_counted(N2, "heard", 1);
    assert_true(counted(N2, "heard_bytes") == 100);
    assert_true(counted(N2, "wrong") == 0);
    assert_true(counted(N1, "told") == 1);
    wait_messages(N1, "sent", sent + 1);
    wait_messages(N2, "heard", heard + 1);
    snprintf(line, sizeof(line), "heard of %s", cluster.node[N1].address);
    assert_true(log_has(N2, line));
    assert_true(counted(N3, "heard") == 0);
    assert_true(messages(N1, "lost") == 0);
    assert_true(messages(N1, "refused") == 0);
}

static void test_any_length_that_is_allowed_arrives(void **state)
{
    static const int lengths[] = {1, 7, 8, 1023, 1024};
    double bytes = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char more[64];

        snprintf(more, sizeof(more), ",\"bytes\":\"%d\"", lengths[i]);
        make_teller(N1, N2, more);
        let_tell(N1);
        wait_counted(N2, "heard", (double)i + 1);
        bytes += lengths[i];
    }
    assert_true(counted(N2, "heard_bytes") == bytes);
    assert_true(counted(N2, "wrong") == 0);
}

static void test_other_lengths_are_not_sent(void **state)
{
    double sent = messages(N1, "sent");

    (void)state;
    make_teller(N1, N2, ",\"bytes\":\"0\"");
    let_tell(N1);
    assert_true(counted(N1, "untold") == 1);
    make_teller(N1, N2, ",\"bytes\":\"1025\"");
    let_tell(N1);
    assert_true(counted(N1, "untold") == 1);
    assert_true(messages(N1, "sent") == sent);
    assert_true(messages(N1, "dropped") == 0);
}

static void test_many_arrive_once_each_from_all_sides(void **state)
{
    double heard = messages(N2, "heard");

    (void)state;
    make_teller(N1, N2, ",\"times\":\"20\"");
    make_teller(N3, N2, ",\"times\":\"20\"");
    for (int i = 0; i < 10; i++) {
        let_tell(N1);
        let_tell(N3);
        wait_counted(N2, "heard", 40 * (i + 1));
    }
    assert_true(counted(N2, "wrong") == 0);
    wait_messages(N2, "heard", heard + 400);
}

static void test_what_is_heard_can_be_answered(void **state)
{
    (void)state;
    make_teller(N2, N1, ",\"times\":\"0\",\"answer\":\"true\"");
    make_teller(N1, N2, "");
    let_tell(N1);
    wait_counted(N1, "heard", 1);
    assert_true(counted(N1, "wrong") == 0);
}

static void test_a_tick_can_tell_too(void **state)
{
    (void)state;
    make_teller(N1, N3, ",\"on_tick\":\"true\"");
    wait_metric(N3, "p2pfaas_scheduler_metric_heard ", 5, 30);
    assert_true(counted(N3, "wrong") == 0);
}

static bool n1_knows_the_slots_of_n2(void *arg)
{
    struct reply r = get(N1, "/configuration");
    const char *row = strstr(r.body, cluster.node[N2].address), *slots;
    bool knows;

    (void)arg;
    slots = row ? strstr(row, "\"slots\":") : NULL;
    knows = slots && strtoul(slots + 8, NULL, 10) == 5;
    reply_free(&r);
    return knows;
}

/* The message's answer tells the load, as a probe's does. */
static void test_who_tells_learns_the_load(void **state)
{
    (void)state;
    make_teller(N1, N2, "");
    let_tell(N1);
    assert_true(wait_until(n1_knows_the_slots_of_n2, NULL, 30));
    assert_true(metric(N1, "p2pfaas_probes_total{answer=\"ok\"}") == 0);
}

/* ---- nobody there listens ---- */

static void test_another_scheduler_does_not_hear_it(void **state)
{
    double unheard = messages(N2, "unheard"), refused = messages(N1, "refused");

    (void)state;
    make_teller(N1, N2, ",\"times\":\"10\"");
    select_scheduler(N2, "{\"name\":\"mute\"}");
    let_tell(N1);
    wait_messages(N2, "unheard", unheard + 10);
    wait_messages(N1, "refused", refused + 10);
    assert_true(messages(N1, "lost") == 0);
    assert_true(metric(N1, "p2pfaas_peers{state=\"up\"}") >= 2); /* it answered */
    assert_true(metric(N2, "p2pfaas_bad_requests_total") == 0);
}

static const char from_n1[] = "X-P2pfaas-From: 127.0.0.1";

static struct reply send_to_n2(const char *path, const void *body, size_t len, const char *from)
{
    const char *const headers[] = {from, NULL};

    return send_method("POST", N2, path, body, len, headers);
}

static void answers(struct reply r, long status, const char *part)
{
    assert_string_not_equal(header(&r, "X-P2pfaas-Load"), "");
    assert_string_not_equal(header(&r, "X-P2pfaas-Maxload"), "");
    expect(r, status, part);
}

static void test_what_is_wrong_with_a_message_is_said(void **state)
{
    static const char bytes[2048];
    double unheard = messages(N2, "unheard");

    (void)state;
    answers(send_to_n2("/peer/message/teller", bytes, 8, NULL), 400,
            "X-P2pfaas-From does not name a peer");
    answers(send_to_n2("/peer/message/teller", bytes, 8, "X-P2pfaas-From: 192.0.2.1:80"), 400,
            "X-P2pfaas-From does not name a peer");
    answers(send_to_n2("/peer/message/teller", "", 0, from_n1), 400,
            "the message is empty; it has 1 to 1024 bytes");
    answers(send_to_n2("/peer/message/teller", bytes, 1025, from_n1), 413,
            "the message has 1025 bytes; it has 1 to 1024");
    assert_true(messages(N2, "unheard") == unheard);
    answers(send_to_n2("/peer/message/talker", bytes, 8, from_n1), 404,
            "no scheduler 'talker' listens here; this node runs 'teller'");
    answers(send_to_n2("/peer/message/teller/x", bytes, 8, from_n1), 404, "'teller/x'");
    answers(send_to_n2("/peer/message/teller0123456789012345678901234567890123456789012345678901234"
                       "567890",
                       bytes, 8, from_n1),
            404, "this node runs 'teller'");
    assert_true(messages(N2, "unheard") == unheard + 3);
    expect(send_to_n2("/peer/message/", bytes, 8, from_n1), 404, "no such path");
    expect(get(N2, "/peer/message/teller"), 405, "allowed: POST");
    assert_true(counted(N2, "heard") == 0);
    answers(send_to_n2("/peer/message/teller", bytes, 8, from_n1), 204, "");
    answers(send_to_n2("/peer/message/teller?x=y", bytes, 8, from_n1), 204, "");
    assert_true(counted(N2, "heard") == 2);
}

struct arrivals {
    double before, wanted;
};

static bool have_come(void *arg)
{
    const struct arrivals *a = arg;

    return messages(N2, "heard") + messages(N2, "unheard") - a->before >= a->wanted;
}

/* Each message is heard by one scheduler or by none, whatever is selected meanwhile. */
static void test_a_swap_loses_no_count(void **state)
{
    double sent = messages(N1, "sent"), refused = messages(N1, "refused");
    double heard = messages(N2, "heard"), unheard = messages(N2, "unheard");
    struct arrivals all = {heard + unheard, 0};

    (void)state;
    make_teller(N1, N2, ",\"times\":\"20\"");
    for (int i = 0; i < 50; i++) {
        let_tell(N1);
        select_scheduler(N2, i % 2 ? "{\"name\":\"teller\"}" : "{\"name\":\"mute\"}");
        let_tell(N1);
        all.wanted += 40;
        assert_true(wait_until(have_come, &all, 30));
    }
    heard = messages(N2, "heard") - heard;
    unheard = messages(N2, "unheard") - unheard;
    assert_true(heard + unheard == all.wanted);
    assert_true(unheard > 0 && heard > 0);
    wait_messages(N1, "sent", sent + all.wanted);
    wait_messages(N1, "refused", refused + unheard);
    assert_true(messages(N1, "lost") == 0);
    assert_true(counted(N1, "untold") == 0);
}

/* ---- nobody is there ---- */

static void test_a_dead_peer_is_found_by_telling(void **state)
{
    double lost = messages(N1, "lost"), told, sent;

    (void)state;
    make_teller(N1, N3, "");
    cluster_stop(&cluster, N3, SIGKILL, 10);
    for (int i = 0; i < 100 && messages(N1, "lost") == lost; i++)
        let_tell(N1);
    wait_metric(N1, "p2pfaas_messages_total{what=\"lost\"}", lost + 1, 30);
    wait_metric(N1, "p2pfaas_peers{state=\"down\"}", 1, 30);
    sent = messages(N1, "sent");
    told = counted(N1, "told");
    let_tell(N1);
    assert_true(counted(N1, "told") == told);
    assert_true(counted(N1, "untold") >= 1);
    assert_true(messages(N1, "sent") == sent);
    start_node(N3, NULL);
    wait_metric(N1, "p2pfaas_peers{state=\"up\"}", 2, 30);
    let_tell(N1);
    wait_metric(N3, "p2pfaas_scheduler_metric_heard ", 1, 30);
}

static void test_whom_nobody_knows_cannot_be_told(void **state)
{
    double sent = messages(N1, "sent");

    (void)state;
    make_teller_to(N1, "192.0.2.1:18080", "");
    let_tell(N1);
    assert_true(counted(N1, "untold") == 1);
    assert_true(messages(N1, "sent") == sent);
}

/* A peer that takes and never answers: so many wait, the rest is dropped, jobs run on. */
static void test_a_flood_is_bounded(void **state)
{
    struct fake_peer *deaf = fake_peer_new(77);
    char peers[80];
    const char *more[] = {peers, "scheduler.probe_timeout=2s", "peers.retry=60s", NULL};

    (void)state;
    fake_peer_hangs(deaf);
    snprintf(peers, sizeof(peers), "peers.nodes=%s", fake_peer_address(deaf));
    start_node(N4, more);
    make_teller_to(N4, fake_peer_address(deaf), ",\"times\":\"2000\"");
    let_tell(N4);
    assert_true(counted(N4, "told") == 256);
    assert_true(counted(N4, "untold") == 1744);
    assert_true(messages(N4, "dropped") == 1744);
    expect(post_text(N4, "/function/echo", "still here"), 200, "still here");
    wait_metric(N4, "p2pfaas_peers{state=\"down\"}", 1, 30);
    wait_metric(N4, "p2pfaas_messages_total{what=\"lost\"}", 256, 30);
    assert_true(messages(N4, "heard") == 0);
    /* None is left behind: a peer that is down is told nothing. */
    make_teller_to(N4, fake_peer_address(deaf), "");
    let_tell(N4);
    assert_true(counted(N4, "untold") == 1);
    assert_true(stop_node(N4));
    fake_peer_free(deaf);
}

/* The stop does not wait for messages and leaves none, on whichever thread they are; nor
 * is their end news of the peer for a discovery that has ended. */
static void test_a_node_may_stop_while_messages_are_under_way(void **state)
{
    struct fake_peer *deaf[] = {fake_peer_new(77), fake_peer_new(78), fake_peer_new(79)};
    char peers[160];
    const char *more[] = {peers, "discovery.source=p2p", NULL};

    (void)state;
    snprintf(peers, sizeof(peers), "peers.nodes=%s,%s,%s", fake_peer_address(deaf[0]),
             fake_peer_address(deaf[1]), fake_peer_address(deaf[2]));
    start_node(N4, more);
    for (int i = 0; i < 3; i++) {
        fake_peer_hangs(deaf[i]);
        make_teller_to(N4, fake_peer_address(deaf[i]), ",\"times\":\"80\"");
        let_tell(N4);
        assert_true(counted(N4, "told") == 80);
    }
    wait_messages(N4, "sent", 240);
    assert_true(stop_node(N4));
    for (int i = 0; i < 3; i++)
        fake_peer_free(deaf[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup(t, begin)
        T(test_a_message_arrives_as_it_was_told),
        T(test_any_length_that_is_allowed_arrives),
        T(test_other_lengths_are_not_sent),
        T(test_many_arrive_once_each_from_all_sides),
        T(test_what_is_heard_can_be_answered),
        T(test_a_tick_can_tell_too),
        T(test_who_tells_learns_the_load),
        T(test_another_scheduler_does_not_hear_it),
        T(test_what_is_wrong_with_a_message_is_said),
        T(test_a_swap_loses_no_count),
        T(test_whom_nobody_knows_cannot_be_told),
        T(test_a_dead_peer_is_found_by_telling),
        T(test_a_flood_is_bounded),
        T(test_a_node_may_stop_while_messages_are_under_way),
#undef T
    };

    return cmocka_run_group_tests(tests, start, stop);
}
