#include "host/discovery/p2p.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "host/log.h"
#include "host/proof.h"
#include "host/route.h"

enum { DATAGRAMS_A_TURN = 64, CONNECTIONS = 1024 };

/* ---- datagrams ---- */

static void on_send(void *ctx, const struct swim_address *to, const void *data, size_t len)
{
    struct discovery *d = ctx;
    struct auth *auth = d->node->access.auth;
    unsigned char sealed[SWIM_DATAGRAM_MOST];
    struct endpoint e;

    p2p_endpoint(to, to->port, &e);
    if (auth) {
        memcpy(sealed, data, len);
        len = auth_seal(auth, e.text, sealed, len, sizeof(sealed), proof_now_ms());
        data = sealed;
    }
    /* A datagram that cannot be sent is a lost one. */
    (void)sendto(d->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&e.address,
                 e.length);
}

/* The length of what a datagram says, or -1 when it is none of the cluster's. */
static ssize_t open_seal(struct discovery *d, const void *data, ssize_t n,
                         const struct endpoint *from)
{
    struct auth *auth = d->node->access.auth;
    struct auth_finding f;

    if (!auth)
        return n;
    n = auth_open(auth, d->own, data, (size_t)n, proof_now_ms(), &f);
    if (n < 0)
        access_refused(d->node, &f, (const struct sockaddr *)&from->address);
    return n;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct discovery *d = w->data;

    (void)loop;
    (void)events;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
        unsigned char data[SWIM_DATAGRAM_MOST];
        struct endpoint from = {.length = sizeof(from.address)};
        struct swim_address address;
        ssize_t n = recvfrom(d->fd, data, sizeof(data), MSG_DONTWAIT,
                             (struct sockaddr *)&from.address, &from.length);

        if (n < 0)
            break;
        n = open_seal(d, data, n, &from);
        if (n < 0)
            continue;
        p2p_address(&address, &from);
        swim_receive(d->swim, &address, data, (size_t)n, clock_ns());
    }
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
}

/* The UDP socket and the listener of the same address.  0 or -1. */
static int open_port(struct discovery *d, char err[P2P_ERRLEN])
{
    static const char keys[] = "node.listen and discovery.port";
    struct node *n = d->node;
    struct shard *s = &n->shards[0];
    struct endpoint at;
    int fd;

    if (endpoint_parse(&at, d->config->node.listen, (uint16_t)d->config->discovery.port, err))
        return -1;
    d->fd = socket(at.address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0 || bind(d->fd, (struct sockaddr *)&at.address, at.length)) {
        snprintf(err, P2P_ERRLEN, "cannot open UDP port %s: %s; see %s", at.text, strerror(errno),
                 keys);
        return -1;
    }
    s->listener[SHARD_DISCOVERY].body = P2P_STATE_BYTES;
    fd = listener_open(&at, false, keys, err);
    if (fd < 0 ||
        listener_start(&s->listener[SHARD_DISCOVERY], s, &p2p_routes, fd, CONNECTIONS, err))
        return -1;
    ev_io_init(&d->readable, on_readable, d->fd, EV_READ);
    d->readable.data = d;
    ev_io_start(s->reactor.loop, &d->readable);
    return 0;
}

/* ---- time ---- */

void p2p_schedule(struct discovery *d)
{
    struct ev_loop *loop = d->node->shards[0].reactor.loop;
    uint64_t now = clock_ns(), next = swim_next(d->swim);

    ev_now_update(loop);
    ev_timer_stop(loop, &d->due);
    ev_timer_set(&d->due, next > now ? (double)(next - now) / 1e9 : 0, 0);
    ev_timer_start(loop, &d->due);
}

static void on_due(struct ev_loop *loop, ev_timer *w, int events)
{
    struct discovery *d = w->data;
    const struct slots *slots = &d->node->slots;

    (void)loop;
    (void)events;
    pthread_mutex_lock(&d->lock);
    swim_set_load(d->swim, slots->running, slots->queued, slots->limit);
    swim_tick(d->swim, clock_ns());
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
}

static void on_second(struct ev_loop *loop, ev_timer *w, int events)
{
    struct discovery *d = w->data;
    struct swim_self self;
    char err[P2P_ERRLEN];

    (void)loop;
    (void)events;
    pthread_mutex_lock(&d->lock);
    originals_poll(d->originals, clock_ns());
    names_poll(d->names, clock_ns());
    p2p_describe_self(d, &self);
    /* POST /configuration may have changed the slots. */
    if (self.slots != swim_self(d->swim)->slots && swim_set_self(d->swim, &self, err))
        log_event(LOG_WARN, "discovery keeps the old slots", LOG_STR("why", err));
    if (d->changed)
        p2p_save(d);
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
}

/* ---- life ---- */

