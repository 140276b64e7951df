#include "host/translate.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/wire.h"
#include "host/wire_names.h"

static const char MACHINE[] = "Machine"; /* the User-Agent of each of their nodes */

/* ---- a call of theirs ---- */

bool translate_is_call(const struct exchange *x, struct MHD_Connection *connection)
{
    static const char path[] = "/peer/function";
    const char *agent;

    if (strncmp(x->uri.data, path, sizeof(path) - 1) != 0)
        return false;
    agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT);
    return agent && strcmp(agent, MACHINE) == 0 &&
           !MHD_lookup_connection_value(connection, MHD_HEADER_KIND, HOPS);
}

/* "10.0.0.2", also of a socket that takes both families; "" when it is unknown. */
static void address_of(const struct sockaddr *client, char out[INET6_ADDRSTRLEN])
{
    static const char mapped[] = "::ffff:";

    out[0] = '\0';
    if (client && client->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)client)->sin_addr, out,
                  INET6_ADDRSTRLEN);
    else if (client && client->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)client)->sin6_addr, out,
                  INET6_ADDRSTRLEN);
    if (strncmp(out, mapped, sizeof(mapped) - 1) == 0 && strchr(out, '.'))
        memmove(out, out + sizeof(mapped) - 1, strlen(out + sizeof(mapped) - 1) + 1);
}

/* The head was of the carrier: what is the job's own goes on. */
static int set_headers(struct job *j, const struct original_call *call)
{
    struct headers *h = &j->x.request.headers;
    char *id = strdup(wire_tracing_id(j)), from[INET6_ADDRSTRLEN], hops[16];
    int rc = -1;

    if (!id)
        return -1;
    address_of(j->x.request.client, from);
    snprintf(hops, sizeof(hops), "%u", call->hops);
    headers_clear(h);
    headers_clear(&j->peer_headers);
    if ((!call->content_type[0] || headers_add(h, "Content-Type", call->content_type) == 0) &&
        (!id[0] || headers_add(h, TRACING_ID, id) == 0) &&
        headers_add(&j->peer_headers, HOPS, hops) == 0 &&
        (!from[0] || headers_add(&j->peer_headers, FROM, from) == 0))
        rc = 0;
    free(id);
    return rc;
}

void translate_call(struct job *j)
{
    struct exchange *x = &j->x;
    struct original_call call;
    struct buf payload;
    enum original_result result;

    buf_init(&payload, x->shard->limits.body);
    result = original_read_call(&x->request.body, &call, &payload);
    if (result == ORIGINAL_OK && set_headers(j, &call))
        result = ORIGINAL_MALFORMED;
    switch (result) {
    case ORIGINAL_OK:
        buf_release(&x->request.body);
        x->request.body = payload;
        x->request.method = http_method("POST");
        return;
    case ORIGINAL_MALFORMED:
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "Passed input is not correct or malformed: expected {\"payload\":\"base64\","
                       "\"content_type\":\"text\",\"hops\":1,…}");
        break;
    case ORIGINAL_TOO_LARGE:
        exchange_error(x, MHD_HTTP_CONTENT_TOO_LARGE, MHD_HTTP_CONTENT_TOO_LARGE,
                       "the payload is larger than limits.body, %zu bytes", payload.limit);
        break;
    }
    buf_release(&payload);
}

/* ---- the answer to it ---- */

static cJSON *list_of(const struct headers *h, const char *name)
{
    const char *text = headers_get(h, name);

    return text ? cJSON_Parse(text) : NULL;
}

