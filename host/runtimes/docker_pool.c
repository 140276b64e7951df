#include "host/runtimes/docker_pool.h"

#include <stdlib.h>
#include <string.h>

#include "host/log.h"
#include "host/runtimes/docker_pool_private.h"
#include "host/runtimes/docker_usage.h"

static const uint64_t GOOD_LIFE_NS = 10000000000; /* a container this old starts afresh */

static struct program *program_of(struct docker_user *u)
{
    return (struct program *)((char *)u - offsetof(struct program, user));
}

/* ---- the end ---- */

static void on_over(struct ev_loop *loop, ev_timer *w, int events)
{
    struct program *p = w->data;
    void (*closed)(void *) = p->closed;
    void *arg = p->closed_arg;

    (void)loop;
    (void)events;
    docker_part(p->docker, &p->user);
    pthread_mutex_destroy(&p->lock);
    free(p->replica);
    free(p);
    closed(arg);
}

/* Closed, all containers gone, and no task of it under way. */
static void end_if_over(struct program *p)
{
    if (!p->closing || p->wanted_posted)
        return;
    for (int64_t i = 0; i < p->config->replicas_max; i++)
        if (p->replica[i].state != REPLICA_GONE)
            return;
    /* This may be inside an answer of the daemon. */
    ev_timer_start(p->home->loop, &p->over);
}

/* ---- what happens ---- */

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    struct program *p = w->data;

    (void)loop;
    (void)events;
    pthread_mutex_lock(&p->lock);
    p->resting = false;
    pthread_mutex_unlock(&p->lock);
    docker_scale(p);
}

static void on_wanted(struct task *t)
{
    struct program *p = (struct program *)((char *)t - offsetof(struct program, wanted));

    pthread_mutex_lock(&p->lock);
    p->wanted_posted = false;
    pthread_mutex_unlock(&p->lock);
    docker_scale(p);
    end_if_over(p);
}

static void on_started(struct docker_replica *r)
{
    struct program *p = r->owner;

    docker_readers_add(&p->readers, r->id);
}

static void on_ready(struct docker_replica *r)
{
    struct program *p = r->owner;

    pthread_mutex_lock(&p->lock);
    r->idle_since_ns = clock_ns();
    r->doubted = false;
    if (r->cold.phase_ns[COLD_START])
        p->cold = r->cold;
    docker_line_serve(p);
    r->cold = (struct cold_start){0};
    p->why[0] = '\0';
    pthread_mutex_unlock(&p->lock);
    log_event(LOG_INFO, "function's container is ready", LOG_STR("function", p->config->name),
              LOG_STR("container", r->id), LOG_STR("address", r->endpoint.text));
}

static void on_gone(struct docker_replica *r, const char *why)
{
    struct program *p = r->owner;
    bool was_good = r->was_ready && clock_ns() - r->phase_began_ns > GOOD_LIFE_NS;

    if (r->no_image)
        p->has_image = false;
    pthread_mutex_lock(&p->lock);
    r->doubted = r->retires = false;
    r->timeouts = 0;
    if (was_good)
        p->strikes = 0;
    pthread_mutex_unlock(&p->lock);
    if (why && !p->closing)
        docker_scale_strike(p, why);
    docker_scale(p);
    end_if_over(p);
}

static void on_image(void *owner, const char *why)
{
    struct program *p = owner;

    if (p->closing)
        return;
    p->has_image = !why;
    if (why)
        docker_scale_strike(p, why);
    else
        docker_scale(p);
}

static void on_progress(void *owner, const char *text)
{
    struct program *p = owner;

    pthread_mutex_lock(&p->lock);
    snprintf(p->why, sizeof(p->why), "%s", text);
    pthread_mutex_unlock(&p->lock);
}

static void on_up(struct docker_user *u)
{
    struct program *p = program_of(u);

    pthread_mutex_lock(&p->lock);
    p->away = false;
    p->why[0] = '\0';
    p->strikes = 0;
    pthread_mutex_unlock(&p->lock);
    docker_scale(p);
}

static void on_down(struct docker_user *u, const char *why)
{
    struct program *p = program_of(u);
    char text[P2P_ERRLEN];

    snprintf(text, sizeof(text), "Docker is not there: %.220s", why);
    for (int64_t i = 0; i < p->config->replicas_max; i++)
        docker_replica_forget(&p->replica[i]);
    docker_image_cancel(&p->image);
    docker_readers_end(&p->readers, text);
    p->has_image = false;
    pthread_mutex_lock(&p->lock);
    for (int64_t i = 0; i < p->config->replicas_max; i++)
        p->replica[i].retires = false;
    p->away = true;
    memcpy(p->why, text, sizeof(p->why));
    docker_line_fail(p);
    pthread_mutex_unlock(&p->lock);
    end_if_over(p);
}

static bool on_adopt(struct docker_user *u, const char *id)
{
    struct program *p = program_of(u);
    struct docker_replica *r = p->closing ? NULL : docker_scale_find(p, REPLICA_GONE);

    if (!r)
        return false;
    docker_replica_adopt(r, id);
    return true;
}

static void on_ended(struct docker_user *u, const char *id)
{
    struct program *p = program_of(u);

    for (int64_t i = 0; i < p->config->replicas_max; i++)
        if (strcmp(p->replica[i].id, id) == 0)
            docker_replica_ended(&p->replica[i]);
}

