/*
 * p2p_exchange.c - asking other nodes for all they know, over HTTP.
 */
#include <stdlib.h>
#include <string.h>

#include "host/discovery/p2p.h"
#include "host/log.h"
#include "host/proof.h"

enum { KEPT_BYTES = 4096 };
static const uint64_t ANSWER_NS = 5000000000;

struct outgoing {
    struct outgoing *next;
    struct discovery *d;
    struct swim_address to;
    struct headers headers; /* the proof */
    struct auth_proof asked;
    struct buf body;
    struct call call;
    struct http_response response;
};

static const struct http_limits limits = {.headers = 4096, .body = P2P_STATE_BYTES};

static struct outgoing *outgoing_new(struct discovery *d)
{
    struct outgoing *o = d->idle;

    if (o) {
        d->idle = o->next;
    } else {
        o = calloc(1, sizeof(*o));
        if (!o)
            return NULL;
        headers_init(&o->headers, PROOF_BYTES);
        buf_init(&o->body, P2P_STATE_BYTES);
        http_response_init(&o->response, &limits);
    }
    o->d = d;
    o->next = d->open;
    d->open = o;
    return o;
}

/* Takes it off the open ones. */
static void outgoing_end(struct outgoing *o)
{
    struct discovery *d = o->d;
    struct outgoing **at;

    for (at = &d->open; *at != o; at = &(*at)->next)
        ;
    *at = o->next;
    headers_clear(&o->headers);
    buf_clear(&o->body);
    buf_trim(&o->body, KEPT_BYTES);
    http_response_clear(&o->response);
    o->next = d->idle;
    d->idle = o;
}

void p2p_cancel_exchanges(struct discovery *d)
{
    struct outgoing *o;

    while ((o = d->open)) {
        upstream_cancel(&o->call);
        outgoing_end(o);
    }
    while ((o = d->idle)) {
        d->idle = o->next;
        headers_release(&o->headers);
        buf_release(&o->body);
        http_response_release(&o->response);
        free(o);
    }
}

/* Whoever does not know the path is of the original, which cannot prove who it is. */
static void take_original(struct outgoing *o)
{
    struct discovery *d = o->d;
    char where[SWIM_ADDRESS_TEXT], ip[INET6_ADDRSTRLEN];

    if (o->to.port != d->config->discovery.port) {
        log_event(LOG_WARN, "it answers, but not as discovery does: is that its discovery.port?",
                  LOG_STR("address", swim_address_text(&o->to, where)));
        return;
    }
    if (d->node->access.auth) {
        log_event(LOG_WARN,
                  "a node of the original P2PFaaS cannot be in a cluster with security.secret",
                  LOG_STR("address", swim_address_text(&o->to, where)));
        return;
    }
    p2p_ip(&o->to, ip);
    if (!p2p_lives_at(d, ip))
        originals_add(d->originals, ip, NULL);
}

static void take_answer(struct outgoing *o, enum call_result result)
{
    struct discovery *d = o->d;
    struct http_response *r = &o->response;
    char err[P2P_ERRLEN] = "", where[SWIM_ADDRESS_TEXT];
    struct endpoint from;

    p2p_endpoint(&o->to, o->to.port, &from);
    if (result == CALL_ANSWERED && r->status == 200 &&
        access_is_answer(d->node, &from, &o->asked, r, err)) {
        if (swim_merge_state(d->swim, &o->to, r->body.data, r->body.len, clock_ns(), err))
            log_event(LOG_WARN, "what a member told could not all be read",
                      LOG_STR("address", swim_address_text(&o->to, where)), LOG_STR("why", err));
        return;
    }
    if (result == CALL_ANSWERED && (r->status == 404 || r->status == 405))
        take_original(o);
    else
        log_event(LOG_INFO, "no exchange with a node",
                  LOG_STR("address", swim_address_text(&o->to, where)),
                  LOG_INT("status", o->call.status), LOG_STR("why", err[0] ? err : o->call.err));
    swim_exchange_failed(d->swim, &o->to, clock_ns());
}

static void on_answer(struct call *c, enum call_result result)
{
    struct outgoing *o = c->owner;
    struct discovery *d = o->d;

    pthread_mutex_lock(&d->lock);
    take_answer(o, result);
    outgoing_end(o);
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
}

void p2p_on_exchange(void *ctx, const struct swim_address *to, enum swim_want want)
{
    struct discovery *d = ctx;
    struct outgoing *o = outgoing_new(d);
    struct endpoint e;

    if (!o)
        return; /* the detector's own time limit ends it */
    o->to = *to;
    p2p_endpoint(to, to->port, &e);
    o->call = (struct call){
        .method = "POST",
        .path = "/exchange",
        .headers = &o->headers,
        .body = &o->body,
        .timeout_ns = ANSWER_NS,
        .done = on_answer,
        .owner = o,
        .response = &o->response,
    };
    if (swim_write_state(d->swim, want, &o->body) ||
        access_sign_call(d->node, &e, &o->call, &o->headers, &o->asked)) {
        outgoing_end(o);
        return;
    }
    upstream_start(d->node->shards[0].reactor.upstreams, &e, &o->call);
}

int p2p_add_seed(struct discovery *d, const char *seed, char err[P2P_ERRLEN])
{
    struct swim_address address;
    struct endpoint e;

    if (endpoint_parse(&e, seed, (uint16_t)d->config->discovery.port, err))
        return -1;
    p2p_address(&address, &e);
    return swim_join(d->swim, &address, err);
}

void p2p_on_named(void *ctx, const struct endpoint *e)
{
    struct discovery *d = ctx;
    char err[P2P_ERRLEN];

    pthread_mutex_lock(&d->lock);
    if (p2p_add_seed(d, e->text, err))
        log_event(LOG_WARN, "what a seed's name stands for cannot be joined", LOG_STR("why", err));
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
}

/* An original told of it: it may be of either kind. */
void p2p_on_found(void *ctx, const char *ip)
{
    struct discovery *d = ctx;
    char err[P2P_ERRLEN];

    if (originals_has(d->originals, ip) || p2p_lives_at(d, ip))
        return;
    if (p2p_add_seed(d, ip, err))
        log_event(LOG_DEBUG, "an address that a node told cannot be joined", LOG_STR("why", err));
    p2p_schedule(d);
}

/* ---- what POST /configuration says ---- */

int p2p_tell_seed(struct discovery *d, const char *seed, char err[P2P_ERRLEN])
{
    for (unsigned i = 0; i < d->n_told; i++)
        if (strcmp(d->told[i], seed) == 0)
            return 0;
    if (d->n_told == P2P_TOLD) {
        snprintf(err, P2P_ERRLEN, "'%.60s': there are %d of them already", seed, P2P_TOLD);
        return -1;
    }
    if (p2p_add_seed(d, seed, err))
        return -1;
    d->told[d->n_told] = strdup(seed);
    d->n_told += d->told[d->n_told] != NULL;
    d->changed = true;
    return 0;
}

void p2p_tell_group(struct discovery *d, const char *group)
{
    struct swim_self self;
    char err[P2P_ERRLEN];

    snprintf(d->group, sizeof(d->group), "%s", group);
    originals_set_group(d->originals, d->group);
    p2p_describe_self(d, &self);
    if (swim_set_self(d->swim, &self, err))
        log_event(LOG_WARN, "the group is not told to others", LOG_STR("why", err));
    d->group_told = d->changed = true;
}
