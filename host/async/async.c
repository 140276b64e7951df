#include "host/async/async.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/async/worker.h"
#include "host/log.h"

enum { MOST_CONNECTIONS = 65536 }; /* to the node: the queue holds calls back before */

void async_init(struct async *a, struct node *n)
{
    memset(a, 0, sizeof(*a));
    a->node = n;
    pthread_mutex_init(&a->lock, NULL);
}

void async_release(struct async *a)
{
    async_stop(a);
    free(a->folder);
    free(a->functions);
    pthread_mutex_destroy(&a->lock);
}

static void on_configured(struct task *t)
{
    struct async *a = (struct async *)((char *)t - offsetof(struct async, configured));

    pthread_mutex_lock(&a->lock);
    a->posted = false;
    async_worker_configure(a->worker, &a->settings);
    pthread_mutex_unlock(&a->lock);
}

/* What a running node cannot change. */
static int configure_first(struct async *a, const struct config *c)
{
    if (c->node.data_dir[0] && !(a->folder = strdup(c->node.data_dir)))
        return -1;
    a->limits = (struct http_limits){
        .headers = (size_t)c->limits.headers,
        .body = c->limits.body < STORE_MOST_BODY ? (size_t)c->limits.body : STORE_MOST_BODY};
    a->upstream = (struct upstream_limits){.connections = MOST_CONNECTIONS,
                                           .waiting = MOST_CONNECTIONS,
                                           .connect_ns = (uint64_t)c->limits.connect_timeout,
                                           .idle_ns = (uint64_t)c->limits.idle_timeout / 2};
    return 0;
}

int async_configure(struct async *a, const struct config *c, bool first)
{
    const struct async_config *from = &c->async;
    char err[P2P_ERRLEN];
    struct async_settings s = {
        .concurrency = (uint32_t)from->concurrency,
        .queue = (uint32_t)from->queue,
        .bytes = from->bytes,
        .expiry_ms = from->expiry / 1000000,
        .keep_ms = from->keep / 1000000,
        .result = (size_t)from->result,
        .callback_timeout_ns = (uint64_t)from->callback_timeout,
        .retry.policy = {.attempts = (unsigned)from->attempts,
                         .min_wait_ns = (uint64_t)from->min_wait,
                         .max_wait_ns = (uint64_t)from->max_wait},
    };

    retry_codes_read(&s.retry.codes, from->codes, err); /* it was checked when it was read */
    pthread_mutex_lock(&a->lock);
    a->settings = s;
    if (a->started && !a->ended && !a->posted) {
        a->posted = true;
        a->configured.run = on_configured;
        reactor_post(&a->thread.reactor, &a->configured);
    }
    pthread_mutex_unlock(&a->lock);
    return first ? configure_first(a, c) : 0;
}

static bool has_rules(const struct function_config *f)
{
    return f->retry_attempts || f->retry_codes[0] || f->retry_min_wait || f->retry_max_wait;
}

static void read_rules(struct async_function *to, const struct function_config *f)
{
    char err[P2P_ERRLEN];

    snprintf(to->name, sizeof(to->name), "%s", f->name);
    to->retry.policy = (struct retry_policy){.attempts = (unsigned)f->retry_attempts,
                                             .min_wait_ns = (uint64_t)f->retry_min_wait,
                                             .max_wait_ns = (uint64_t)f->retry_max_wait};
    to->retry.has_codes = f->retry_codes[0] != '\0';
    retry_codes_read(&to->retry.codes, f->retry_codes, err); /* it was checked */
}

void async_take_functions(struct async *a, const struct function_table *t)
{
    struct async_function *list, *before;
    unsigned n = 0;

    for (unsigned i = 0; i < t->n; i++)
        n += has_rules(t->entries[i].config);
    list = n ? calloc(n, sizeof(*list)) : NULL;
    if (n && !list) {
        log_event(LOG_ERROR, "functions keep the retry_… that they had", LOG_STR("why", "memory"));
        return;
    }
    for (unsigned i = 0, filled = 0; filled < n; i++)
        if (has_rules(t->entries[i].config))
            read_rules(&list[filled++], t->entries[i].config);
    pthread_mutex_lock(&a->lock);
    before = a->functions;
    a->functions = list;
    a->n_functions = n;
    pthread_mutex_unlock(&a->lock);
    free(before);
}

void async_rules(struct async *a, const char *function, struct retry_rules *out)
{
    pthread_mutex_lock(&a->lock);
    *out = a->settings.retry;
    for (unsigned i = 0; i < a->n_functions; i++)
        if (strcmp(a->functions[i].name, function) == 0)
            retry_rules_merge(out, &a->functions[i].retry);
    pthread_mutex_unlock(&a->lock);
}

int async_start(struct async *a, char err[P2P_ERRLEN])
{
    int rc = 0;

    pthread_mutex_lock(&a->lock);
    if (a->ended) {
        snprintf(err, P2P_ERRLEN, "the node is stopping");
        rc = -1;
    } else if (!a->started) {
        a->worker = async_worker_new(a);
        if (!a->worker)
            snprintf(err, P2P_ERRLEN, "out of memory");
        if (!a->worker || clerk_start(&a->thread, err)) {
            free(a->worker);
            a->worker = NULL;
            rc = -1;
        } else {
            a->started = true;
            async_worker_begin(a->worker);
        }
    }
    pthread_mutex_unlock(&a->lock);
    return rc;
}

void async_resume(struct async *a)
{
    char file[512], err[P2P_ERRLEN];

    snprintf(file, sizeof(file), "%s/async.db", a->folder ? a->folder : "");
    if (a->folder && access(file, F_OK) == 0 && async_start(a, err))
        log_event(LOG_ERROR, "kept calls are not run", LOG_STR("why", err));
}

static void on_quiesce(struct task *t)
{
    struct async *a = (struct async *)((char *)t - offsetof(struct async, quiesce));

    a->worker->quiesced = true;
}

void async_quiesce(struct async *a)
{
    pthread_mutex_lock(&a->lock);
    if (a->started && !a->ended) {
        a->quiesce.run = on_quiesce;
        reactor_post(&a->thread.reactor, &a->quiesce);
    }
    pthread_mutex_unlock(&a->lock);
}

static void on_close(struct task *t)
{
    struct async *a = (struct async *)((char *)t - offsetof(struct async, close));

    async_worker_free(a->worker);
    a->worker = NULL;
}

void async_stop(struct async *a)
{
    bool runs;

    pthread_mutex_lock(&a->lock);
    runs = a->started && !a->ended;
    a->ended = true;
    pthread_mutex_unlock(&a->lock);
    if (!runs)
        return;
    a->close.run = on_close;
    reactor_post(&a->thread.reactor, &a->close);
    clerk_stop(&a->thread);
}
