#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_learner.h"

extern const struct p2p_module remote_learner_plugin;

enum { MOST = 2000, RETRY = 1000000000 };

/* What it asked for, and what it told. */
struct outside {
    bool deaf; /* nothing can be sent */
    bool gone; /* nobody waits for its choices */
    unsigned n_sent, n_chosen, n_none;
    uint64_t tag[MOST], timeout_ns;
    char method[8], url[80], header[120], body[4096];
    uint64_t episode; /* of the last choice */
    struct p2p_choice choice;
};

static bool send_it(struct mock *m, const struct p2p_http_request *rq)
{
    struct outside *o = m->outside;

    if (o->deaf)
        return false;
    assert_true(o->n_sent < MOST && rq->body_len < sizeof(o->body));
    o->tag[o->n_sent++] = rq->tag;
    o->timeout_ns = rq->timeout_ns;
    snprintf(o->method, sizeof(o->method), "%s", rq->method);
    snprintf(o->url, sizeof(o->url), "%s", rq->url);
    snprintf(o->header, sizeof(o->header), "%s", rq->headers[0]);
    snprintf(o->body, sizeof(o->body), "%.*s", (int)rq->body_len,
             rq->body ? (const char *)rq->body : "");
    return true;
}

static bool take_choice(struct mock *m, uint64_t episode, const struct p2p_choice *choice)
{
    struct outside *o = m->outside;

    o->episode = episode;
    o->n_none += choice == NULL;
    o->n_chosen += choice != NULL;
    if (choice)
        o->choice = *choice;
    return !o->gone;
}

static struct learner *start(struct outside *o, const char *settings)
{
    struct p2p_space space = learner_box(3, 5, 0, 10);
    struct learner *l = learner_new(&remote_learner_plugin, &space, settings);

    memset(o, 0, sizeof(*o));
    l->m->outside = o;
    l->m->http = send_it;
    l->m->choose = take_choice;
    return l;
}

/* In blocks of exactly their sizes. */
static void answer(struct learner *l, uint64_t tag, uint32_t status, const char *headers,
                   const char *body)
{
    size_t len = strlen(body);
    struct p2p_http_answer a = {.size = sizeof(a),
                                .status = status,
                                .tag = tag,
                                .took_ns = 2000000,
                                .error = status ? "" : "no",
                                .headers = headers,
                                .body_len = len};
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, body, len);
    a.body = copy;
    l->ops->answered(l->m->self, &a);
    free(copy);
}

static const float some[3] = {1, 0.5F, -2};

static void ask(struct learner *l, uint64_t mask)
{
    assert_true(learner_act(l, some, mask).action == P2P_PENDING);
}

/* Asks and is answered. */
static void ask_and(struct learner *l, struct outside *o, uint32_t status, const char *body)
{
    ask(l, 0);
    answer(l, o->tag[o->n_sent - 1], status, "", body);
}

static void it_asks_as_the_original_does(void **state)
{
    struct outside o;
    struct learner *l = start(&o, "url=http://192.0.2.7:19020/ timeout=30ms");

    (void)state;
    ask(l, 0);
    assert_string_equal(o.method, "GET");
    assert_string_equal(o.url, "http://192.0.2.7:19020/act");
    assert_string_equal(o.header, "X-P2pfaas-Learning-State: 1.000000,0.500000,-2.000000");
    assert_int_equal(o.timeout_ns, 30000000);
    answer(l, o.tag[0], 200, "Server: waitress\r\nX-P2PFAAS-EPS: 0.8995500000000001\r\n", "3");
    assert_int_equal(o.n_chosen, 1);
    assert_int_equal(o.episode, 1);
    assert_int_equal(o.choice.action, 3);
    assert_true(fabsf(o.choice.epsilon - 0.89955F) < 1e-6F);
    assert_true(learner_gauge(l, "rtt_seconds") > 0.0019);
    assert_int_equal(learner_count(l, "asked_total"), 1);
    assert_int_equal(learner_count(l, "answered_total"), 1);
    assert_int_equal(learner_count(l, "failed_total"), 0);
    learner_free(l);
}

static void an_action_is_a_whole_number(void **state)
{
    static const char *const good[] = {"3", "3.00000", " 3\n", "3.0\r\n", "+3", "3e0"};
    static const char *const bad[] = {"",
                                      " ",
                                      "three",
                                      "3 4",
                                      "3,0",
                                      "3.5",
                                      "-1",
                                      "nan",
                                      "inf",
                                      "1e99",
                                      "64",
                                      "3x",
                                      "{\"action\":3}",
                                      "00000000000000000000000000000000000000000000000000000000000"
                                      "000000000000000000000000003"};
    struct outside o;
    struct learner *l = start(&o, "failures=1000000");

    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ask_and(l, &o, 200, good[i]);
        assert_int_equal(o.n_chosen, i + 1);
        assert_int_equal(o.choice.action, 3);
    }
    assert_int_equal(o.n_none, 0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ask_and(l, &o, 200, bad[i]);
        assert_int_equal(o.n_none, i + 1);
    }
    assert_int_equal(learner_count(l, "failed_total"), sizeof(bad) / sizeof(bad[0]));
    ask_and(l, &o, 0, "");
    ask_and(l, &o, 500, "3");
    ask_and(l, &o, 204, "3");
    assert_int_equal(learner_count(l, "failed_total"), 3 + sizeof(bad) / sizeof(bad[0]));
    learner_free(l);
}

