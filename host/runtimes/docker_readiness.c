#include "host/runtimes/docker_readiness.h"

static const uint64_t ANSWER_NS = 1000000000;
static const double FIRST_LOOK = 0.001, LAST_LOOK = 0.1;

static void ask(struct docker_readiness *t, bool health);

static void look_again(struct docker_readiness *t)
{
    ev_now_update(t->home->loop);
    ev_timer_set(&t->look, t->look_after, 0);
    ev_timer_start(t->home->loop, &t->look);
    t->look_after = 2 * t->look_after < LAST_LOOK ? 2 * t->look_after : LAST_LOOK;
}

/* The published port accepts connections before the function listens: one that breaks
 * shows nothing, one that is kept does. */
static void on_answer(struct call *c, enum call_result result)
{
    struct docker_readiness *t = c->owner;
    bool answered = result == CALL_ANSWERED, listens = answered || result == CALL_TIMEOUT;

    if (!listens || (answered && c->status == 503))
        look_again(t);
    else if ((answered && c->status >= 200 && c->status < 300) || t->asks_health)
        t->passed(t->owner);
    else
        ask(t, true);
}

static void ask(struct docker_readiness *t, bool health)
{
    t->asks_health = health;
    t->call = (struct call){.method = "GET",
                            .path = health ? "/_/health" : "/_/ready",
                            .timeout_ns = ANSWER_NS,
                            .done = on_answer,
                            .owner = t};
    upstream_start(t->home->upstreams, &t->at, &t->call);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    ask(w->data, false);
}

void docker_readiness_init(struct docker_readiness *t, struct reactor *home,
                           void (*passed)(void *owner), void *owner)
{
    t->home = home;
    t->passed = passed;
    t->owner = owner;
    ev_timer_init(&t->look, on_look, 0, 0);
    t->look.data = t;
}

void docker_readiness_start(struct docker_readiness *t, const struct endpoint *at)
{
    t->at = *at;
    t->look_after = FIRST_LOOK;
    ask(t, false);
}

void docker_readiness_stop(struct docker_readiness *t)
{
    ev_timer_stop(t->home->loop, &t->look);
    upstream_cancel(&t->call);
}
