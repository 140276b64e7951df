#include "host/translate.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/wire.h"
#include "host/wire_names.h"

/* ---- a call of theirs ---- */

bool translate_is_call(const struct exchange *x, struct MHD_Connection *connection)
{
    static const char path[] = "/peer/function";
    const char *agent;

    if (strncmp(x->uri.data, path, sizeof(path) - 1) != 0)
        return false;
    agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT);
    return agent && strcmp(agent, "Machine") == 0 &&
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

/* What a Go client may see of the answer's headers: it follows a Location, and hands
 * X- headers to whoever called it, where ours would contradict its own. */
static int keep_headers(const struct headers *from, struct headers *to)
{
    const char *name, *value;
    size_t at = 0;

    while (headers_next(from, &at, &name, &value)) {
        bool is_for_all = strcasecmp(name, "Allow") == 0 || strcasecmp(name, "Retry-After") == 0;
        bool is_functions = strncasecmp(name, "X-", 2) == 0 &&
                            strncasecmp(name, PREFIX, strlen(PREFIX)) != 0 &&
                            strcasecmp(name, QUEUE_LENGTH) != 0;

        if ((is_for_all || is_functions) && headers_add(to, name, value))
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
