#include "host/runtimes/docker_daemon.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "host/log.h"

static const uint64_t ANSWER_NS = 30000000000;
static const double FIRST_BACK_OFF = 0.1, LAST_BACK_OFF = 5;

/* What this code is written for, and the oldest that has all of it. */
static const double WANTED_VERSION = 1.41, LEAST_VERSION = 1.40;

enum { MOST_REMOVALS = 1024 };

struct removal {
    struct docker_request request;
    struct docker *docker;
    struct removal *next, *prev;
};

struct docker {
    struct reactor *home;
    char node[80];
    char socket[108];
    struct docker_api api;
    struct docker_user *users;
    bool up, heard; /* heard: it was up once */
    struct docker_request ask, events;
    struct removal *removals;
    unsigned n_removals;
    ev_timer again;
    double back_off;
};

bool docker_is_up(const struct docker *d)
{
    return d->up;
}

struct docker_api *docker_api(struct docker *d)
{
    return &d->api;
}

/* ---- orphans ---- */

static void removal_free(struct removal *m)
{
    struct docker *d = m->docker;

    DL_DELETE(d->removals, m);
    d->n_removals--;
    free(m);
}

static void on_removed(struct docker_request *r, int status, const cJSON *answer)
{
    (void)answer;
    if (status != 204 && status != 404)
        log_event(LOG_WARN, "a container of nobody could not be removed", LOG_STR("why", r->err));
    removal_free(r->owner);
}

static void remove_orphan(struct docker *d, const struct docker_container *c)
{
    struct removal *m = d->n_removals < MOST_REMOVALS ? calloc(1, sizeof(*m)) : NULL;

    if (!m)
        return;
    log_event(LOG_INFO, "container of nobody is removed", LOG_STR("container", c->id),
              LOG_STR("function", c->function));
    m->docker = d;
    DL_PREPEND(d->removals, m);
    d->n_removals++;
    m->request.done = on_removed;
    m->request.owner = m;
    docker_start(&d->api, d->home, &m->request, "DELETE", NULL, ANSWER_NS,
                 "/containers/%s?force=1&v=1", c->id);
}

/* ---- down ---- */

static void cancel_all(struct docker *d)
{
    struct removal *m, *next;

    docker_cancel(&d->ask);
    docker_cancel(&d->events);
    for (m = d->removals; m; m = next) {
        next = m->next;
        docker_cancel(&m->request);
        free(m);
    }
    d->removals = NULL;
    d->n_removals = 0;
}

void docker_lost(struct docker *d, const char *why)
{
    struct docker_user *u, *next;
    char text[P2P_ERRLEN];

    snprintf(text, sizeof(text), "%s", why); /* it may be of what is cancelled */
    if (d->up || d->back_off <= FIRST_BACK_OFF)
        log_event(LOG_WARN, "Docker is not there", LOG_STR("socket", d->socket),
                  LOG_STR("why", text));
    if (d->up)
        d->back_off = FIRST_BACK_OFF;
    d->up = false;
    cancel_all(d);
    ev_timer_stop(d->home->loop, &d->again);
    ev_timer_set(&d->again, d->back_off, 0);
    ev_timer_start(d->home->loop, &d->again);
    d->back_off = 2 * d->back_off < LAST_BACK_OFF ? 2 * d->back_off : LAST_BACK_OFF;
    for (u = d->users; u; u = next) {
        next = u->next;
        u->down(u, text);
    }
}

/* ---- events ---- */

static void on_event(void *owner, const cJSON *json)
{
    struct docker *d = owner;
    struct docker_event event;

    docker_read_event(json, &event);
    if (event.kind == DOCKER_EVENT_OTHER || !d->up)
        return;
    for (struct docker_user *u = d->users, *next; u; u = next) {
        next = u->next;
        u->ended(u, event.id);
    }
}

static void on_events_end(struct docker_request *r, int status, const cJSON *answer)
{
    (void)status;
    (void)answer;
    docker_lost(r->owner, r->err[0] ? r->err : "its events ended");
}

/* ---- up ---- */

static void offer(struct docker *d, const struct docker_container *c)
{
    for (struct docker_user *u = d->users; u && c->running; u = u->next)
        if (strcmp(u->function, c->function) == 0 && strcmp(u->hash, c->hash) == 0 &&
            u->adopt(u, c->id)) {
            log_event(LOG_INFO, "container is taken up again", LOG_STR("function", c->function),
                      LOG_STR("container", c->id));
            return;
        }
    remove_orphan(d, c);
}

