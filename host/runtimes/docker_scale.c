/*
 * docker_scale.c - how many containers of a function there are.
 */
#include "host/log.h"
#include "host/runtimes/docker_pool_private.h"

static const double FIRST_BACK_OFF = 0.1, LAST_BACK_OFF = 30;

static int64_t n_max(const struct program *p)
{
    return p->config->replicas_max;
}

void docker_scale_strike(struct program *p, const char *why)
{
    double after = FIRST_BACK_OFF;

    log_event(LOG_WARN, "function's container is not there", LOG_STR("function", p->config->name),
              LOG_STR("why", why));
    pthread_mutex_lock(&p->lock);
    p->resting = true;
    p->strikes++;
    snprintf(p->why, sizeof(p->why), "%s", why);
    if (p->strikes >= POOL_STRIKES)
        docker_line_fail(p);
    for (unsigned i = 1; i < p->strikes && after < LAST_BACK_OFF; i++)
        after *= 2;
    pthread_mutex_unlock(&p->lock);
    ev_now_update(p->home->loop);
    ev_timer_set(&p->again, after < LAST_BACK_OFF ? after : LAST_BACK_OFF, 0);
    ev_timer_start(p->home->loop, &p->again);
}

struct docker_replica *docker_scale_find(struct program *p, enum replica_state state)
{
    for (int64_t i = 0; i < n_max(p); i++)
        if (p->replica[i].state == state && p->replica[i].load == 0)
            return &p->replica[i];
    return NULL;
}

struct docker_count docker_scale_count(const struct program *p)
{
    struct docker_count c = {0};

    for (int64_t i = 0; i < n_max(p); i++) {
        const struct docker_replica *r = &p->replica[i];
        bool coming = r->state == REPLICA_STARTING || r->state == REPLICA_TESTING ||
                      (r->state == REPLICA_CREATING && r->has_to_start);

        c.active += coming || r->state == REPLICA_READY;
        c.to_come += coming;
        c.in_order += r->state == REPLICA_READY;
        c.resting +=
            r->state == REPLICA_CREATED || (r->state == REPLICA_CREATING && !r->has_to_start);
    }
    return c;
}

/* What it was told of those that do not answer. */
static void look_after(struct program *p)
{
    for (int64_t i = 0; i < n_max(p); i++) {
        struct docker_replica *r = &p->replica[i];
        bool hangs, doubted;

        pthread_mutex_lock(&p->lock);
        hangs = r->timeouts >= POOL_TIMEOUTS;
        doubted = r->doubted;
        r->doubted = false;
        if (hangs)
            r->timeouts = 0;
        pthread_mutex_unlock(&p->lock);
        if (r->state == REPLICA_READY && hangs)
            docker_replica_end(r, "its container gave no answer in time to several calls in a row");
        else if (r->state == REPLICA_READY && doubted)
            docker_replica_test(r);
    }
}

static bool start_one(struct program *p)
{
    struct docker_replica *r = docker_scale_find(p, REPLICA_CREATED);

    if (r) {
        docker_replica_start(r);
        return true;
    }
    r = docker_scale_find(p, REPLICA_GONE);
    if (r)
        docker_replica_create(r, true);
    return r != NULL;
}

void docker_scale(struct program *p)
{
    struct docker_replica *r;
    struct docker_count c;
    int64_t waiting;

    if (p->closing || p->resting || !docker_is_up(p->docker))
        return;
    look_after(p);
    pthread_mutex_lock(&p->lock);
    waiting = p->n_waiting;
    c = docker_scale_count(p);
    pthread_mutex_unlock(&p->lock);
    if (!p->has_image && (waiting || p->config->replicas_min || p->config->warm)) {
        if (!docker_image_is_looking(&p->image))
            docker_image_look(&p->image);
        return;
    }
    while (c.active < n_max(p) &&
           (c.active < p->config->replicas_min || c.to_come * p->config->concurrency < waiting)) {
        if (!start_one(p))
            break;
        c.active++;
        c.to_come++;
    }
    for (c = docker_scale_count(p);
         p->has_image && c.active + c.resting < n_max(p) && c.resting < p->config->warm &&
         (r = docker_scale_find(p, REPLICA_GONE));
         c.resting++)
        docker_replica_create(r, false);
}

void docker_scale_idle(struct ev_loop *loop, ev_timer *w, int events)
{
    struct program *p = w->data;
    uint64_t now = clock_ns();
    struct docker_replica *idle = NULL;
    int64_t ready = 0;

    (void)loop;
    (void)events;
    pthread_mutex_lock(&p->lock);
    for (int64_t i = 0; i < n_max(p); i++) {
        struct docker_replica *r = &p->replica[i];

        ready += r->state == REPLICA_READY;
        if (r->state == REPLICA_READY && r->load == 0 &&
            now - r->idle_since_ns > (uint64_t)p->config->idle_timeout)
            idle = r;
    }
    if (idle && ready > p->config->replicas_min)
        idle->doubted = true; /* nobody takes it any more */
    else
        idle = NULL;
    pthread_mutex_unlock(&p->lock);
    if (idle)
        docker_replica_end(idle, NULL);
}