static void epsilon_is_a_probability(void **state)
{
    static const char *const none[] = {"",
                                       "X-P2pfaas-Eps: 1.5\r\n",
                                       "X-P2pfaas-Eps: -1\r\n",
                                       "X-P2pfaas-Eps: x\r\n",
                                       "X-P2pfaas-Eps:\r\n",
                                       "X-P2pfaas-Eps: nan\r\n",
                                       "X-P2pfaas-Epsilon: 0.5\r\n",
                                       "X-Other: X-P2pfaas-Eps: 0.5\r\n",
                                       "X-P2pfaas-Eps"};
    struct outside o;
    struct learner *l = start(&o, "");

    (void)state;
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        ask(l, 0);
        answer(l, o.tag[i], 200, none[i], "1");
        assert_true(o.choice.epsilon >= 0 && o.choice.epsilon <= 0);
    }
    ask(l, 0);
    answer(l, o.tag[o.n_sent - 1], 200, "X-P2pfaas-Eps:1e-05\r\n", "1");
    assert_true(o.choice.epsilon > 0);
    learner_free(l);
}

static void what_is_not_possible_is_no_choice(void **state)
{
    struct outside o;
    struct learner *l = start(&o, "");

    (void)state;
    ask(l, 1u << 2 | 1u << 4);
    answer(l, o.tag[0], 200, "", "3");
    assert_int_equal(o.n_none, 1);
    ask(l, 1u << 2 | 1u << 4);
    answer(l, o.tag[1], 200, "", "4");
    assert_int_equal(o.n_chosen, 1);
    ask_and(l, &o, 200, "5"); /* there are five */
    assert_int_equal(o.n_none, 2);
    assert_int_equal(learner_count(l, "unfit_total"), 2);
    assert_int_equal(learner_count(l, "answered_total"), 3);
    assert_true(learner_gauge(l, "down") <= 0);
    learner_free(l);
}

static void a_dead_one_is_not_asked_for_a_while(void **state)
{
    struct outside o;
    struct learner *l = start(&o, "failures=3 retry=1s");

    (void)state;
    for (int i = 0; i < 3; i++)
        ask_and(l, &o, 0, "");
    assert_true(learner_gauge(l, "down") > 0);
    for (int i = 0; i < 10; i++)
        ask(l, 0);
    assert_int_equal(o.n_sent, 3);
    assert_int_equal(o.n_none, 13);
    assert_int_equal(learner_count(l, "skipped_total"), 10);
    /* One tries, the others do not wait for it. */
    l->m->now_ns += RETRY;
    ask(l, 0);
    ask(l, 0);
    assert_int_equal(o.n_sent, 4);
    answer(l, o.tag[3], 0, "", "");
    l->m->now_ns += RETRY - 1;
    ask(l, 0);
    assert_int_equal(o.n_sent, 4);
    l->m->now_ns += 1;
    ask(l, 0);
    answer(l, o.tag[4], 200, "", "1");
    assert_true(learner_gauge(l, "down") <= 0);
    ask(l, 0);
    assert_int_equal(o.n_sent, 6);
    assert_non_null(strstr(l->m->log, "does not answer"));
    assert_non_null(strstr(l->m->log, "answers again"));
    learner_free(l);
}

static void failures_are_counted_in_a_row(void **state)
{
    struct outside o;
    struct learner *l = start(&o, "failures=2");

    (void)state;
    for (int i = 0; i < 10; i++)
        ask_and(l, &o, i % 2 ? 200 : 0, "1");
    assert_true(learner_gauge(l, "down") <= 0);
    assert_int_equal(learner_count(l, "failed_total"), 5);
    learner_free(l);
}

static void it_has_a_bound_of_questions(void **state)
{
    struct outside o;
    struct learner *l = start(&o, "failures=1000000");

    (void)state;
    for (int i = 0; i < 1100; i++)
        ask(l, 0);
    assert_int_equal(o.n_sent, 1024);
    assert_int_equal(o.n_none, 76);
    /* In any order, each to whom it is due. */
    for (unsigned i = 1024; i-- > 0;) {
        answer(l, o.tag[i], 200, "", "2");
        assert_int_equal(o.episode, i + 1);
    }
    ask(l, 0);
    assert_int_equal(o.n_sent, 1025);
    o.deaf = true;
    ask(l, 0);
    assert_int_equal(o.n_none, 77);
    assert_int_equal(learner_count(l, "failed_total"), 77);
    learner_free(l);
}

