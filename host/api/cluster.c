/*
 * cluster.c - GET /cluster: this node, and the others as discovery and the calls of this
 * node show them.
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdlib.h>

#include "host/node.h"
#include "host/route.h"
#include "host/version.h"

static cJSON *self_json(const struct exchange *x)
{
    struct node *n = x->shard->node;
    const struct function_table *t = x->shard->functions;
    cJSON *self = cJSON_CreateObject(), *list;

    cJSON_AddStringToObject(self, "id", n->id);
    cJSON_AddStringToObject(self, "address", n->advertised.text);
    pthread_mutex_lock(&n->admin);
    cJSON_AddStringToObject(self, "group", n->config->config.discovery.group);
    pthread_mutex_unlock(&n->admin);
    cJSON_AddStringToObject(self, "version", P2PFAAS_VERSION);
    cJSON_AddNumberToObject(self, "slots", n->slots.limit);
    cJSON_AddNumberToObject(self, "load", n->slots.running);
    cJSON_AddNumberToObject(self, "queue", n->slots.queued);
    list = cJSON_AddArrayToObject(self, "functions");
    for (unsigned i = 0; i < t->n; i++)
        if (t->entries[i].function->program)
            cJSON_AddItemToArray(list, cJSON_CreateString(t->entries[i].function->config->name));
    return self;
}

/* ---- what the peer table knows ---- */

struct known {
    struct peer_row row;
    bool told; /* by discovery */
    UT_hash_handle hh;
};

static void add_number(cJSON *row, const char *name, double value)
{
    if (!cJSON_HasObjectItem(row, name)) /* discovery may know better */
        cJSON_AddNumberToObject(row, name, value);
}

static void add_peer(cJSON *row, const struct peer_row *peer, uint64_t now_ns)
{
    const struct p2p_peer *v = &peer->view;

    if (!cJSON_HasObjectItem(row, "up"))
        cJSON_AddBoolToObject(row, "up", peer->up);
    add_number(row, "slots", v->slots);
    add_number(row, "inflight", v->inflight);
    if (!v->heard_ns)
        return;
    add_number(row, "load", v->load);
    add_number(row, "queue", v->queue);
    add_number(row, "rtt_seconds", (double)v->rtt_ns / 1e9);
    add_number(row, "age_seconds", now_ns > v->heard_ns ? (double)(now_ns - v->heard_ns) / 1e9 : 0);
}

static void add_members(cJSON *members, struct known *all, uint32_t n)
{
    struct known *by_address = NULL, *k;
    uint64_t now_ns = clock_ns();
    cJSON *row;

    for (uint32_t i = 0; i < n; i++)
        HASH_ADD_STR(by_address, row.address, &all[i]);
    cJSON_ArrayForEach(row, members)
    {
        const char *address = cJSON_GetStringValue(cJSON_GetObjectItem(row, "address"));

        k = NULL;
        if (address)
            HASH_FIND_STR(by_address, address, k);
        if (!k)
            continue;
        k->told = true;
        add_peer(row, &k->row, now_ns);
    }
    HASH_CLEAR(hh, by_address);
    for (uint32_t i = 0; i < n; i++) {
        if (all[i].told)
            continue;
        row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "id", all[i].row.name);
        cJSON_AddStringToObject(row, "address", all[i].row.address);
        cJSON_AddStringToObject(row, "state", all[i].row.joined ? "unknown" : "listed");
        add_peer(row, &all[i].row, now_ns);
        cJSON_AddItemToArray(members, row);
    }
}

/* Those of the configuration too, whom discovery need not know. */
static void add_peers(cJSON *json, struct node *n)
{
    struct peer_row *rows = malloc(CONFIG_MAX_PEERS * sizeof(*rows));
    struct known *all = calloc(CONFIG_MAX_PEERS, sizeof(*all));
    uint32_t count = rows && all ? peers_list(&n->peers, rows, CONFIG_MAX_PEERS) : 0;
    cJSON *members = cJSON_GetObjectItem(json, "members");

    if (!members)
        members = cJSON_AddArrayToObject(json, "members");
    for (uint32_t i = 0; i < count; i++)
        all[i].row = rows[i];
    add_members(members, all, count);
    free(all);
    free(rows);
}

void api_cluster(struct exchange *x)
{
    struct node *n = x->shard->node;
    cJSON *json = cJSON_CreateObject();

    cJSON_AddItemToObject(json, "self", self_json(x));
    cJSON_AddStringToObject(json, "source",
                            n->discovery_source ? n->discovery_source->name : "none");
    discovery_describe(n, json);
    add_peers(json, n);
    exchange_json(x, MHD_HTTP_OK, json);
}
