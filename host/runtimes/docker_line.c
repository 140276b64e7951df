/*
 * docker_line.c - who gets which container of a function.
 */
#include <utlist.h>

#include "host/runtimes/docker_pool_private.h"

/* ---- under the lock ---- */

static void line_remove(struct program *p, struct served_waiter *w)
{
    DL_DELETE(p->line, w);
    w->in_line = false;
    p->n_waiting--;
}

static struct docker_replica *least_loaded(struct program *p)
{
    struct docker_replica *best = NULL;

    for (int64_t i = 0; i < p->config->replicas_max; i++) {
        struct docker_replica *r = &p->replica[i];

        if (r->state == REPLICA_READY && !r->doubted && !r->retires &&
            r->load < p->config->concurrency && (!best || r->load < best->load))
            best = r;
    }
    return best;
}

static bool place(struct program *p, struct served_waiter *w)
{
    struct docker_replica *r = least_loaded(p);

    if (!r)
        return false;
    r->load++;
    w->failed = false;
    w->place = r;
    w->endpoint = r->endpoint;
    return true;
}

void docker_line_serve(struct program *p)
{
    struct served_waiter *w;

    while ((w = p->line) && place(p, w)) {
        const struct docker_replica *r = w->place;

        w->cold = r->cold;
        line_remove(p, w);
        reactor_post(w->home, &w->turn);
    }
}

void docker_line_fail(struct program *p)
{
    struct served_waiter *w;

    while ((w = p->line)) {
        line_remove(p, w);
        w->failed = true;
        reactor_post(w->home, &w->turn);
    }
}

static void want(struct program *p)
{
    if (p->wanted_posted)
        return;
    p->wanted_posted = true;
    reactor_post(p->home, &p->wanted);
}

/* ---- the supply ---- */

static const struct function_config *pool_config(const struct program *p)
{
    return p->config;
}

static bool pool_take(struct program *p, struct served_waiter *w)
{
    bool taken;

    pthread_mutex_lock(&p->lock);
    if (docker_scale_called(p))
        want(p);
    taken = !p->line && place(p, w);
    pthread_mutex_unlock(&p->lock);
    return taken;
}

static bool pool_wait(struct program *p, struct served_waiter *w)
{
    bool cold = false;

    pthread_mutex_lock(&p->lock);
    DL_APPEND(p->line, w);
    w->in_line = true;
    p->n_waiting++;
    docker_line_serve(p);
    if (w->in_line && (p->away || (p->resting && p->strikes >= POOL_STRIKES))) {
        docker_line_fail(p);
    } else if (w->in_line) {
        cold = true;
        want(p);
    }
    pthread_mutex_unlock(&p->lock);
    return cold;
}

static bool pool_leave(struct program *p, struct served_waiter *w)
{
    bool was_in_line;

    pthread_mutex_lock(&p->lock);
    was_in_line = w->in_line;
    if (was_in_line)
        line_remove(p, w);
    pthread_mutex_unlock(&p->lock);
    return was_in_line;
}

static void pool_give(struct program *p, struct served_waiter *w, enum place_use how)
{
    struct docker_replica *r = w->place;

    pthread_mutex_lock(&p->lock);
    r->load--;
    r->idle_since_ns = p->used_ns = clock_ns();
    r->timeouts = how == PLACE_TIMED_OUT  ? r->timeouts + 1
                  : how == PLACE_ANSWERED ? 0
                                          : r->timeouts;
    r->doubted |= how == PLACE_LOST || how == PLACE_UNREACHABLE;
    docker_line_serve(p);
    if (p->line || r->doubted || r->timeouts >= POOL_TIMEOUTS || r->state == REPLICA_GONE ||
        (r->retires && r->load == 0))
        want(p);
    pthread_mutex_unlock(&p->lock);
}

static int pool_why(struct program *p, char out[P2P_ERRLEN])
{
    bool away;

    pthread_mutex_lock(&p->lock);
    away = p->away;
    snprintf(out, P2P_ERRLEN, "%s", p->why[0] ? p->why : "no container of it became ready");
    pthread_mutex_unlock(&p->lock);
    return away ? 503 : 502;
}

const struct supply docker_pool_supply = {
    .config = pool_config,
    .take = pool_take,
    .wait = pool_wait,
    .leave = pool_leave,
    .give = pool_give,
    .why = pool_why,
};