static void on_list(struct docker_request *r, int status, const cJSON *answer)
{
    struct docker *d = r->owner;
    struct docker_container c;
    const cJSON *item;

    if (status != 200 || !cJSON_IsArray(answer)) {
        docker_lost(d, r->err[0] ? r->err : "it does not list its containers");
        return;
    }
    d->up = true;
    d->back_off = FIRST_BACK_OFF;
    if (d->heard)
        log_event(LOG_INFO, "Docker is back", LOG_STR("socket", d->socket));
    d->heard = true;
    cJSON_ArrayForEach(item, answer)
    {
        if (docker_read_listed(item, &c))
            offer(d, &c);
    }
    for (struct docker_user *u = d->users, *next; u; u = next) {
        next = u->next;
        u->up(u);
    }
}

/* The events from before the list on, so that nothing is missed between the two. */
static void list(struct docker *d)
{
    char text[400];

    if (!docker_filters(text, sizeof(text), d->node, true))
        goto too_long;
    d->events = (struct docker_request){.done = on_events_end, .each = on_event, .owner = d};
    docker_start(&d->api, d->home, &d->events, "GET", NULL, 0, "/events?since=%lld&filters=%s",
                 (long long)time(NULL), text);
    if (!docker_filters(text, sizeof(text), d->node, false))
        goto too_long;
    d->ask = (struct docker_request){.done = on_list, .owner = d};
    docker_start(&d->api, d->home, &d->ask, "GET", NULL, ANSWER_NS,
                 "/containers/json?all=1&filters=%s", text);
    return;
too_long:
    docker_lost(d, "out of memory, or node.id is too long");
}

static void on_version(struct docker_request *r, int status, const cJSON *answer)
{
    struct docker *d = r->owner;
    double most = strtod(docker_text(answer, "ApiVersion"), NULL);
    double least = strtod(docker_text(answer, "MinAPIVersion"), NULL);
    double use = most < WANTED_VERSION ? most : WANTED_VERSION;
    char why[96];

    if (status != 200) {
        docker_lost(d, r->err[0] ? r->err : "it does not tell its version");
        return;
    }
    if (use < LEAST_VERSION) {
        snprintf(why, sizeof(why), "it speaks API %.2f; needed: %.2f or later", most,
                 LEAST_VERSION);
        docker_lost(d, why);
        return;
    }
    snprintf(d->api.version, sizeof(d->api.version), "/v%.2f", use < least ? least : use);
    list(d);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    struct docker *d = w->data;

    (void)loop;
    (void)events;
    d->api.version[0] = '\0';
    d->ask = (struct docker_request){.done = on_version, .owner = d};
    docker_start(&d->api, d->home, &d->ask, "GET", NULL, ANSWER_NS, "/version");
}

/* ---- users ---- */

static struct docker *docker_new(struct reactor *home, const struct docker_config *config)
{
    struct docker *d = calloc(1, sizeof(*d));

    if (!d || !(d->api.curl = curl_loop_new(home))) {
        free(d);
        return NULL;
    }
    d->home = home;
    /* A reload replaces the configuration; these need a restart. */
    snprintf(d->node, sizeof(d->node), "%s", config->node);
    snprintf(d->socket, sizeof(d->socket), "%s", config->socket);
    d->api.socket = d->socket;
    d->back_off = FIRST_BACK_OFF;
    /* When all functions have joined. */
    ev_timer_init(&d->again, on_again, 0, 0);
    d->again.data = d;
    ev_timer_start(home->loop, &d->again);
    return d;
}

struct docker *docker_join(struct reactor *home, const struct docker_config *config,
                           struct docker_user *u, char err[P2P_ERRLEN])
{
    struct docker *d = home->docker ? home->docker : docker_new(home, config);

    if (!d) {
        snprintf(err, P2P_ERRLEN, "out of memory or of descriptors");
        return NULL;
    }
    home->docker = d;
    u->next = d->users;
    d->users = u;
    return d;
}

void docker_part(struct docker *d, struct docker_user *u)
{
    struct docker_user **at = &d->users;

    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    if (d->users)
        return;
    cancel_all(d);
    ev_timer_stop(d->home->loop, &d->again);
    d->home->docker = NULL;
    curl_loop_free(d->api.curl);
    free(d);
}
