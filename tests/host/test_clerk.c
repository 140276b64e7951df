// link: host/clerk.c host/reactor.c
/* The thread for what would block a loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <p2pfaas/plugin.h>

#include "host/clerk.h"

enum { PIECES = 1000, POSTERS = 4 };

struct piece {
    struct task task;
    unsigned poster, number;
};

static struct clerk clerk;
static struct piece pieces[POSTERS][PIECES];
/* Of the clerk, read when it has ended. */
static unsigned done[POSTERS], out_of_order;
static pthread_t worker;

static void on_piece(struct task *t)
{
    struct piece *p = (struct piece *)t;

    worker = pthread_self();
    out_of_order += p->number != done[p->poster];
    done[p->poster]++;
}

static void *post_all(void *arg)
{
    struct piece *mine = arg;

    for (unsigned i = 0; i < PIECES; i++)
        reactor_post(&clerk.reactor, &mine[i].task);
    return NULL;
}

static void what_was_posted_is_done_in_order(void **state)
{
    pthread_t thread[POSTERS];
    char err[P2P_ERRLEN];

    (void)state;
    for (unsigned p = 0; p < POSTERS; p++)
        for (unsigned i = 0; i < PIECES; i++)
            pieces[p][i] = (struct piece){{.run = on_piece}, p, i};
    assert_int_equal(clerk_start(&clerk, err), 0);
    for (unsigned p = 0; p < POSTERS; p++)
        assert_int_equal(pthread_create(&thread[p], NULL, post_all, pieces[p]), 0);
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(thread[p], NULL);
    clerk_stop(&clerk);
    for (unsigned p = 0; p < POSTERS; p++)
        assert_int_equal(done[p], PIECES);
    assert_int_equal(out_of_order, 0);
    assert_false(pthread_equal(worker, pthread_self()));
}

static void one_that_was_not_started_is_stopped_for_nothing(void **state)
{
    struct clerk none = {.started = false};

    (void)state;
    clerk_stop(&none);
    clerk_stop(&clerk); /* a second time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_posted_is_done_in_order),
        cmocka_unit_test(one_that_was_not_started_is_stopped_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
