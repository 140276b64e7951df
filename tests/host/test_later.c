// link: host/later.c host/clerk.c host/reactor.c
/* Answers that come later: one each, on the shard's thread, whoever is still there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/ingress.h"
#include "host/job.h"
#include "host/later.h"
#include "host/node.h"

enum { EXCHANGES = 3 };

static struct node node;
static struct shard shard;
static struct job job[EXCHANGES];
static unsigned answered[EXCHANGES], counted[EXCHANGES], gone[EXCHANGES], looked_idle;
static bool client_left[EXCHANGES];
static pthread_t worker, answerer;

/* ---- what they are linked with in a node ---- */

static unsigned index_of(const struct exchange *x)
{
    return (unsigned)((const struct job *)x - job);
}

void ingress_answer(struct exchange *x)
{
    answered[index_of(x)]++;
    answerer = pthread_self();
}

bool ingress_client_gone(const struct exchange *x)
{
    return client_left[index_of(x)];
}

void ingress_count_answer(const struct exchange *x)
{
    counted[index_of(x)]++;
}

void shard_end_if_idle(struct shard *s)
{
    assert_ptr_equal(s, &shard);
    looked_idle += s->later == NULL;
}

/* ---- the shard ---- */

static int setup(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    memset(&node, 0, sizeof(node));
    memset(&shard, 0, sizeof(shard));
    memset(job, 0, sizeof(job));
    memset(answered, 0, sizeof(answered));
    memset(gone, 0, sizeof(gone));
    memset(client_left, 0, sizeof(client_left));
    memset(counted, 0, sizeof(counted));
    looked_idle = 0;
    shard.node = &node;
    for (unsigned i = 0; i < EXCHANGES; i++) {
        job[i].x.shard = &shard;
        job[i].x.response.status = 200;
    }
    return reactor_init(&shard.reactor, err) || clerk_start(&node.clerk, err);
}

static int teardown(void **state)
{
    (void)state;
    clerk_stop(&node.clerk);
    reactor_release(&shard.reactor);
    return shard.later != NULL;
}

static void on_gone(struct exchange *x)
{
    gone[index_of(x)]++;
}

static void work(struct exchange *x)
{
    worker = pthread_self();
    later_answer(x);
}

/* All that was begun is answered. */
static void turn(void)
{
    while (shard.later)
        ev_run(shard.reactor.loop, EVRUN_ONCE);
}

/* ---- tests ---- */

static void work_is_done_elsewhere_and_the_answer_comes_home(void **state)
{
    (void)state;
    later_begin(&job[0].x, NULL);
    assert_true(job[0].x.later.waits);
    later_move(&job[0].x, &node.clerk.reactor, work);
    turn();
    assert_int_equal(answered[0], 1);
    assert_false(job[0].x.later.waits);
    assert_false(pthread_equal(worker, pthread_self()));
    assert_true(pthread_equal(answerer, pthread_self()));
}

static void any_order_of_answers_will_do(void **state)
{
    static const unsigned orders[][EXCHANGES] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}};

    (void)state;
    for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++) {
        for (unsigned i = 0; i < EXCHANGES; i++)
            later_begin(&job[i].x, NULL);
        for (unsigned i = 0; i < EXCHANGES; i++)
            later_answer(&job[orders[o][i]].x);
        turn();
        for (unsigned i = 0; i < EXCHANGES; i++)
            assert_int_equal(answered[i], o + 1);
    }
}

static void an_owner_is_told_once_that_nobody_waits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        later_begin(&job[i].x, on_gone);
    later_begin(&job[2].x, NULL); /* who does not want to know */
    client_left[0] = client_left[2] = true;
    later_sweep(&shard, false);
    later_sweep(&shard, false);
    later_gone(&job[0].x);
    assert_int_equal(gone[0], 1);
    assert_int_equal(gone[1], 0);
    later_sweep(&shard, true);
    assert_int_equal(gone[1], 1);
    /* The answers are due all the same. */
    for (unsigned i = 0; i < EXCHANGES; i++)
        later_answer(&job[i].x);
    turn();
    assert_int_equal(gone[0] + gone[1] + gone[2], 2);
}

static void an_owner_may_answer_when_it_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EXCHANGES; i++)
        later_begin(&job[i].x, later_answer);
    later_sweep(&shard, true);
    turn();
    for (unsigned i = 0; i < EXCHANGES; i++)
        assert_int_equal(answered[i], 1);
}

static void connections_of_a_stopping_node_are_closed(void **state)
{
    (void)state;
    later_begin(&job[0].x, NULL);
    later_begin(&job[1].x, NULL);
    later_answer(&job[0].x);
    ev_run(shard.reactor.loop, EVRUN_ONCE);
    node.stopping = true;
    later_answer(&job[1].x);
    turn();
    assert_false(job[0].x.close);
    assert_true(job[1].x.close);
}

static void each_is_counted_and_after_the_last_the_shard_may_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EXCHANGES; i++)
        later_begin(&job[i].x, NULL);
    for (unsigned i = 0; i < EXCHANGES; i++)
        later_answer(&job[i].x);
    turn();
    for (unsigned i = 0; i < EXCHANGES; i++)
        assert_int_equal(counted[i], 1);
    assert_int_equal(looked_idle, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(work_is_done_elsewhere_and_the_answer_comes_home),
        TEST(any_order_of_answers_will_do),
        TEST(an_owner_is_told_once_that_nobody_waits),
        TEST(an_owner_may_answer_when_it_is_told),
        TEST(connections_of_a_stopping_node_are_closed),
        TEST(each_is_counted_and_after_the_last_the_shard_may_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
