#include "host/learner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/learner_file.h"
#include "host/log.h"
#include "host/node.h"

enum { MOST_PATH = 4096 };

/* ---- the file, and those that are kept beside it ---- */

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool fits(const struct engine_learner *now, const struct learner_file *f)
{
    return strcmp(now->format, f->format) == 0 && now->n_dims == f->n_dims &&
           now->n_actions == f->n_actions;
}

static void name_beside(char out[MOST_PATH], const char *file, const char *plugin, uint32_t n_dims,
                        uint32_t n_actions)
{
    snprintf(out, MOST_PATH, "%s.%s-%ux%u", file, plugin, n_dims, n_actions);
}

static void keep_aside(const char *file, const char *aside, const char *why)
{
    if (rename(file, aside))
        log_event(LOG_WARN, "what a learner saved cannot be kept aside", LOG_STR("file", file),
                  LOG_STR("why", strerror(errno)));
    else
        log_event(LOG_WARN, "what a learner saved is not used and kept aside",
                  LOG_STR("file", aside), LOG_STR("why", why));
}

static void keep_broken(const char *file, const char *why)
{
    char aside[MOST_PATH];

    snprintf(aside, sizeof(aside), "%s.broken", file);
    keep_aside(file, aside, why);
}

/* Moves away what is of another learner; true when what is left is for this one. */
static bool make_way(const char *file, const struct engine_learner *now)
{
    char err[P2P_ERRLEN], aside[MOST_PATH];
    struct learner_file f;
    bool its_own;

    if (!exists(file))
        return false;
    if (learner_file_read(file, &f, err)) {
        keep_broken(file, err);
        return false;
    }
    state_release(&f.state);
    its_own = fits(now, &f);
    if (!its_own) {
        name_beside(aside, file, f.plugin, f.n_dims, f.n_actions);
        keep_aside(file, aside, "it is of another learner or another space");
    }
    return its_own;
}

static void load(struct node *n, const char *file, const struct engine_learner *now)
{
    char err[P2P_ERRLEN], beside[MOST_PATH];

    if (!make_way(file, now)) {
        name_beside(beside, file, now->plugin, now->n_dims, now->n_actions);
        if (exists(file) || rename(beside, file))
            return; /* it begins with nothing */
    }
    if (engine_learner_load(n->engine, file, err))
        keep_broken(file, err);
    else
        log_event(LOG_INFO, "the learner knows what was saved", LOG_STR("file", file));
}

/* ---- saving ---- */

static int try_save(struct node *n, const char *file, char *err)
{
    if (engine_learner_save(n->engine, file, err)) {
        n->learner.save_failures++;
        log_event(LOG_WARN, "the learner cannot be saved; see learner.file", LOG_STR("why", err));
        return -1;
    }
    n->learner.saves++;
    log_event(LOG_DEBUG, "the learner is saved", LOG_STR("file", file));
    return 0;
}

static void save(struct node *n, const char *file)
{
    char err[P2P_ERRLEN];

    try_save(n, file, err);
}

int node_learner_save(struct node *n, char err[P2P_ERRLEN])
{
    const char *file = n->config->config.learner.file;

    if (file[0])
        return try_save(n, file, err);
    snprintf(err, P2P_ERRLEN, "learner.file is not set in plugins.yaml: there is no place for it");
    return -1;
}

static bool can_save(struct node *n, const char *file)
{
    struct engine_learner now;

    if (!file[0])
        return false;
    engine_learner_describe(n->engine, &now);
    return now.at_work && now.saves;
}

static void on_save(struct task *t)
{
    struct node *n = (struct node *)((char *)t - offsetof(struct node, learner.saving.task));
    const char *file;

    pthread_mutex_lock(&n->selection);
    file = n->config->config.learner.file;
    if (can_save(n, file))
        save(n, file);
    pthread_mutex_unlock(&n->selection);
    n->learner.saving.posted = false;
}

/* ---- life ---- */

void node_learner_init(struct node_learner *l)
{
    training_init(&l->training);
    l->saving.task.run = on_save;
}

void node_learner_release(struct node_learner *l)
{
    training_release(&l->training);
}

/* ---- selections ---- */

void node_learner_leaves(struct node *n)
{
    const char *file = n->config->config.learner.file;

    if (n->learner.opened && n->learner.known.at_work && can_save(n, file))
        save(n, file);
}

