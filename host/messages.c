#include "host/messages.h"

#include <stdlib.h>
#include <string.h>

#include "host/node.h"
#include "host/wire.h"

enum { PATH = 160 }; /* names have at most 48 letters of a scheduler, 63 of a function */

struct message {
    struct task task;            /* first: takes it to its shard */
    struct message *next, *prev; /* on its shard, or the next in the pool */
    struct shard *shard;
    uint32_t peer;
    char path[PATH];
    struct buf body;
    struct headers headers;
    struct call call;
    struct auth_proof asked;
    struct http_response response;
};

/* The answer to one that was not heard is a sentence. */
static const struct http_limits limits = {.headers = 4096, .body = 4096};

/* ---- memory ---- */

void messages_init(struct messages *m)
{
    pthread_mutex_init(&m->lock, NULL);
    m->idle = NULL;
    m->under_way = 0;
    m->dropped = 0;
}

void messages_release(struct messages *all)
{
    struct message *m;

    while ((m = all->idle)) {
        all->idle = m->next;
        buf_release(&m->body);
        headers_release(&m->headers);
        http_response_release(&m->response);
        free(m);
    }
    pthread_mutex_destroy(&all->lock);
}

static struct message *make(void)
{
    struct message *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    buf_init(&m->body, P2P_MESSAGE_MAX);
    headers_init(&m->headers, limits.headers);
    http_response_init(&m->response, &limits);
    return m;
}

/* NULL when too many are under way, or memory is short. */
static struct message *take(struct messages *all)
{
    struct message *m = NULL;
    bool room;

    pthread_mutex_lock(&all->lock);
    room = all->under_way < MESSAGES_MOST;
    if (room) {
        all->under_way++;
        m = all->idle;
        if (m)
            all->idle = m->next;
    }
    pthread_mutex_unlock(&all->lock);
    if (room && !m && !(m = make())) {
        pthread_mutex_lock(&all->lock);
        all->under_way--;
        pthread_mutex_unlock(&all->lock);
    }
    return m;
}

static void give_back(struct messages *all, struct message *m)
{
    buf_clear(&m->body);
    headers_clear(&m->headers);
    http_response_clear(&m->response);
    pthread_mutex_lock(&all->lock);
    m->next = all->idle;
    all->idle = m;
    all->under_way--;
    pthread_mutex_unlock(&all->lock);
}

/* ---- on its shard ---- */

static void link_open(struct message *m)
{
    struct shard *s = m->shard;

    m->prev = NULL;
    m->next = s->messages;
    if (m->next)
        m->next->prev = m;
    s->messages = m;
}

static void end(struct message *m)
{
    struct shard *s = m->shard;

    if (m->prev)
        m->prev->next = m->next;
    else
        s->messages = m->next;
    if (m->next)
        m->next->prev = m->prev;
    give_back(&s->node->messages, m);
}

static void on_lost(struct message *m, enum call_result result)
{
    struct node *n = m->shard->node;

    metrics_count(&m->shard->metrics, COUNT_MESSAGES_LOST);
    if (result != CALL_NOT_SENT)
        node_saw(n, m->peer, PEER_LOST, m->call.err);
    else if (m->call.unreachable)
        node_saw(n, m->peer, PEER_UNREACHABLE, m->call.err);
}

static void on_answer(struct message *m)
{
    struct node *n = m->shard->node;
    struct p2p_probe said = {.rtt_ns = 0};

    if (m->response.status != MESSAGE_HEARD)
        metrics_count(&m->shard->metrics, COUNT_MESSAGES_REFUSED);
    if (!wire_read_load(&m->response, &said))
        return; /* not the answer of a node that knows of messages */
    peers_heard(&n->peers, m->peer, &said, m->call.answered_ns);
    node_saw(n, m->peer, PEER_ANSWERED, NULL);
}

static void on_told(struct call *c, enum call_result result)
{
    struct message *m = c->owner;
    struct node *n = m->shard->node;

    if (result == CALL_ANSWERED && access_is_answer(n, &peers_get(&n->peers, m->peer)->endpoint,
                                                    &m->asked, &m->response, c->err))
        on_answer(m);
    else
        on_lost(m, result);
    end(m);
}

static void send_it(struct task *t)
{
    struct message *m = (struct message *)t;
    struct shard *s = m->shard;
    struct node *n = s->node;
    const struct endpoint *to = &peers_get(&n->peers, m->peer)->endpoint;

    if (s->reactor.ending) {
        give_back(&n->messages, m);
        return;
    }
    link_open(m);
    m->call = (struct call){
        .method = "POST",
        .path = m->path,
        .headers = &m->headers,
        .body = &m->body,
        .timeout_ns = n->probe_timeout_ns,
        .done = on_told,
        .owner = m,
        .response = &m->response,
    };
    /* Without these, for want of memory, it is refused like a stranger's. */
    wire_write_sender(&m->headers, n);
    headers_add(&m->headers, "Content-Type", "application/octet-stream");
    access_sign_call(n, to, &m->call, &m->headers, &m->asked);
    metrics_count(&s->metrics, COUNT_MESSAGES_SENT);
    upstream_start(s->reactor.upstreams, to, &m->call);
}

void messages_cancel(struct shard *s)
{
    struct message *m;

    while ((m = s->messages)) {
        upstream_cancel(&m->call);
        end(m);
    }
}

/* ---- from the scheduler ---- */

bool messages_tell(struct node *n, uint32_t id, const char *scheduler, const char *function,
                   const void *bytes, uint32_t len)
{
    struct message *m;

    /* A node of the original has no schedulers of ours. */
    if (!peers_is_up_locked(&n->peers, id) || n->peers.all[id]->protocol == PEER_ORIGINAL)
        return false;
    m = take(&n->messages);
    if (!m || buf_append(&m->body, bytes, len)) {
        if (m)
            give_back(&n->messages, m);
        n->messages.dropped++;
        return false;
    }
    snprintf(m->path, sizeof(m->path), "/peer/message/%s%s%s", scheduler,
             function ? "?function=" : "", function ? function : "");
    m->peer = id;
    m->task.run = send_it;
    /* One peer's are on one thread: few connections, and seldom one before another. */
    m->shard = &n->shards[id % n->n_shards];
    reactor_post(&m->shard->reactor, &m->task);
    return true;
}
