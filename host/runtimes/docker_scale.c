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

        if (r->state == REPLICA_ENDING || r->retires) {
            c.leaving++;
            continue;
        }
        c.active += coming || r->state == REPLICA_READY;
        c.to_come += coming;
        c.in_order += r->state == REPLICA_READY;
        c.resting +=
            r->state == REPLICA_CREATED || (r->state == REPLICA_CREATING && !r->has_to_start);
    }
    return c;
}

/* Under the lock: so many there are without any call. */
static int64_t n_least(const struct program *p)
{
    return p->wish == NO_WISH ? p->config->replicas_min : p->wish;
}

/* What it was told of those that do not answer, or have answered for the last time. */
static void look_after(struct program *p)
{
    for (int64_t i = 0; i < n_max(p); i++) {
        struct docker_replica *r = &p->replica[i];
        bool hangs, doubted, is_over;

        pthread_mutex_lock(&p->lock);
        is_over = r->retires && r->load == 0;
        hangs = r->timeouts >= POOL_TIMEOUTS;
        doubted = r->doubted;
        r->doubted = false;
        if (hangs)
            r->timeouts = 0;
        pthread_mutex_unlock(&p->lock);
        if (is_over)
            docker_replica_end(r, NULL);
        else if (r->state == REPLICA_READY && hangs)
            docker_replica_end(r, "its container gave no answer in time to several calls in a row");
        else if (r->state == REPLICA_READY && doubted)
            docker_replica_test(r);
    }
}

/* Calls wait, and one that was to end can take them. */
static bool call_back(struct program *p)
{
    struct docker_replica *r = NULL;

    pthread_mutex_lock(&p->lock);
    for (int64_t i = 0; i < n_max(p) && !r; i++)
        if (p->replica[i].retires && p->replica[i].state == REPLICA_READY)
            r = &p->replica[i];
    if (r) {
        r->retires = false;
        docker_line_serve(p);
    }
    pthread_mutex_unlock(&p->lock);
    return r != NULL;
}

/* One that would rest once it is created, or NULL. */
static struct docker_replica *find_in_creation(struct program *p)
{
    for (int64_t i = 0; i < n_max(p); i++)
        if (p->replica[i].state == REPLICA_CREATING && !p->replica[i].has_to_start)
            return &p->replica[i];
    return NULL;
}

static bool start_one(struct program *p)
{
    struct docker_replica *r;

    if (call_back(p))
        return true;
    r = docker_scale_find(p, REPLICA_CREATED);
    if (!r)
        r = find_in_creation(p);
    if (r) {
        docker_replica_start(r);
        return true;
    }
    r = docker_scale_find(p, REPLICA_GONE);
    if (r)
        docker_replica_create(r, true);
    return r != NULL;
}

static bool is_one_needed(struct program *p)
{
    struct docker_count c;
    bool is_needed;

    pthread_mutex_lock(&p->lock);
    c = docker_scale_count(p);
    is_needed = c.active < n_max(p) &&
                (c.active < n_least(p) || c.to_come * p->config->concurrency < p->n_waiting);
    pthread_mutex_unlock(&p->lock);
    return is_needed;
}

void docker_scale(struct program *p)
{
    struct docker_replica *r;
    struct docker_count c;

    if (p->closing || p->resting || !docker_is_up(p->docker))
        return;
    look_after(p);
    if (!p->has_image && (is_one_needed(p) || p->config->warm)) {
        if (!docker_image_is_looking(&p->image))
            docker_image_look(&p->image);
        return;
    }
    while (is_one_needed(p) && start_one(p))
        ;
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
    int64_t ready = 0, calls;

    (void)loop;
    (void)events;
    pthread_mutex_lock(&p->lock);
    calls = p->n_waiting;
    for (int64_t i = 0; i < n_max(p); i++) {
        struct docker_replica *r = &p->replica[i];

        calls += r->load;
        ready += r->state == REPLICA_READY && !r->retires;
        if (r->state == REPLICA_READY && r->load == 0 && !r->retires &&
            now - r->idle_since_ns > (uint64_t)p->config->idle_timeout)
            idle = r;
    }
    if (p->wish >= p->config->replicas_min && calls == 0 &&
        now - p->used_ns > (uint64_t)p->config->idle_timeout)
        p->wish = NO_WISH;
    if (idle && ready > n_least(p))
        idle->doubted = true; /* nobody takes it any more */
    else
        idle = NULL;
    pthread_mutex_unlock(&p->lock);
    if (idle)
        docker_replica_end(idle, NULL);
}

/* ---- a wish ---- */

bool docker_scale_called(struct program *p)
{
    bool was_for_fewer = p->wish != NO_WISH && p->wish < p->config->replicas_min;

    if (was_for_fewer)
        p->wish = NO_WISH;
    return was_for_fewer;
}

/* Of those that serve, one with the fewest calls. */
static struct docker_replica *least_needed(struct program *p)
{
    struct docker_replica *best = NULL;

    for (int64_t i = 0; i < n_max(p); i++) {
        struct docker_replica *r = &p->replica[i];

        bool serves = r->state == REPLICA_READY || (r->state == REPLICA_TESTING && r->was_ready);

        if (serves && !r->retires && (!best || r->load < best->load))
            best = r;
    }
    return best;
}

/* Those on their way first, if no call waits for them; the others after their calls. */
static void retire(struct program *p)
{
    struct docker_replica *r;
    int64_t too_many, waiting;

    pthread_mutex_lock(&p->lock);
    waiting = p->n_waiting;
    too_many = docker_scale_count(p).active - n_least(p);
    pthread_mutex_unlock(&p->lock);
    for (int64_t i = 0; i < n_max(p) && too_many > 0 && !waiting; i++) {
        r = &p->replica[i];
        if (r->state == REPLICA_STARTING || (r->state == REPLICA_TESTING && !r->was_ready) ||
            (r->state == REPLICA_CREATING && r->has_to_start)) {
            docker_replica_end(r, NULL);
            too_many--;
        }
    }
    pthread_mutex_lock(&p->lock);
    for (; too_many > 0 && (r = least_needed(p)); too_many--)
        r->retires = true;
    pthread_mutex_unlock(&p->lock);
}

int docker_pool_scale(struct program *p, unsigned replicas, char err[P2P_ERRLEN])
{
    if (replicas > n_max(p)) {
        snprintf(err, P2P_ERRLEN, "function '%s' can have %d replicas at most, its replicas_max",
                 p->config->name, (int)n_max(p));
        return -1;
    }
    pthread_mutex_lock(&p->lock);
    p->wish = replicas;
    p->used_ns = clock_ns();
    pthread_mutex_unlock(&p->lock);
    retire(p);
    docker_scale(p);
    return 0;
}

void docker_pool_count(struct program *p, struct replica_count *out)
{
    struct docker_count c;

    pthread_mutex_lock(&p->lock);
    c = docker_scale_count(p);
    out->replicas = (unsigned)(c.active + c.leaving);
    out->available = (unsigned)c.in_order;
    out->last = p->cold;
    pthread_mutex_unlock(&p->lock);
}