static void say_who_came(const struct engine_learner *now)
{
    log_event(LOG_INFO, "learner at work", LOG_STR("learner", now->full),
              LOG_INT("dimensions", now->n_dims), LOG_INT("actions", now->n_actions),
              LOG_INT("generation", now->generation));
}

void node_learner_comes(struct node *n, const struct config *c)
{
    struct engine_learner *known = &n->learner.known, now;
    bool is_new;

    if (!n->learner.opened)
        return;
    engine_learner_describe(n->engine, &now);
    if (!now.at_work && now.plugin[0])
        log_event(LOG_INFO, "the learner waits for a scheduler that asks one",
                  LOG_STR("learner", now.plugin));
    if (!now.at_work || now.generation == known->generation) {
        *known = now;
        return;
    }
    is_new = !known->at_work || strcmp(known->format, now.format) != 0 ||
             known->n_dims != now.n_dims || known->n_actions != now.n_actions;
    if (c->learner.file[0] && !now.saves)
        log_event(LOG_WARN, "the learner cannot save what it knows; learner.file is not used",
                  LOG_STR("learner", now.plugin));
    else if (c->learner.file[0] && is_new)
        load(n, c->learner.file, &now);
    engine_learner_describe(n->engine, known);
    say_who_came(known);
}

/* ---- settings ---- */

void node_learner_configure(struct node *n, const struct config *c, bool first)
{
    struct learner_settings *s = &n->learner.settings;

    if (first) {
        s->most_episodes = (uint32_t)c->learner.most_episodes;
        s->batch = (uint32_t)c->learner.batch;
    }
    s->expiry_ns = (uint64_t)c->learner.expiry;
    s->interval_ns = (uint64_t)c->learner.batch_interval;
    n->learner.pace.repeat = (double)c->learner.batch_interval / 1e9;
    engine_configure_learner(n->engine, s);
}

/* ---- time ---- */

static void on_pace(struct ev_loop *loop, ev_timer *w, int events)
{
    struct node *n = w->data;

    (void)loop;
    (void)events;
    engine_learn(n->engine);
}

/* A node without a learner is not woken for one. */
static void keep_pace(struct node *n, bool at_work)
{
    struct ev_loop *loop = n->shards[0].reactor.loop;
    ev_timer *pace = &n->learner.pace;

    if (at_work && !ev_is_active(pace))
        ev_timer_again(loop, pace);
    else if (!at_work && ev_is_active(pace))
        ev_timer_stop(loop, pace);
}

void node_learner_start(struct node *n)
{
    struct node_learner *l = &n->learner;
    double interval = l->pace.repeat;

    ev_timer_init(&l->pace, on_pace, interval, interval);
    l->pace.data = n;
    l->saved_ns = clock_ns();
    pthread_mutex_lock(&n->selection);
    l->opened = true;
    node_learner_comes(n, &n->config->config);
    keep_pace(n, l->known.at_work);
    pthread_mutex_unlock(&n->selection);
}

void node_learner_housekeep(struct node *n)
{
    const struct learner_config *c = &n->config->config.learner;
    struct node_learner *l = &n->learner;
    struct engine_learner now;
    struct learner_stats stats;

    engine_learner_describe(n->engine, &now);
    keep_pace(n, now.at_work);
    if (!c->file[0] || c->save_interval == 0 || !now.at_work || !now.saves || l->saving.posted ||
        clock_ns() - l->saved_ns < (uint64_t)c->save_interval)
        return;
    l->saved_ns = clock_ns();
    engine_learner_stats(n->engine, &stats);
    if (stats.choices + stats.transitions == l->saved_at)
        return; /* nothing happened; a flash card is not worn for that */
    l->saved_at = stats.choices + stats.transitions;
    l->saving.posted = true;
    reactor_post(&n->clerk.reactor, &l->saving.task);
}

void node_learner_stop(struct node *n)
{
    const char *file = n->config->config.learner.file;

    ev_timer_stop(n->shards[0].reactor.loop, &n->learner.pace);
    listener_stop(&n->shards[0].listener[SHARD_LEARNER]);
    pthread_mutex_lock(&n->selection);
    if (n->learner.opened && can_save(n, file))
        save(n, file);
    pthread_mutex_unlock(&n->selection);
}