/* ---- from outside ---- */

static void init(struct program *p, const struct function_config *f, struct reactor *home)
{
    double turn = (double)f->idle_timeout / 4e9;

    p->config = f;
    p->home = home;
    p->wanted.run = on_wanted;
    p->wish = NO_WISH;
    pthread_mutex_init(&p->lock, NULL);
    p->user = (struct docker_user){.function = f->name,
                                   .hash = p->hash,
                                   .up = on_up,
                                   .down = on_down,
                                   .adopt = on_adopt,
                                   .ended = on_ended};
    ev_timer_init(&p->again, on_again, 0, 0);
    ev_timer_init(&p->over, on_over, 0, 0);
    turn = turn < 0.01 ? 0.01 : turn > 5 ? 5 : turn;
    ev_timer_init(&p->idle, docker_scale_idle, turn, turn);
    p->again.data = p->over.data = p->idle.data = p;
}

struct program *docker_pool_open(const struct function_config *f, struct reactor *home,
                                 char err[P2P_ERRLEN])
{
    struct program *p = calloc(1, sizeof(*p));
    char why[P2P_ERRLEN] = "out of memory";

    if (!p || !(p->replica = calloc((size_t)f->replicas_max, sizeof(*p->replica))))
        goto fail;
    init(p, f, home);
    if (docker_hash(f, p->hash) || !(p->docker = docker_join(home, f->docker, &p->user, why))) {
        pthread_mutex_destroy(&p->lock);
        goto fail;
    }
    p->image = (struct docker_image){.docker = p->docker,
                                     .home = home,
                                     .config = f,
                                     .progress = on_progress,
                                     .done = on_image,
                                     .owner = p};
    for (int64_t i = 0; i < p->config->replicas_max; i++) {
        p->replica[i] = (struct docker_replica){.docker = p->docker,
                                                .home = home,
                                                .config = f,
                                                .hash = p->hash,
                                                .lock = &p->lock,
                                                .started = on_started,
                                                .ready = on_ready,
                                                .gone = on_gone,
                                                .owner = p};
        docker_replica_init(&p->replica[i]);
    }
    ev_timer_start(home->loop, &p->idle);
    if (docker_is_up(p->docker)) {
        p->wanted_posted = true;
        reactor_post(home, &p->wanted);
    }
    return p;
fail:
    snprintf(err, P2P_ERRLEN, "function '%s': %.180s", f->name, why);
    if (p)
        free(p->replica);
    free(p);
    return NULL;
}

void docker_pool_close(struct program *p, void (*closed)(void *arg), void *arg)
{
    bool keep = p->home->closing && p->config->docker->keep;

    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_mutex_unlock(&p->lock);
    p->closed = closed;
    p->closed_arg = arg;
    ev_timer_stop(p->home->loop, &p->again);
    ev_timer_stop(p->home->loop, &p->idle);
    docker_image_cancel(&p->image);
    docker_readers_end(&p->readers, NULL);
    for (int64_t i = 0; i < p->config->replicas_max; i++) {
        struct docker_replica *r = &p->replica[i];

        if (keep && r->state == REPLICA_READY)
            docker_replica_forget(r);
        else
            docker_replica_end(r, NULL);
    }
    end_if_over(p);
}

struct lines *docker_pool_logs(struct program *p, struct lines_wanted *w, char err[P2P_ERRLEN])
{
    struct docker_logs *l;

    if (!docker_is_up(p->docker)) {
        pthread_mutex_lock(&p->lock);
        snprintf(err, P2P_ERRLEN, "%s", p->why[0] ? p->why : "Docker was not asked yet");
        pthread_mutex_unlock(&p->lock);
        return NULL;
    }
    l = docker_logs_new(&p->readers, p->docker, p->home, w);
    for (int64_t i = 0; l && i < p->config->replicas_max; i++) {
        const struct docker_replica *r = &p->replica[i];

        if (r->id[0] && (r->state == REPLICA_TESTING || r->state == REPLICA_READY ||
                         r->state == REPLICA_ENDING))
            docker_logs_add(l, r->id);
    }
    if (!l)
        snprintf(err, P2P_ERRLEN, "out of memory");
    return l ? docker_logs_begin(l) : NULL;
}

void docker_pool_usage(struct program *p, void (*done)(void *owner, const struct usage *u),
                       void *owner)
{
    unsigned most = (unsigned)p->config->replicas_max;
    struct docker_usage *u =
        docker_is_up(p->docker) ? docker_usage_new(p->docker, p->home, most, done, owner) : NULL;

    if (!u) {
        done(owner, NULL);
        return;
    }
    for (unsigned i = 0; i < most; i++)
        if (p->replica[i].state == REPLICA_TESTING || p->replica[i].state == REPLICA_READY)
            docker_usage_add(u, p->replica[i].id);
    docker_usage_begin(u);
}

void docker_pool_describe(struct program *p, char *out, size_t size)
{
    struct docker_count c;

    pthread_mutex_lock(&p->lock);
    c = docker_scale_count(p);
    snprintf(out, size, "%d ready, %d starting, %d of %d%s%.80s", (int)c.in_order, (int)c.to_come,
             (int)c.active, (int)p->config->replicas_max, p->why[0] ? ": " : "", p->why);
    pthread_mutex_unlock(&p->lock);
}