static const char *text_at(const cJSON *list, int i)
{
    const cJSON *item = cJSON_GetArrayItem(list, i);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static double seconds_at(const cJSON *list, int i)
{
    const cJSON *item = cJSON_GetArrayItem(list, i);

    return cJSON_IsNumber(item) && item->valuedouble >= 0 ? item->valuedouble : -1;
}

/* Our lists begin with this node, theirs with the one that ran the job. */
static void read_lists(const struct headers *h, struct original_reply *out)
{
    cJSON *ids = list_of(h, PEERS_ID), *ips = list_of(h, PEERS_IP);
    cJSON *total = list_of(h, TOTAL_LIST), *scheduling = list_of(h, SCHEDULING_LIST);
    cJSON *probing = list_of(h, PROBING_LIST);
    int n = cJSON_IsArray(ids) ? cJSON_GetArraySize(ids) : 0;

    n = n < ORIGINAL_PEERS ? n : ORIGINAL_PEERS;
    out->n_peers = (unsigned)n;
    for (int i = 0; i < n; i++) {
        struct original_peer *p = &out->peer[n - 1 - i];

        snprintf(p->id, sizeof(p->id), "%s", text_at(ids, i));
        snprintf(p->ip, sizeof(p->ip), "%s", text_at(ips, i));
        p->times = (struct original_times){.execution = -1,
                                           .total = seconds_at(total, i),
                                           .scheduling = seconds_at(scheduling, i),
                                           .probing = seconds_at(probing, i)};
    }
    cJSON_Delete(ids);
    cJSON_Delete(ips);
    cJSON_Delete(total);
    cJSON_Delete(scheduling);
    cJSON_Delete(probing);
}

static void describe_way(const struct job *j, struct original_reply *out)
{
    const struct node *n = j->x.shard->node;
    const struct headers *h = &j->x.response.headers;
    const char *execution = headers_get(h, EXECUTION);

    read_lists(h, out);
    if (out->n_peers == 0) { /* it never became a job */
        out->n_peers = 1;
        out->peer[0] = (struct original_peer){.times = {-1, -1, -1, -1}};
        snprintf(out->peer[0].id, sizeof(out->peer[0].id), "%s", n->id);
        snprintf(out->peer[0].ip, sizeof(out->peer[0].ip), "%s", n->ip);
    }
    if (execution)
        out->peer[0].times.execution = strtod(execution, NULL);
}

static bool is_functions(const char *name)
{
    return strncasecmp(name, "X-", 2) == 0 && strncasecmp(name, PREFIX, strlen(PREFIX)) != 0 &&
           strcasecmp(name, QUEUE_LENGTH) != 0;
}

/* What a Go client may see of the answer's headers: it follows a Location, and hands
 * X- headers to whoever called it, where ours would contradict its own. */
static int keep_headers(const struct headers *from, struct headers *to)
{
    const char *name, *value;
    size_t at = 0;

    while (headers_next(from, &at, &name, &value)) {
        bool is_for_all = strcasecmp(name, "Allow") == 0 || strcasecmp(name, "Retry-After") == 0;

        if ((is_for_all || is_functions(name)) && headers_add(to, name, value))
            return -1;
    }
    return headers_add(to, "Content-Type", "application/json");
}

/* These have no body, and the JSON is in it. */
static int carrying_status(int status)
{
    return status == MHD_HTTP_NO_CONTENT || status == MHD_HTTP_RESET_CONTENT ||
                   status == MHD_HTTP_NOT_MODIFIED
               ? MHD_HTTP_OK
               : status;
}

int translate_answer(struct job *j)
{
    struct http_response *r = &j->x.response;
    struct original_reply way;
    struct headers headers;
    struct buf json;

    buf_init(&json, original_limit(r->body.len));
    headers_init(&headers, r->headers.text.limit);
    describe_way(j, &way);
    if (original_write_reply(&json, &way, &r->body, r->status) ||
        keep_headers(&r->headers, &headers)) {
        buf_release(&json);
        headers_release(&headers);
        return -1;
    }
    buf_release(&r->body);
    headers_release(&r->headers);
    r->body = json;
    r->headers = headers;
    r->status = carrying_status(r->status);
    return 0;
}

/* ---- a job to them ---- */

static const char *content_type_of(const struct job *j)
{
    const char *type = headers_get(&j->x.request.headers, "Content-Type");

    return type ? type : "";
}

bool translate_fits(const struct job *j)
{
    const struct http_request *rq = &j->x.request;
    bool is_get = strcmp(rq->method, "GET") == 0 && rq->body.len == 0;

    return rq->target.len == 0 && (is_get || strcmp(rq->method, "POST") == 0) &&
           strlen(content_type_of(j)) < ORIGINAL_TYPE;
}

/* Counts what a buffer grew against limits.memory. */
static int hold(struct job *j, size_t grown)
{
    struct node *n = j->x.shard->node;

    if (grown == 0)
        return 0;
    j->x.held += grown;
    return atomic_fetch_add(&n->memory_held, (int64_t)grown) + (int64_t)grown > n->memory_limit ? -1
                                                                                                : 0;
}

static int write_body(struct job *j)
{
    const struct shard *s = j->x.shard;
    struct original_call call = {
        /* One for each job of the node, small enough for any integer. */
        .id = ((j->decision.rq.id & INT32_MAX) * s->node->n_shards + s->index) & INT32_MAX,
        .tracing_id = wire_tracing_id(j),
        .function = j->function->config->name,
        .hops = j->hops + 1,
    };
    size_t before = j->translation.cap;
    int rc;

    snprintf(call.content_type, sizeof(call.content_type), "%s", content_type_of(j));
    buf_clear(&j->translation);
    rc = original_write_call(&j->translation, &call, &j->x.request.body);
    return hold(j, j->translation.cap - before) || rc ? -1 : 0;
}

/* The order is theirs, to the byte. */
int translate_forward(struct job *j, const struct peer *peer)
{
    const char *id = wire_tracing_id(j);
    struct headers *h = &j->peer_headers;
    char length[24];

    if (write_body(j))
        return -1;
    snprintf(length, sizeof(length), "%zu", j->translation.len);
    headers_clear(h);
    return headers_add(h, "Host", peer->endpoint.text) || headers_add(h, "User-Agent", MACHINE) ||
                   headers_add(h, "Content-Length", length) ||
                   headers_add(h, "Content-Type", "application/json") ||
                   (id[0] && headers_add(h, TRACING_ID, id)) ||
                   headers_add(h, "Accept-Encoding", "gzip") ||
                   headers_add(h, "Connection", "close")
               ? -1
               : 0;
}

int translate_probe(struct headers *h, const struct peer *peer)
{
    headers_clear(h);
    return headers_add(h, "Host", peer->endpoint.text) || headers_add(h, "User-Agent", MACHINE) ||
                   headers_add(h, "Accept-Encoding", "gzip") ||
                   headers_add(h, "Connection", "close")
               ? -1
               : 0;
}

/* ---- their answer ---- */

enum list { LIST_IDS, LIST_IPS, LIST_PROBING, LIST_SCHEDULING, LIST_TOTAL, LISTS };

static int put_item(struct buf *out, enum list list, const struct original_peer *p)
{
    const double seconds[] = {[LIST_PROBING] = p->times.probing,
                              [LIST_SCHEDULING] = p->times.scheduling,
                              [LIST_TOTAL] = p->times.total};
    char text[6 * sizeof(p->id) + 3];
    cJSON *string;
    bool is_whole;

    if (list >= LIST_PROBING) {
        original_seconds(text, seconds[list] < 0 ? 0 : seconds[list]);
        return buf_puts(out, text);
    }
    string = cJSON_CreateStringReference(list == LIST_IDS ? p->id : p->ip);
    is_whole = string && cJSON_PrintPreallocated(string, text, sizeof(text), false);
    cJSON_Delete(string);
    return is_whole ? buf_puts(out, text) : -1;
}

/* As a peer of ours tells its way: itself first, the one that ran the job last. */
static int add_lists(struct headers *h, const struct original_reply *reply)
{
    static const char *const names[LISTS] = {PEERS_ID, PEERS_IP, PROBING_LIST, SCHEDULING_LIST,
                                             TOTAL_LIST};
    struct buf text;
    int rc = 0;

    buf_init(&text, 64 * sizeof(reply->peer[0].id));
    for (int list = 0; list < LISTS && rc == 0; list++) {
        buf_clear(&text);
        for (unsigned i = reply->n_peers; i > 0 && rc == 0; i--)
            rc = buf_puts(&text, i == reply->n_peers ? "[" : ",") ||
                 put_item(&text, (enum list)list, &reply->peer[i - 1]);
        if (rc == 0)
            rc = buf_puts(&text, "]") || !buf_text(&text) || headers_add(h, names[list], text.data);
    }
    buf_release(&text);
    return rc ? -1 : 0;
}

static int add_numbers(struct headers *h, const struct original_reply *reply)
{
    char text[32];

    snprintf(text, sizeof(text), "%u", reply->n_peers - 1);
    if (headers_add(h, HOPS, text))
        return -1;
    if (reply->peer[0].times.execution < 0)
        return 0;
    snprintf(text, sizeof(text), "%.6f", reply->peer[0].times.execution);
    return headers_add(h, EXECUTION, text);
}

/* The rest is of their JSON, not of what is in it. */
static int keep_functions_headers(const struct headers *from, struct headers *to)
{
    const char *name, *value;
    size_t at = 0;

    while (headers_next(from, &at, &name, &value))
        if (is_functions(name) && headers_add(to, name, value))
            return -1;
    return 0;
}

enum wire_outcome translate_reply(struct job *j, char err[P2P_ERRLEN])
{
    struct http_response *r = &j->x.response;
    struct original_reply reply;
    struct headers headers;
    struct buf body;

    buf_init(&body, j->x.shard->limits.body);
    headers_init(&headers, r->headers.text.limit);
    if (original_read_reply(&r->body, &reply, &body, err))
        goto foreign;
    if (keep_functions_headers(&r->headers, &headers) || add_numbers(&headers, &reply) ||
        add_lists(&headers, &reply)) {
        snprintf(err, P2P_ERRLEN, "what its answer says of its way is larger than the limit");
        goto foreign;
    }
    buf_release(&r->body);
    headers_release(&r->headers);
    r->body = body;
    r->headers = headers;
    if (original_is_refusal(&reply, &body))
        return WIRE_REFUSED;
    return r->status >= 500 && reply.peer[0].times.execution < 0 ? WIRE_FAILED : WIRE_RAN;
foreign:
    buf_release(&body);
    headers_release(&headers);
    return WIRE_FOREIGN;
}
