/*
 * etcd.c - nodes find each other through an etcd server, version 3 of its API, by the JSON
 * gateway that every server has.
 *
 * Each node keeps one key under a lease that it renews.  A session with a server is: log
 * in, renew the lease or get one, put the key, list the keys, watch them from there on.
 * Whatever goes wrong ends the session; the next one, with the next server, begins after a
 * while and makes good what was missed.  Between sessions the peers stay as they are.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "host/discovery/etcd_private.h"
#include "host/discovery/etcd_value.h"
#include "host/utf8.h"
#include "host/version.h"

static const uint64_t STOP_NS = SECOND_NS;

/* ---- what this node says ---- */

static char *own_value(const struct discovery *d)
{
    const struct node *n = d->node;
    const char *names[CONFIG_MAX_FUNCTIONS];
    struct etcd_value v = {.endpoint = n->advertised,
                           .slots = n->slots.limit,
                           .knows_functions = true,
                           .functions = names};

    snprintf(v.id, sizeof(v.id), "%s", n->id);
    utf8_clean(v.group, sizeof(v.group), d->config->group);
    snprintf(v.version, sizeof(v.version), "%s", P2PFAAS_VERSION);
    for (unsigned i = 0; i < n->functions->n; i++)
        if (n->functions->entries[i].function->program)
            names[v.n_functions++] = n->functions->entries[i].function->config->name;
    return etcd_value_write(&v);
}

/* Takes over `value`. */
static void put_value(struct discovery *d, char *value,
                      void (*then)(struct discovery *, const char *, size_t))
{
    free(d->said);
    d->said = value;
    etcd_ask(d, &d->turn, "kv/put", value ? etcd_write_put(d->key, value, d->lease.id) : NULL,
             then);
    etcd_send(d, &d->turn);
}

static void on_said(struct discovery *d, const char *text, size_t n)
{
    (void)d;
    (void)text;
    (void)n;
}

void etcd_say_what_changed(struct discovery *d)
{
    char *value;

    if (d->state != ETCD_WATCH || curl_request_is_open(&d->turn.request))
        return; /* at the next beat */
    value = own_value(d);
    if (value && d->said && strcmp(value, d->said) == 0)
        free(value);
    else
        put_value(d, value, on_said);
}

static void set_lease(struct discovery *d, const struct etcd_lease *lease)
{
    pthread_mutex_lock(&d->lock);
    d->lease = *lease;
    pthread_mutex_unlock(&d->lock);
}

static void lose_lease(struct discovery *d)
{
    set_lease(d, &(struct etcd_lease){.ttl_ns = d->lease.ttl_ns});
}

static void on_registered(struct discovery *d, const char *text, size_t n)
{
    (void)text;
    (void)n;
    etcd_start_timer(d, &d->beat_timer, d->lease.ttl_ns / 3);
    etcd_list(d);
}

/* ---- the lease ---- */

static void on_granted(struct discovery *d, const char *text, size_t n)
{
    struct etcd_lease lease;
    char err[P2P_ERRLEN];

    if (etcd_read_grant(text, n, &lease, err)) {
        etcd_fail(d, err);
        return;
    }
    set_lease(d, &lease);
    put_value(d, own_value(d), on_registered);
}

static void ask_lease(struct discovery *d)
{
    etcd_ask(d, &d->turn, "lease/grant", etcd_write_grant((uint64_t)d->config->etcd_ttl),
             on_granted);
    etcd_send(d, &d->turn);
}

/* -1: the session is over. */
static int read_alive(struct discovery *d, const char *text, size_t n, bool *alive)
{
    char err[P2P_ERRLEN];

    if (etcd_read_keepalive(text, n, alive, err)) {
        etcd_fail(d, err);
        return -1;
    }
    if (!*alive)
        lose_lease(d);
    return 0;
}

static void on_renewed(struct discovery *d, const char *text, size_t n)
{
    bool alive;

    if (read_alive(d, text, n, &alive))
        return;
    if (alive)
        put_value(d, own_value(d), on_registered);
    else
        ask_lease(d);
}

