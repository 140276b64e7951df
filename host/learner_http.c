#include "host/learner_http.h"

#include <stdlib.h>
#include <string.h>

#include "host/log.h"
#include "host/node.h"

enum { PATH = 1024, POOLED = 64, KEEP = 4096 };
static const uint64_t LONGEST_NS = UINT64_C(3600000000000);

struct outcall {
    struct task task;     /* first: takes it to its shard */
    struct outcall *next; /* in the pool */
    struct shard *shard;
    uint64_t learner, tag, asked_ns;
    size_t counted; /* bytes */
    struct endpoint to;
    const char *method; /* static text */
    char path[PATH];
    struct headers headers;
    struct buf body, lines; /* lines: the answer's header fields, as text */
    struct call call;
    struct http_response response;
};

static const struct http_limits limits = {.headers = LEARNER_HTTP_HEADERS, .body = P2P_HTTP_MAX};

/* ---- memory ---- */

void learner_http_init(struct learner_http *all)
{
    memset(all, 0, sizeof(*all));
    pthread_mutex_init(&all->lock, NULL);
}

void learner_http_close(struct learner_http *all)
{
    pthread_mutex_lock(&all->lock);
    all->closed = true;
    pthread_mutex_unlock(&all->lock);
}

static struct outcall *make(void)
{
    struct outcall *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    headers_init(&o->headers, limits.headers);
    buf_init(&o->body, P2P_HTTP_MAX);
    buf_init(&o->lines, (size_t)2 * LEARNER_HTTP_HEADERS);
    http_response_init(&o->response, &limits);
    return o;
}

static void destroy(struct outcall *o)
{
    headers_release(&o->headers);
    buf_release(&o->body);
    buf_release(&o->lines);
    http_response_release(&o->response);
    free(o);
}

void learner_http_release(struct learner_http *all)
{
    struct outcall *o;

    while ((o = all->idle)) {
        all->idle = o->next;
        destroy(o);
    }
    pthread_mutex_destroy(&all->lock);
}

/* NULL when too many are under way, or memory is short. */
static struct outcall *take(struct learner_http *all, size_t bytes)
{
    struct outcall *o = NULL;
    bool room;

    pthread_mutex_lock(&all->lock);
    room = !all->closed && all->under_way < LEARNER_HTTP_MOST &&
           bytes <= LEARNER_HTTP_BYTES - all->bytes;
    if (room) {
        all->under_way++;
        all->bytes += bytes;
        o = all->idle;
        if (o) {
            all->idle = o->next;
            all->n_idle--;
        }
    }
    pthread_mutex_unlock(&all->lock);
    if (room && !o && !(o = make())) {
        pthread_mutex_lock(&all->lock);
        all->under_way--;
        all->bytes -= bytes;
        pthread_mutex_unlock(&all->lock);
    }
    if (o)
        o->counted = bytes;
    return o;
}

static void give_back(struct learner_http *all, struct outcall *o)
{
    bool kept;

    headers_clear(&o->headers);
    buf_clear(&o->body);
    buf_clear(&o->lines);
    buf_trim(&o->body, KEEP);
    buf_trim(&o->lines, KEEP);
    http_response_clear(&o->response);
    pthread_mutex_lock(&all->lock);
    all->under_way--;
    all->bytes -= o->counted;
    kept = all->n_idle < POOLED;
    if (kept) {
        o->next = all->idle;
        all->idle = o;
        all->n_idle++;
    }
    pthread_mutex_unlock(&all->lock);
    if (!kept)
        destroy(o);
}

/* ---- on its shard ---- */

static const char *write_lines(struct outcall *o)
{
    const char *name, *value, *text;
    size_t at = 0;

    while (headers_next(&o->response.headers, &at, &name, &value))
        if (buf_printf(&o->lines, "%s: %s\r\n", name, value))
            return "";
    text = buf_text(&o->lines);
    return text ? text : "";
}

