/*
 * forward.c - the ways out to peers: a job handed over, a load asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "host/access.h"
#include "host/ingress.h"
#include "host/log.h"
#include "host/proof.h"
#include "host/translate.h"
#include "host/wire.h"
#include "host/world.h"

void node_saw(struct node *n, uint32_t id, enum peer_evidence what, const char *why)
{
    const struct peer *peer = peers_get(&n->peers, id);
    bool changed = peers_evidence(&n->peers, id, what, clock_ns());

    /* That a peer which is up has answered is no news. */
    if (!changed && what == PEER_ANSWERED)
        return;
    discovery_evidence(n, &peer->endpoint, what == PEER_ANSWERED);
    if (!changed)
        return;
    if (what == PEER_ANSWERED)
        log_event(LOG_INFO, "peer is up", LOG_STR("peer", peer->name));
    else
        log_event(LOG_WARN, "peer is down", LOG_STR("peer", peer->name), LOG_STR("why", why));
}

/* ---- forward ---- */

/* Nobody ran it: the scheduler chooses again. */
static void choose_again(struct job *j)
{
    metrics_count(&j->x.shard->metrics, COUNT_FORWARDS_REFUSED);
    http_response_clear(&j->x.response);
    j->forwarded_to = P2P_NONE;
    j->stage = JOB_DECIDING;
    decision_refused(&j->decision);
}

static void on_unknown_fate(struct job *j, int status, const char *why)
{
    metrics_count(&j->x.shard->metrics, COUNT_FORWARDS_FAILED);
    if (j->function->config->idempotent) {
        choose_again(j);
        return;
    }
    j->may_have_run = true;
    job_fail(j, P2P_OUT_FAILED, status, CODE_NOT_FORWARDED,
             "Job cannot be forwarded to neighbor %s: %s; it may have run there, and function '%s' "
             "is not idempotent",
             peers_get(&j->x.shard->node->peers, j->forwarded_to)->name, why,
             j->function->config->name);
}

static void on_answer(struct job *j, uint32_t peer)
{
    struct shard *s = j->x.shard;
    struct p2p_probe said = {.rtt_ns = 0};
    char why[P2P_ERRLEN] = "its answer has no X-P2pfaas-Outcome";
    enum wire_outcome outcome;

    if (!access_is_answer(s->node, &peers_get(&s->node->peers, peer)->endpoint, &j->asked,
                          &j->x.response, why)) {
        node_saw(s->node, peer, PEER_LOST, why);
        on_unknown_fate(j, 502, why);
        return;
    }
    if (wire_read_load(&j->x.response, &said))
        peers_heard(&s->node->peers, peer, &said, clock_ns());
    outcome = j->translated ? translate_reply(j, why) : wire_read_outcome(&j->x.response);
    if (outcome == WIRE_RAN || outcome == WIRE_FAILED)
        wire_read_times(j);
    if (outcome != WIRE_FOREIGN)
        node_saw(s->node, peer, PEER_ANSWERED, NULL);
    switch (outcome) {
    case WIRE_REFUSED:
        choose_again(j);
        return;
    case WIRE_FOREIGN:
        on_unknown_fate(j, 502, why);
        return;
    case WIRE_FAILED:
        j->may_have_run = true;
        job_finish(j, P2P_OUT_FAILED, RAN_ON_PEER);
        return;
    case WIRE_RAN:
        job_finish(j, P2P_OUT_FORWARDED, RAN_ON_PEER);
        return;
    }
}

static void on_forwarded(struct call *c, enum call_result result)
{
    struct job *j = c->owner;
    struct node *n = j->x.shard->node;
    uint32_t peer = j->forwarded_to;

    peers_inflight(&n->peers, peer, -1);
    switch (result) {
    case CALL_ANSWERED:
        on_answer(j, peer);
        return;
    case CALL_NOT_SENT:
        if (c->unreachable)
            node_saw(n, peer, PEER_UNREACHABLE, c->err);
        choose_again(j);
        return;
    case CALL_LOST:
        /* An original node closes without a word when a function fails. */
        if (!j->translated)
            node_saw(n, peer, PEER_LOST, c->err);
        on_unknown_fate(j, 502, c->err);
        return;
    /* An answer that cannot be used, or a job that takes long, is not the peer's end. */
    case CALL_BAD:
        on_unknown_fate(j, 502, c->err);
        return;
    case CALL_TIMEOUT:
        on_unknown_fate(j, 504, c->err);
        return;
    }
}