static void on_beat_answer(struct discovery *d, const char *text, size_t n)
{
    bool alive;

    if (read_alive(d, text, n, &alive))
        return;
    if (alive)
        etcd_say_what_changed(d);
    else
        etcd_begin_again(d, "the server does not know this node's lease any more");
}

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    struct discovery *d = w->data;

    (void)loop;
    (void)events;
    etcd_start_timer(d, w, d->lease.ttl_ns / 3);
    if (curl_request_is_open(&d->beat.request))
        return;
    etcd_ask(d, &d->beat, "lease/keepalive", etcd_write_lease(d->lease.id), on_beat_answer);
    etcd_send(d, &d->beat);
}

static void begin_lease(struct discovery *d)
{
    if (!d->lease.id[0]) {
        ask_lease(d);
        return;
    }
    etcd_ask(d, &d->turn, "lease/keepalive", etcd_write_lease(d->lease.id), on_renewed);
    etcd_send(d, &d->turn);
}

/* ---- the beginning of a session ---- */

static void on_login(struct discovery *d, const char *text, size_t n)
{
    char token[512], err[P2P_ERRLEN];

    if (etcd_read_login(text, n, token, err)) {
        etcd_fail(d, err);
        return;
    }
    snprintf(d->login, sizeof(d->login), "Authorization: %s", token);
    d->headers[1] = d->login;
    begin_lease(d);
}

static void begin_session(struct discovery *d)
{
    const struct discovery_config *c = d->config;

    etcd_set_state(d, ETCD_CONNECT);
    d->headers[1] = NULL;
    if (!c->etcd_user[0]) {
        begin_lease(d);
        return;
    }
    etcd_ask(d, &d->turn, "auth/authenticate", etcd_write_login(c->etcd_user, c->etcd_password),
             on_login);
    etcd_send(d, &d->turn);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct discovery *d = w->data;

    (void)loop;
    (void)events;
    if (d->state == ETCD_PAUSE)
        begin_session(d);
    else if (d->state == ETCD_LIST)
        etcd_fail(d, "the watch does not begin in time");
}

/* ---- the source ---- */

static int read_server(struct discovery *d, const char *text, size_t n, char err[P2P_ERRLEN])
{
    size_t scheme = n > 7 && strncmp(text, "http://", 7) == 0    ? 7
                    : n > 8 && strncmp(text, "https://", 8) == 0 ? 8
                                                                 : 0;

    while (n > scheme && text[n - 1] == '/')
        n--;
    if (!scheme || n == scheme || n >= ETCD_MOST_URL || !http_is_target(text, n) ||
        memchr(text, '@', n) || memchr(text, '?', n) || memchr(text, '#', n)) {
        snprintf(err, P2P_ERRLEN,
                 "discovery.etcd: '%.*s' is no URL of a server; allowed: as in "
                 "http://10.0.0.1:2379 (the user is discovery.etcd_user)",
                 (int)(n < 80 ? n : 80), text);
        return -1;
    }
    if (d->n_servers == ETCD_MOST_SERVERS) {
        snprintf(err, P2P_ERRLEN, "discovery.etcd: more than %d servers", ETCD_MOST_SERVERS);
        return -1;
    }
    snprintf(d->servers[d->n_servers++], ETCD_MOST_URL, "%.*s", (int)n, text);
    return 0;
}

static int read_servers(struct discovery *d, char err[P2P_ERRLEN])
{
    for (const char *at = d->config->etcd; *at;) {
        size_t n = strcspn(at, ", ");

        if (n > 0 && read_server(d, at, n, err))
            return -1;
        at += n;
        at += strspn(at, ", ");
    }
    if (d->n_servers > 0)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "discovery.etcd is empty; allowed: URLs of servers, as in "
             "http://10.0.0.1:2379,http://10.0.0.2:2379");
    return -1;
}

static int check(struct discovery *d, char err[P2P_ERRLEN])
{
    const char *address = d->node->advertised.text, *prefix = d->config->etcd_prefix;

    if (!prefix[0] || strlen(prefix) > ETCD_MOST_PREFIX) {
        snprintf(err, P2P_ERRLEN,
                 "discovery.etcd_prefix has %zu bytes; allowed: 1 to %d, as in /p2pfaas/",
                 strlen(prefix), ETCD_MOST_PREFIX);
        return -1;
    }
    if (strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0) {
        snprintf(err, P2P_ERRLEN,
                 "node.listen is %s and discovery.source is etcd: node.advertise must be the "
                 "address that peers use for this node",
                 d->node->ip);
        return -1;
    }
    snprintf(d->key, sizeof(d->key), "%s%s", prefix, address);
    return read_servers(d, err);
}