static void who_is_late_is_counted(void **state)
{
    struct outside o;
    struct learner *l = start(&o, "");

    (void)state;
    o.gone = true;
    ask_and(l, &o, 200, "1");
    ask_and(l, &o, 0, "");
    assert_int_equal(learner_count(l, "late_total"), 2);
    learner_free(l);
}

/* ---- learning ---- */

static void teach(struct learner *l, uint32_t n)
{
    struct p2p_transition t[8];

    for (uint32_t i = 0; i < n; i++)
        t[i] = (struct p2p_transition){
            .episode = 70 + i, .state = some, .action = i, .reward = (float)i - 0.5F};
    l->ops->learn(l->m->self, t, n);
}

static void it_teaches_as_the_original_does(void **state)
{
    struct outside o;
    struct learner *l = start(&o, "batch=3 url=http://[::1]:19020");

    (void)state;
    teach(l, 2);
    assert_int_equal(o.n_sent, 1);
    assert_string_equal(o.method, "POST");
    assert_string_equal(o.url, "http://[::1]:19020/train_batch");
    assert_string_equal(o.header, "Content-Type: application/json");
    assert_string_equal(
        o.body, "[{\"eid\":\"70\",\"state\":\"1.000000,0.500000,-2.000000\",\"action\":\"0.0\","
                "\"reward\":-0.5},"
                "{\"eid\":\"71\",\"state\":\"1.000000,0.500000,-2.000000\",\"action\":\"1.0\","
                "\"reward\":0.5}]");
    answer(l, o.tag[0], 200, "", "ok");
    assert_int_equal(learner_count(l, "taught_total"), 2);
    teach(l, 8);
    assert_int_equal(o.n_sent, 4);
    answer(l, o.tag[1], 200, "", "ok");
    answer(l, o.tag[2], 500, "", "");
    answer(l, o.tag[3], 0, "", "");
    assert_int_equal(learner_count(l, "taught_total"), 5);
    assert_int_equal(learner_count(l, "lost_total"), 5);
    assert_int_equal(o.n_none + o.n_chosen, 0);
    learner_free(l);
}

static void what_cannot_be_taught_is_lost(void **state)
{
    struct outside o;
    struct learner *l = start(&o, "failures=1");

    (void)state;
    ask_and(l, &o, 0, "");
    teach(l, 4);
    assert_int_equal(o.n_sent, 1);
    assert_int_equal(learner_count(l, "lost_total"), 4);
    l->m->now_ns += RETRY;
    ask_and(l, &o, 200, "1");
    o.deaf = true;
    teach(l, 2);
    assert_int_equal(learner_count(l, "lost_total"), 6);
    learner_free(l);
}

static void the_largest_numbers_have_room(void **state)
{
    const float large[3] = {-3.4e38F, 1e-38F, -123456789012.0F};
    struct outside o;
    struct learner *l = start(&o, "batch=1");
    struct p2p_transition t = {
        .episode = UINT64_MAX, .state = large, .action = 4, .reward = -3.4e38F};

    (void)state;
    l->ops->learn(l->m->self, &t, 1);
    assert_non_null(strstr(o.body, "\"eid\":\"18446744073709551615\",\"state\":\"-3.3999999"));
    assert_non_null(strstr(o.body, "}]"));
    learner_act(l, large, 0);
    learner_free(l);
}

static void a_bad_url_is_refused(void **state)
{
    static const char *const bad[] = {
        "url=https://127.0.0.1:19020", "url=127.0.0.1:19020",         "url=http://",
        "url=http://localhost:19020",  "url=http://127.0.0.1?x",      "url=http:///x",
        "url=http://127.0.0.1x:19020", "url=http://127.0.0.1/a#frag",
    };
    struct p2p_space space = learner_box(3, 5, 0, 10);
    char err[P2P_ERRLEN];

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        learner_refused(&remote_learner_plugin, &space, bad[i], err);
        assert_non_null(strstr(err, "url is '"));
        assert_non_null(strstr(err, "allowed: http://"));
    }
    space.n_dims = 257;
    {
        static float bounds[257];

        space.lo = space.hi = bounds;
        learner_refused(&remote_learner_plugin, &space, "", err);
        assert_non_null(strstr(err, "257"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_asks_as_the_original_does),
        cmocka_unit_test(an_action_is_a_whole_number),
        cmocka_unit_test(epsilon_is_a_probability),
        cmocka_unit_test(what_is_not_possible_is_no_choice),
        cmocka_unit_test(a_dead_one_is_not_asked_for_a_while),
        cmocka_unit_test(failures_are_counted_in_a_row),
        cmocka_unit_test(it_has_a_bound_of_questions),
        cmocka_unit_test(who_is_late_is_counted),
        cmocka_unit_test(it_teaches_as_the_original_does),
        cmocka_unit_test(what_cannot_be_taught_is_lost),
        cmocka_unit_test(the_largest_numbers_have_room),
        cmocka_unit_test(a_bad_url_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