/* What goes to the peer beside or in place of the request, and room for the answer. */
static int write_request(struct job *j, const struct peer *peer)
{
    struct shard *s = j->x.shard;

    j->translated = peer->protocol == PEER_ORIGINAL;
    j->x.response.body.limit = j->translated ? original_limit(s->limits.body) : s->limits.body;
    if (!j->translated)
        return wire_write_request(j);
    if (translate_fits(j))
        return translate_forward(j, peer);
    metrics_count(&s->metrics, COUNT_FORWARDS_UNFIT);
    return -1;
}

void job_forward(struct job *j, uint32_t id)
{
    struct shard *s = j->x.shard;
    const struct peer *peer = peers_get(&s->node->peers, id);
    uint64_t now = clock_ns();

    j->forwarded_to = id;
    /* A node of the original cannot prove that its answer is its own. */
    if (!peer || (s->node->access.auth && peer->protocol == PEER_ORIGINAL) ||
        j->hops >= s->node->max_hops || write_request(j, peer)) {
        choose_again(j);
        return;
    }
    j->stage = JOB_FORWARDED;
    snprintf(j->path, sizeof(j->path), "/peer/function/%s", j->function->config->name);
    http_response_clear(&j->x.response);
    j->call = (struct call){
        .method = j->translated ? "POST" : j->x.request.method,
        .path = j->path,
        .path_tail = j->x.request.target.data,
        .path_tail_len = j->x.request.target.len,
        .headers = j->translated ? NULL : &j->x.request.headers,
        .headers2 = &j->peer_headers,
        .whole_head = j->translated,
        .body = j->translated ? &j->translation : &j->x.request.body,
        .started_ns = now,
        .timeout_ns = j->deadline_ns > now ? j->deadline_ns - now : 1,
        .done = on_forwarded,
        .owner = j,
        .response = &j->x.response,
    };
    if (access_sign_call(s->node, &peer->endpoint, &j->call, &j->peer_headers, &j->asked)) {
        choose_again(j);
        return;
    }
    metrics_count(&s->metrics, COUNT_FORWARDS_SENT);
    peers_inflight(&s->node->peers, id, 1);
    upstream_start(s->reactor.upstreams, &peer->endpoint, &j->call);
}

/* ---- probes ---- */

/* A probe outlives the decision that asked: its answer is still news of the peer,
 * and the connection stays whole. */
struct probe {
    struct probe *next;            /* in the job's list or the pool */
    struct probe *later, *earlier; /* on its shard, while it is open */
    struct shard *shard;
    struct job *job; /* NULL: nobody waits any more */
    uint32_t round, slot, peer;
    struct call call;
    struct headers headers; /* the proof, or all that an original is sent */
    struct auth_proof asked;
    struct http_response response;
};

static const struct http_limits probe_limits = {.headers = 4096, .body = 4096};

static struct probe *probe_new(struct shard *s)
{
    struct probe *p = s->idle_probes;

    if (p) {
        s->idle_probes = p->next;
        headers_clear(&p->headers);
        http_response_clear(&p->response);
        return p;
    }
    p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->shard = s;
    headers_init(&p->headers, probe_limits.headers);
    http_response_init(&p->response, &probe_limits);
    return p;
}

static void link_open(struct probe *p)
{
    struct shard *s = p->shard;

    p->later = NULL;
    p->earlier = s->open_probes;
    if (p->earlier)
        p->earlier->later = p;
    s->open_probes = p;
}

static void probe_free(struct probe *p)
{
    struct shard *s = p->shard;

    if (p->later)
        p->later->earlier = p->earlier;
    else
        s->open_probes = p->earlier;
    if (p->earlier)
        p->earlier->later = p->later;
    p->next = s->idle_probes;
    s->idle_probes = p;
}

void probes_cancel(struct shard *s)
{
    struct probe *p;

    while ((p = s->open_probes)) {
        upstream_cancel(&p->call);
        probe_free(p);
    }
}

