#include <stdlib.h>
#include <time.h>

#include "sdk/check/unit.h"

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void tell(struct check *c, struct unit *u, const char *call)
{
    unsigned n = u->n_spans, half = n / 2, last = n - 1 - n / 100;

    if (n == 0)
        return;
    qsort(u->spans, n, sizeof(*u->spans), ascending);
    check_note(c, "%s(): p50 %.2f us, p99 %.2f us, of %u calls, the clock's own time included",
               call, (double)u->spans[half] / 1000, (double)u->spans[last] / 1000, n);
}

static void give_spans(struct unit *u, unsigned most)
{
    u->spans = calloc(most, sizeof(*u->spans));
    u->most_spans = u->spans ? most : 0;
}

static struct p2p_action timed(struct unit *u, const struct p2p_request *rq)
{
    uint64_t from = clock_ns();
    struct p2p_action a = u->check->scheduler.decide(u->self, rq);

    if (u->n_spans < u->most_spans)
        u->spans[u->n_spans++] = clock_ns() - from;
    return a;
}

void case_speed(struct check *c)
{
    struct unit *u = unit_any(c, c->seed);
    unsigned jobs = c->options->worlds * 4;

    give_spans(u, jobs * 2);
    u->watch = timed;
    unit_work(u, jobs);
    tell(c, u, "decide");
    unit_end(u);
}

void case_learner_speed(struct check *c)
{
    enum { CALLS = 20000 };
    struct unit *u = unit_any(c, c->seed);
    float state[UNIT_DIMS];
    struct p2p_choice choice;

    unit_learn(u, 50, 1);
    give_spans(u, CALLS);
    for (unsigned i = 0; i < u->most_spans; i++) {
        uint64_t from;

        for (uint32_t k = 0; k < u->space.n_dims; k++)
            state[k] = u->lo[k] + (u->hi[k] - u->lo[k]) * (float)chance_unit(&u->world.chance);
        unit_enter(u, "act");
        from = clock_ns();
        choice = (struct p2p_choice){.episode = ++u->episodes};
        c->learner.act(u->self, state, 0, &choice);
        u->spans[u->n_spans++] = clock_ns() - from;
        unit_leave(u);
    }
    tell(c, u, "act");
    unit_end(u);
}
