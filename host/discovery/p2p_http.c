/*
 * p2p_http.c - the discovery port's REST: that of the original P2PFaaS, with its words,
 * and POST /exchange, by which nodes of ours tell each other all they know.
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "host/discovery/p2p.h"
#include "host/log.h"
#include "host/route.h"
#include "host/version.h"

static struct discovery *discovery_of(struct exchange *x)
{
    return x->shard->node->discovery;
}

static const char *sent(const struct exchange *x, const char *header)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, header);
}

static void answer_welcome(struct exchange *x)
{
    exchange_text(x, MHD_HTTP_OK, "text/plain",
                  "Welcome to the p2p-fog discovery service v0.0.4b!");
}

/* ---- /list ---- */

/* A node of the original that asks makes itself known. */
static void note_caller(struct discovery *d, struct exchange *x)
{
    const char *agent = sent(x, "User-Agent"), *ip = sent(x, "P2pfaas-Machine-Ip");

    if (agent && ip && strcmp(agent, "Machine") == 0 && !p2p_lives_at(d, ip)) {
        const char *group = sent(x, "P2pfaas-Machine-Group-Name");

        originals_add(d->originals, ip, group ? group : "");
        d->changed = true;
    }
}

struct list {
    struct original_row *rows;
    unsigned n;
    const struct config *config;
    uint64_t now_ns;
    time_t now;
};

/* The original knows a node by its address alone: one with other ports is of no use to it. */
static bool add_member(void *ctx, const struct swim_member *m)
{
    struct list *l = ctx;
    struct original_row *row = &l->rows[l->n];

    if (l->n >= CONFIG_MAX_PEERS)
        return false;
    if ((m->state != SWIM_ALIVE && m->state != SWIM_SUSPECT) ||
        m->http_port != l->config->node.port)
        return true;
    p2p_ip(&m->address, row->ip);
    snprintf(row->group, sizeof(row->group), "%s", m->group);
    row->alive = true;
    row->ping_ns = m->rtt_ns;
    row->heard = l->now;
    if (m->load.heard_ns && m->load.heard_ns < l->now_ns)
        row->heard -= (time_t)((l->now_ns - m->load.heard_ns) / 1000000000);
    l->n++;
    return true;
}

static int by_ip(const void *a, const void *b)
{
    return strcmp(((const struct original_row *)a)->ip, ((const struct original_row *)b)->ip);
}

static cJSON *machine(const struct original_row *row, unsigned id)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "_id", id);
    cJSON_AddStringToObject(json, "ip", row->ip);
    cJSON_AddStringToObject(json, "name", row->ip);
    cJSON_AddStringToObject(json, "group_name", row->group);
    cJSON_AddNumberToObject(json, "ping", (double)row->ping_ns / 1e9);
    cJSON_AddNumberToObject(json, "last_update", (double)row->heard);
    cJSON_AddBoolToObject(json, "alive", row->alive);
    cJSON_AddNumberToObject(json, "dead_polls", row->failures);
    return json;
}

static void answer_list(struct exchange *x)
{
    struct discovery *d = discovery_of(x);
    struct list l = {.rows = calloc((size_t)2 * CONFIG_MAX_PEERS, sizeof(*l.rows)),
                     .config = d->config,
                     .now_ns = clock_ns(),
                     .now = time(NULL)};
    cJSON *list;

    if (!l.rows) {
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "out of memory");
        return;
    }
    pthread_mutex_lock(&d->lock);
    note_caller(d, x);
    swim_each(d->swim, add_member, &l);
    l.n += originals_list(d->originals, l.rows + l.n, CONFIG_MAX_PEERS);
    exchange_header(x, ORIGINALS_NOT_ONE, "%s", P2PFAAS_VERSION);
    exchange_header(x, "P2pfaas-Machine-Ip", "%s", d->node->ip);
    exchange_header(x, "P2pfaas-Machine-Name", "%s", d->node->ip);
    exchange_header(x, "P2pfaas-Machine-Group-Name", "%s", d->group);
    pthread_mutex_unlock(&d->lock);
    qsort(l.rows, l.n, sizeof(*l.rows), by_ip);
    list = cJSON_CreateArray();
    for (unsigned i = 0, id = 1; i < l.n; i++)
        if (l.rows[i].alive)
            cJSON_AddItemToArray(list, machine(&l.rows[i], id++));
    free(l.rows);
    exchange_json(x, MHD_HTTP_OK, list);
}

/* ---- /reset ---- */

static void answer_reset(struct exchange *x)
{
    struct discovery *d = discovery_of(x);

    pthread_mutex_lock(&d->lock);
    originals_forget(d->originals);
    d->changed = true;
    pthread_mutex_unlock(&d->lock);
    x->response.status = MHD_HTTP_OK;
}

/* ---- /configuration ---- */