static void stop(struct discovery *d)
{
    struct shard *s = &d->node->shards[0];

    ev_timer_stop(s->reactor.loop, &d->due);
    ev_timer_stop(s->reactor.loop, &d->second);
    ev_io_stop(s->reactor.loop, &d->readable);
    listener_stop(&s->listener[SHARD_DISCOVERY]);
    p2p_cancel_exchanges(d);
    p2p_save_end(d);
    if (d->swim && (d->changed || d->saving.failed)) {
        p2p_save(d);
        p2p_save_end(d);
    }
    for (unsigned i = 0; i < d->n_told; i++)
        free(d->told[i]);
    names_free(d->names);
    originals_free(d->originals);
    if (d->swim)
        swim_free(d->swim);
    if (d->fd >= 0)
        close(d->fd);
    shared_config_unref(d->owner);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static int make_detector(struct discovery *d, const cJSON *saved, char err[P2P_ERRLEN])
{
    static const struct swim_callbacks callbacks = {.send = on_send,
                                                    .exchange = p2p_on_exchange,
                                                    .changed = p2p_on_changed,
                                                    .heard = p2p_on_heard,
                                                    .conflict = p2p_on_conflict,
                                                    .full = p2p_on_full,
                                                    .gone = p2p_on_gone};
    const struct discovery_config *c = &d->config->discovery;
    struct swim_settings settings;
    struct swim_self self;
    uint64_t seed = clock_ns();

    swim_defaults(&settings);
    settings.probe_interval_ms = (uint32_t)(c->probe_interval / 1000000);
    settings.probe_timeout_ms = (uint32_t)(c->probe_timeout / 1000000);
    p2p_describe_self(d, &self);
    /* Above any that it had: a clock that was set back is mended by what was saved. */
    self.incarnation = p2p_saved_incarnation(saved) + 1;
    if (self.incarnation < (uint32_t)time(NULL))
        self.incarnation = (uint32_t)time(NULL);
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed ^= (uint64_t)getpid() << 32;
    d->swim = swim_new(&settings, &self, &callbacks, d, seed, clock_ns(), err);
    return d->swim ? p2p_set_functions(d, err) : -1;
}

static int join_seeds(struct discovery *d, char err[P2P_ERRLEN])
{
    const struct discovery_config *c = &d->config->discovery;

    for (unsigned i = 0; i < c->n_seeds; i++) {
        const struct peer_config *seed = &c->seed[i];

        if (seed->endpoint.length ? p2p_add_seed(d, seed->endpoint.text, err)
                                  : names_add(d->names, seed->address, (uint16_t)c->port, err))
            return -1;
    }
    return 0;
}

static struct discovery *start(struct node *n, char err[P2P_ERRLEN])
{
    static const struct names_calls calls = {names_ask_system, p2p_answers, p2p_on_named};
    struct discovery *d = calloc(1, sizeof(*d));
    const struct config *c;
    struct swim_self self;
    struct endpoint own;
    cJSON *saved = NULL;

    if (!d) {
        snprintf(err, P2P_ERRLEN, "discovery: out of memory");
        return NULL;
    }
    d->node = n;
    d->owner = shared_config_ref(n->config);
    d->config = c = &d->owner->config;
    d->fd = -1;
    pthread_mutex_init(&d->lock, NULL);
    snprintf(d->group, sizeof(d->group), "%s", c->discovery.group);
    p2p_describe_self(d, &self);
    p2p_endpoint(&self.address, self.address.port, &own);
    snprintf(d->own, sizeof(d->own), "%s", own.text);
    if (c->node.data_dir[0])
        snprintf(d->saved_to, sizeof(d->saved_to), "%s/members.json", c->node.data_dir);
    ev_timer_init(&d->due, on_due, 0, 0);
    ev_timer_init(&d->second, on_second, 1, 1);
    d->due.data = d->second.data = d;
    saved = p2p_read_saved(d);
    d->originals = originals_new(n, c, &d->lock, d->group, p2p_on_found, d);
    d->names = names_new(&n->shards[0].reactor, n->advertised.address.ss_family, &calls, d);
    n->discovery = d; /* who calls as the port opens is answered before this returns */
    if (!d->originals || !d->names || make_detector(d, saved, err) || join_seeds(d, err) ||
        open_port(d, err)) {
        if (!d->originals || !d->names)
            snprintf(err, P2P_ERRLEN, "discovery: out of memory");
        d->changed = false;
        stop(d);
        d = NULL;
        goto end;
    }
    p2p_restore(d, saved);
    names_poll(d->names, clock_ns());
    ev_timer_start(n->shards[0].reactor.loop, &d->second);
    p2p_schedule(d);
    log_event(LOG_INFO, "discovery listens", LOG_STR("address", c->node.listen),
              LOG_INT("port", c->discovery.port), LOG_INT("seeds", c->discovery.n_seeds));
end:
    cJSON_Delete(saved);
    return d;
}

static void leave(struct discovery *d)
{
    pthread_mutex_lock(&d->lock);
    swim_leave(d->swim, clock_ns());
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
}

static bool gone(const struct discovery *d)
{
    return swim_gone(d->swim);
}

static void changed(struct discovery *d)
{
    struct swim_self self;
    char err[P2P_ERRLEN] = "";

    pthread_mutex_lock(&d->lock);
    p2p_describe_self(d, &self);
    if (swim_set_self(d->swim, &self, err) || p2p_set_functions(d, err))
        log_event(LOG_WARN, "discovery goes on with what it had", LOG_STR("why", err));
    p2p_publish(d);
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
}

static void evidence(struct discovery *d, const struct endpoint *peer, bool answered)
{
    const struct swim_member *m;

    pthread_mutex_lock(&d->lock);
    m = p2p_member_at(d, peer);
    if (m) {
        struct swim_address address = m->address;

        swim_evidence(d->swim, &address, answered ? SWIM_ANSWERED : SWIM_FAILED, clock_ns());
        p2p_schedule(d);
    }
    pthread_mutex_unlock(&d->lock);
}

const struct discovery_source discovery_p2p = {
    .name = "p2p",
    .start = start,
    .leave = leave,
    .gone = gone,
    .stop = stop,
    .changed = changed,
    .evidence = evidence,
    .describe = p2p_describe,
    .measure = p2p_measure,
};