void probes_release(struct shard *s)
{
    struct probe *p;

    while ((p = s->idle_probes)) {
        s->idle_probes = p->next;
        headers_release(&p->headers);
        http_response_release(&p->response);
        free(p);
    }
}

void job_forget_probes(struct job *j)
{
    for (struct probe *p = j->probes; p; p = p->next)
        p->job = NULL;
    j->probes = NULL;
}

static void leave_job(struct probe *p)
{
    struct probe **at;

    for (at = &p->job->probes; *at != p; at = &(*at)->next)
        ;
    *at = p->next;
}

static void on_probed(struct call *c, enum call_result result)
{
    struct probe *p = c->owner;
    struct node *n = p->shard->node;
    struct job *j = p->job;
    struct p2p_probe said = {.rtt_ns = c->answered_ns - c->started_ns};
    uint32_t status = P2P_PROBE_GONE;
    static const enum counter counters[] = {[P2P_PROBE_OK] = COUNT_PROBES_OK,
                                            [P2P_PROBE_TIMEOUT] = COUNT_PROBES_TIMEOUT,
                                            [P2P_PROBE_GONE] = COUNT_PROBES_GONE};

    if (result == CALL_ANSWERED &&
        access_is_answer(n, &peers_get(&n->peers, p->peer)->endpoint, &p->asked, &p->response,
                         c->err) &&
        wire_read_load(&p->response, &said)) {
        status = P2P_PROBE_OK;
        peers_heard(&n->peers, p->peer, &said, c->answered_ns);
        node_saw(n, p->peer, PEER_ANSWERED, NULL);
    } else if (result == CALL_TIMEOUT) {
        status = P2P_PROBE_TIMEOUT;
        node_saw(n, p->peer, PEER_LOST, c->err);
    } else {
        if (result != CALL_NOT_SENT)
            node_saw(n, p->peer, PEER_LOST, c->err);
        else if (c->unreachable)
            node_saw(n, p->peer, PEER_UNREACHABLE, c->err);
    }
    metrics_count(&p->shard->metrics, counters[status]);
    if (j)
        leave_job(p);
    {
        uint32_t round = p->round, slot = p->slot;

        probe_free(p);
        if (j)
            decision_probed(&j->decision, round, slot, status, said.load, said.queue, said.slots,
                            said.rtt_ns);
    }
}

static void ask(struct probe *p, const struct peer *peer)
{
    bool whole_head = peer->protocol == PEER_ORIGINAL && translate_probe(&p->headers, peer) == 0;

    p->peer = peer->id;
    link_open(p);
    p->call = (struct call){
        .method = "GET",
        .path = "/monitoring/load",
        .headers = &p->headers,
        .whole_head = whole_head,
        .timeout_ns = p->shard->node->probe_timeout_ns,
        .done = on_probed,
        .owner = p,
        .response = &p->response,
    };
    /* Without its proof, for want of memory, it is refused like a stranger's. */
    access_sign_call(p->shard->node, &peer->endpoint, &p->call, &p->headers, &p->asked);
    upstream_start(p->shard->reactor.upstreams, &peer->endpoint, &p->call);
}

void job_probe(struct job *j, uint32_t round, uint32_t n)
{
    struct shard *s = j->x.shard;

    for (uint32_t i = 0; i < n; i++) {
        const struct p2p_probe *slot = &j->decision.rq.probe[i];
        const struct peer *peer;
        struct probe *p;

        if (slot->status != P2P_PROBE_PENDING)
            continue;
        peer = peers_get(&s->node->peers, slot->peer);
        p = peer ? probe_new(s) : NULL;
        if (!p)
            continue; /* stays pending: the decision's own timer ends it */
        p->job = j;
        p->round = round;
        p->slot = i;
        p->next = j->probes;
        j->probes = p;
        ask(p, peer);
    }
}

void peers_revive(struct shard *s)
{
    enum { AT_ONCE = 64 };
    uint32_t ids[AT_ONCE];
    uint32_t n = peers_due(&s->node->peers, clock_ns(), ids, AT_ONCE);

    for (uint32_t i = 0; i < n; i++) {
        struct probe *p = probe_new(s);

        if (!p)
            return;
        p->job = NULL;
        ask(p, peers_get(&s->node->peers, ids[i]));
    }
}