static void add_seeds(const struct discovery *d, cJSON *json)
{
    const struct discovery_config *c = &d->config->discovery;
    cJSON *list = cJSON_AddArrayToObject(json, "init_servers");

    for (unsigned i = 0; i < c->n_seeds; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(c->seed[i].address));
    for (unsigned i = 0; i < d->n_told; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(d->told[i]));
}

static void get_configuration(struct exchange *x)
{
    struct discovery *d = discovery_of(x);
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "machine_ip", d->node->ip);
    cJSON_AddStringToObject(json, "machine_id", d->node->id);
    pthread_mutex_lock(&d->lock);
    cJSON_AddStringToObject(json, "machine_group_name", d->group);
    add_seeds(d, json);
    pthread_mutex_unlock(&d->lock);
    exchange_json(x, MHD_HTTP_OK, json);
}

/* A text of the body, or NULL when it is not there.  False when it is of another kind. */
static bool take_text(const cJSON *json, const char *key, const char **out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

    *out = cJSON_IsString(item) ? item->valuestring : NULL;
    return !item || cJSON_IsString(item);
}

/* What this node is called is the matter of its own configuration. */
static bool is_own(struct exchange *x, const char *key, const char *said, const char *own,
                   const char *setting)
{
    if (!said || strcmp(said, own) == 0)
        return true;
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_GENERIC,
                   "%s is '%s' here and cannot be changed while the node runs; see %s in "
                   "plugins.yaml",
                   key, own, setting);
    return false;
}

/* Seeds that are no addresses are skipped, as by the original. */
static void add_told(struct discovery *d, const cJSON *seeds)
{
    const cJSON *item;
    char err[P2P_ERRLEN];

    cJSON_ArrayForEach(item, seeds)
    {
        if (cJSON_IsString(item) && p2p_tell_seed(d, item->valuestring, err))
            log_event(LOG_WARN, "an init server is skipped", LOG_STR("why", err));
    }
}

static void post_configuration(struct exchange *x)
{
    struct discovery *d = discovery_of(x);
    const char *text = buf_text(&x->request.body);
    cJSON *json = text ? cJSON_Parse(text) : NULL;
    const cJSON *seeds = cJSON_GetObjectItemCaseSensitive(json, "init_servers");
    const char *ip, *id, *group;

    if (!cJSON_IsObject(json) || !take_text(json, "machine_ip", &ip) ||
        !take_text(json, "machine_id", &id) || !take_text(json, "machine_group_name", &group) ||
        (seeds && !cJSON_IsArray(seeds)) || (group && strlen(group) >= sizeof(d->group))) {
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "Generic Error");
        goto end;
    }
    if (!is_own(x, "machine_ip", ip, d->node->ip, "node.advertise") ||
        !is_own(x, "machine_id", id, d->node->id, "node.id"))
        goto end;
    pthread_mutex_lock(&d->lock);
    if (group)
        p2p_tell_group(d, group);
    add_told(d, seeds);
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
    x->response.status = MHD_HTTP_OK;
end:
    cJSON_Delete(json);
}

static void answer_configuration(struct exchange *x)
{
    if (strcmp(x->request.method, "GET") == 0)
        get_configuration(x);
    else
        post_configuration(x);
}

/* ---- /exchange ---- */

static void answer_exchange(struct exchange *x)
{
    struct discovery *d = discovery_of(x);
    struct http_response *r = &x->response;
    char err[P2P_ERRLEN];

    pthread_mutex_lock(&d->lock);
    if (swim_answer(d->swim, x->request.body.data, x->request.body.len, &r->body, clock_ns(),
                    err)) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT, "%s", err);
    } else {
        headers_add(&r->headers, "Content-Type", "application/octet-stream");
        r->status = MHD_HTTP_OK;
    }
    p2p_schedule(d);
    pthread_mutex_unlock(&d->lock);
}

static const struct route routes[] = {
    {"/list", ROUTE_GET | ROUTE_TO_THE_END, ROUTE_ANSWER, ACCESS_PEERS, answer_list,
     "who is alive, as the original tells it"},
    {"/reset", ROUTE_GET | ROUTE_CHANGES, ROUTE_ANSWER, ACCESS_ADMINISTRATION, answer_reset,
     "forgets the nodes of the original"},
    {"/configuration", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, ACCESS_ADMINISTRATION,
     answer_configuration, "group and seeds; POST adds seeds"},
    {"/exchange", ROUTE_POST | ROUTE_TO_THE_END, ROUTE_ANSWER, ACCESS_PEERS, answer_exchange,
     "all that two nodes know"},
    {"/", ROUTE_GET | ROUTE_TO_THE_END, ROUTE_ANSWER, ACCESS_EVERYONE, answer_welcome,
     "who this is"},
};
const struct route_table p2p_routes = {routes, sizeof(routes) / sizeof(routes[0])};