static void end(struct outcall *o, const char *why)
{
    struct node *n = o->shard->node;
    bool answered = why == NULL;
    struct p2p_http_answer answer = {.size = sizeof(answer),
                                     .status = answered ? (uint32_t)o->response.status : 0,
                                     .tag = o->tag,
                                     .took_ns = clock_ns() - o->asked_ns,
                                     .error = answered ? "" : why,
                                     .headers = answered ? write_lines(o) : "",
                                     .body = answered ? o->response.body.data : NULL,
                                     .body_len = answered ? o->response.body.len : 0};

    n->learner_http.lost += !answered;
    engine_answered(n->engine, o->learner, &answer);
    give_back(&n->learner_http, o);
}

static void on_done(struct call *c, enum call_result result)
{
    end(c->owner, result == CALL_ANSWERED ? NULL : c->err);
}

static void send_it(struct task *t)
{
    struct outcall *o = (struct outcall *)t;
    struct reactor *r = &o->shard->reactor;

    if (r->ending) {
        end(o, "the node is stopping");
        return;
    }
    upstream_start(r->upstreams, &o->to, &o->call);
}

/* ---- from the learner ---- */

/* "http://192.0.2.7:19020/act" */
static const char *read_url(struct outcall *o, const char *url, char err[P2P_ERRLEN])
{
    static const char scheme[] = "http://";
    char host[64];
    const char *path;
    size_t len;

    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return "it does not begin with http://";
    url += sizeof(scheme) - 1;
    len = strcspn(url, "/?#");
    path = url + len;
    if (len >= sizeof(host) || path[0] == '?' || path[0] == '#')
        return "its host is no numeric address";
    snprintf(host, sizeof(host), "%.*s", (int)len, url);
    if (endpoint_parse(&o->to, host, 80, err))
        return err;
    if (strlen(path) >= sizeof(o->path) || !http_is_target(path, strlen(path)))
        return "its path is too long, or has blanks";
    snprintf(o->path, sizeof(o->path), "%s", path[0] ? path : "/");
    return NULL;
}

static bool read_header(struct outcall *o, const char *line)
{
    const char *colon = strchr(line, ':');
    size_t len = colon ? (size_t)(colon - line) : 0;

    if (!colon || header_is_hop_by_hop(line, len))
        return false;
    return headers_addn(&o->headers, line, len, colon + 1 + strspn(colon + 1, " "),
                        strlen(colon + 1 + strspn(colon + 1, " "))) == 0;
}

/* Why it cannot be sent, or NULL. */
static const char *read_request(struct outcall *o, const struct p2p_http_request *rq,
                                char err[P2P_ERRLEN])
{
    o->method = rq->method ? http_method(rq->method) : NULL;
    if (!o->method)
        return "there is no such method";
    if (rq->timeout_ns == 0 || rq->timeout_ns > LONGEST_NS)
        return "it has no time limit, or one of more than an hour";
    if (rq->body_len && buf_append(&o->body, rq->body, rq->body_len))
        return "its body is too long";
    for (const char *const *h = rq->headers; h && *h; h++)
        if (!read_header(o, *h))
            return "its header fields are not \"Name: value\", or too long";
    return read_url(o, rq->url ? rq->url : "", err);
}

bool learner_http_send(struct node *n, uint64_t learner, const struct p2p_http_request *rq)
{
    struct learner_http *all = &n->learner_http;
    struct outcall *o = rq->body_len <= P2P_HTTP_MAX ? take(all, rq->body_len) : NULL;
    char err[P2P_ERRLEN];
    const char *wrong;

    if (!o) {
        all->refused++;
        return false;
    }
    wrong = read_request(o, rq, err);
    if (wrong) {
        log_event(LOG_DEBUG, "a request of the learner is not sent",
                  LOG_STR("url", rq->url ? rq->url : ""), LOG_STR("why", wrong));
        give_back(all, o);
        all->refused++;
        return false;
    }
    o->learner = learner;
    o->tag = rq->tag;
    o->asked_ns = clock_ns();
    o->call = (struct call){.method = o->method,
                            .path = o->path,
                            .headers = &o->headers,
                            .body = &o->body,
                            .started_ns = o->asked_ns,
                            .timeout_ns = rq->timeout_ns,
                            .done = on_done,
                            .owner = o,
                            .response = &o->response};
    o->task.run = send_it;
    o->shard = &n->shards[learner % n->n_shards];
    all->sent++;
    reactor_post(&o->shard->reactor, &o->task);
    return true;
}
