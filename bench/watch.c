#include "bench/watch.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct watch {
    const struct cluster *cluster;
    pthread_t thread;
    pthread_mutex_t lock;
    /* Under the lock. */
    bool stop;
    struct watched seen;
};

static const long PAUSE_NS = 50000000;

/* The entry of a list in a node's answer whose key has that value; *json is freed by
 * the caller. */
static const cJSON *ask(const char *address, const char *path, const char *list, const char *key,
                        const char *value, cJSON **json)
{
    struct request rq = {.timeout = 1};
    struct reply r;
    const cJSON *entry;
    char url[128];

    snprintf(url, sizeof(url), "http://%s%s", address, path);
    rq.url = url;
    http_call(&rq, &r);
    *json = cJSON_Parse(r.body);
    reply_free(&r);
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(*json, list))
    {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(entry, key));

        if (text && strcmp(text, value) == 0)
            return entry;
    }
    return NULL;
}

static void look(struct watch *w, unsigned i)
{
    const struct cluster_node *node = &w->cluster->node[i];
    const char *id = w->cluster->node[w->seen.whom].id;
    cJSON *peers, *members;
    const cJSON *peer = ask(node->address, "/configuration", "peers", "name", id, &peers);
    const cJSON *member = ask(node->address, "/cluster", "members", "id", id, &members);
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItem(member, "state"));
    bool up = cJSON_IsTrue(cJSON_GetObjectItem(peer, "up"));
    bool down = cJSON_IsFalse(cJSON_GetObjectItem(peer, "up"));
    struct watched *seen = &w->seen;
    double now = seconds_now();

    pthread_mutex_lock(&w->lock);
    if (seen->restarted == 0) {
        if (down && seen->down[i] == 0)
            seen->down[i] = now;
        if (state && strcmp(state, "dead") == 0 && seen->dead[i] == 0)
            seen->dead[i] = now;
    } else if (up && seen->back[i] == 0) {
        seen->back[i] = now;
    }
    pthread_mutex_unlock(&w->lock);
    cJSON_Delete(peers);
    cJSON_Delete(members);
}

static bool is_over(struct watch *w)
{
    bool stop;

    pthread_mutex_lock(&w->lock);
    stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

static void *watch(void *arg)
{
    struct watch *w = arg;
    const struct timespec pause = {0, PAUSE_NS};

    while (!is_over(w)) {
        for (unsigned i = 0; i < w->cluster->n; i++)
            if (i != w->seen.whom)
                look(w, i);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

struct watch *watch_start(const struct cluster *c, unsigned whom, char err[CLUSTER_ERRLEN])
{
    struct watch *w = calloc(1, sizeof(*w));

    if (w) {
        w->cluster = c;
        w->seen.whom = whom;
        w->seen.n = c->n;
        pthread_mutex_init(&w->lock, NULL);
        if (pthread_create(&w->thread, NULL, watch, w) == 0)
            return w;
        free(w);
    }
    snprintf(err, CLUSTER_ERRLEN, "cannot start a thread");
    return NULL;
}

void watch_killed(struct watch *w, double now)
{
    pthread_mutex_lock(&w->lock);
    w->seen.killed = now;
    pthread_mutex_unlock(&w->lock);
}

void watch_restarted(struct watch *w, double now)
{
    pthread_mutex_lock(&w->lock);
    w->seen.restarted = now;
    pthread_mutex_unlock(&w->lock);
}

void watch_read(struct watch *w, struct watched *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->seen;
    pthread_mutex_unlock(&w->lock);
}

void watch_stop(struct watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* ---- what was seen ---- */

double watched_last(const struct watched *seen, const double moments[CLUSTER_MAX])
{
    double last = seen->killed;

    for (unsigned i = 0; i < seen->n; i++)
        if (moments[i] > last)
            last = moments[i];
    return last;
}

bool watched_by_all(const struct watched *seen)
{
    for (unsigned i = 0; i < seen->n; i++)
        if (i != seen->whom && (seen->dead[i] == 0 || seen->down[i] == 0))
            return false;
    return true;
}

struct line {
    double at;
    char text[96];
};

static int by_time(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

static void add_line(struct line *lines, unsigned *n, double at, const char *who, const char *what,
                     const char *whom)
{
    if (at == 0)
        return;
    lines[*n].at = at;
    snprintf(lines[*n].text, sizeof(lines[*n].text), "%s %s%s", who, what, whom);
    (*n)++;
}

int watched_print(const struct watched *seen, const struct cluster *c, double ran_again)
{
    const char *whom = c->node[seen->whom].id;
    struct line lines[3 + 3 * CLUSTER_MAX];
    bool all = watched_by_all(seen) && ran_again > 0;
    unsigned n = 0;

    add_line(lines, &n, seen->killed, whom, "is killed (SIGKILL)", "");
    add_line(lines, &n, seen->restarted, whom, "is started again, with the seed's address", "");
    add_line(lines, &n, ran_again, whom, "answers the first job again", "");
    for (unsigned i = 0; i < c->n; i++) {
        const char *who = c->node[i].id;

        add_line(lines, &n, seen->down[i], who, "sends no more jobs to ", whom);
        add_line(lines, &n, seen->dead[i], who, "lists as dead: ", whom);
        add_line(lines, &n, seen->back[i], who, "may send jobs again to ", whom);
    }
    qsort(lines, n, sizeof(lines[0]), by_time);
    printf("\n  who noticed when, in seconds after the kill:\n");
    for (unsigned i = 0; i < n; i++)
        printf("  %6.2f  %s\n", lines[i].at - seen->killed, lines[i].text);
    if (!all)
        printf("  NOT ALL NOTICED, OR %s WAS NOT USED AGAIN\n", whom);
    return all ? 0 : -1;
}