static void init_timer(struct discovery *d, ev_timer *w,
                       void (*f)(struct ev_loop *, ev_timer *, int))
{
    ev_init(w, f);
    w->data = d;
}

static void discovery_free(struct discovery *d)
{
    etcd_end_session(d);
    ev_timer_stop(d->loop, &d->grace_timer);
    curl_loop_free(d->curl);
    etcd_members_release(&d->members);
    buf_release(&d->cutter.text);
    free(d->turn.body);
    free(d->beat.body);
    free(d->watch.body);
    free(d->said);
    shared_config_unref(d->owner);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static struct discovery *start(struct node *n, char err[P2P_ERRLEN])
{
    struct discovery *d = calloc(1, sizeof(*d));

    if (!d) {
        snprintf(err, P2P_ERRLEN, "discovery: out of memory");
        return NULL;
    }
    d->node = n;
    d->owner = shared_config_ref(n->config);
    d->config = &d->owner->config.discovery;
    d->loop = n->shards[0].reactor.loop;
    pthread_mutex_init(&d->lock, NULL);
    etcd_members_init(&d->members, n, d->config->etcd_prefix);
    buf_init(&d->cutter.text, ETCD_MOST_OBJECT);
    init_timer(d, &d->timer, on_timer);
    init_timer(d, &d->beat_timer, on_beat);
    init_timer(d, &d->grace_timer, etcd_on_grace);
    d->headers[0] = "Content-Type: application/json";
    if (check(d, err))
        goto fail;
    d->curl = curl_loop_new(&n->shards[0].reactor);
    if (!d->curl) {
        snprintf(err, P2P_ERRLEN, "discovery: no memory or no descriptors for libcurl");
        goto fail;
    }
    etcd_start_timer(d, &d->timer, 0);
    return d;
fail:
    discovery_free(d);
    return NULL;
}

static void leave(struct discovery *d)
{
    bool registered = d->state == ETCD_LIST || d->state == ETCD_WATCH;

    etcd_end_session(d);
    ev_timer_stop(d->loop, &d->grace_timer);
    etcd_set_state(d, ETCD_LEFT);
    if (!registered)
        return; /* its lease runs out */
    etcd_ask(d, &d->turn, "lease/revoke", etcd_write_lease(d->lease.id), NULL);
    d->turn.request.timeout_ns = STOP_NS;
    if (d->turn.body)
        curl_request_start(d->curl, &d->turn.request);
}

static bool gone(const struct discovery *d)
{
    return !curl_request_is_open(&d->turn.request);
}

static void changed(struct discovery *d)
{
    etcd_members_again(&d->members);
    etcd_say_what_changed(d);
}

/* The peer table goes by it already; a lease is not shortened. */
static void evidence(struct discovery *d, const struct endpoint *peer, bool answered)
{
    (void)d;
    (void)peer;
    (void)answered;
}

static void describe(struct discovery *d, struct cJSON *out)
{
    static const char *const states[] = {"waiting", "connecting", "listing", "registered", "left"};
    cJSON *json = cJSON_AddObjectToObject(out, "etcd");

    pthread_mutex_lock(&d->lock);
    cJSON_AddStringToObject(json, "server", d->servers[d->server]);
    cJSON_AddStringToObject(json, "state", states[d->state]);
    cJSON_AddStringToObject(json, "lease", d->lease.id);
    cJSON_AddStringToObject(json, "last_error", d->err);
    pthread_mutex_unlock(&d->lock);
    cJSON_AddStringToObject(json, "key", d->key);
    etcd_members_describe(&d->members, out);
}

const struct discovery_source discovery_etcd = {.name = "etcd",
                                                .start = start,
                                                .leave = leave,
                                                .gone = gone,
                                                .stop = discovery_free,
                                                .changed = changed,
                                                .evidence = evidence,
                                                .describe = describe};
