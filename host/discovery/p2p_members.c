/*
 * p2p_members.c - what the detector knows, told to the peer table and to people; and
 * what this node tells of itself.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "host/discovery/p2p.h"
#include "host/log.h"

/* ---- addresses ---- */

void p2p_address(struct swim_address *out, const struct endpoint *e)
{
    memset(out, 0, sizeof(*out));
    if (e->address.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&e->address;

        out->ip[10] = out->ip[11] = 0xff;
        memcpy(out->ip + 12, &v4->sin_addr, 4);
        out->port = ntohs(v4->sin_port);
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&e->address;

        memcpy(out->ip, &v6->sin6_addr, 16);
        out->port = ntohs(v6->sin6_port);
    }
}

void p2p_endpoint(const struct swim_address *a, uint16_t port, struct endpoint *out)
{
    struct in6_addr v6;
    char host[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof(*out));
    memcpy(&v6, a->ip, 16);
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        struct sockaddr_in *to = (struct sockaddr_in *)&out->address;

        to->sin_family = AF_INET;
        to->sin_port = htons(port);
        memcpy(&to->sin_addr, a->ip + 12, 4);
        out->length = sizeof(*to);
        inet_ntop(AF_INET, &to->sin_addr, host, sizeof(host));
        snprintf(out->text, sizeof(out->text), "%s:%u", host, port);
    } else {
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)&out->address;

        to->sin6_family = AF_INET6;
        to->sin6_port = htons(port);
        to->sin6_addr = v6;
        out->length = sizeof(*to);
        inet_ntop(AF_INET6, &v6, host, sizeof(host));
        snprintf(out->text, sizeof(out->text), "[%s]:%u", host, port);
    }
}

void p2p_ip(const struct swim_address *a, char out[INET6_ADDRSTRLEN])
{
    bool v4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)a->ip);

    inet_ntop(v4 ? AF_INET : AF_INET6, a->ip + (v4 ? 12 : 0), out, INET6_ADDRSTRLEN);
}

/* ---- of this node ---- */

void p2p_describe_self(struct discovery *d, struct swim_self *self)
{
    struct node *n = d->node;
    struct endpoint e = n->advertised;

    memset(self, 0, sizeof(*self));
    p2p_address(&self->address, &e);
    self->http_port = self->address.port;
    self->address.port = (uint16_t)d->config->discovery.port;
    self->id = n->id;
    self->group = d->group;
    self->slots = n->slots.limit;
}

int p2p_set_functions(struct discovery *d, char err[P2P_ERRLEN])
{
    const struct function_table *t = d->node->functions;
    const char **names = calloc(t->n + 1, sizeof(*names));
    unsigned n = 0;
    int rc;

    if (!names) {
        snprintf(err, P2P_ERRLEN, "discovery: out of memory");
        return -1;
    }
    for (unsigned i = 0; i < t->n; i++)
        if (t->entries[i].function->program)
            names[n++] = t->entries[i].function->config->name;
    rc = swim_set_functions(d->swim, names, n, err);
    free(names);
    return rc;
}

/* ---- to the peer table ---- */

static void publish(struct discovery *d, const struct swim_member *m)
{
    struct discovery_member peer = {
        .name = m->id, .group = m->group, .protocol = PEER_OURS, .slots = m->slots};

    p2p_endpoint(&m->address, m->http_port, &peer.endpoint);
    switch (m->state) {
    case SWIM_ALIVE:
        peer.functions = swim_functions(d->swim, m->functions_hash, &peer.n_functions);
        peer.knows_functions = peer.functions != NULL;
        discovery_joined(d->node, &peer);
        return;
    case SWIM_DEAD:
        discovery_dead(d->node, &peer.endpoint);
        return;
    case SWIM_LEFT:
        discovery_left(d->node, &peer.endpoint);
        return;
    case SWIM_SUSPECT: /* still used: most suspects live */
    case SWIM_UNKNOWN:
        return;
    }
}

static bool publish_one(void *ctx, const struct swim_member *m)
{
    publish(ctx, m);
    return true;
}

void p2p_publish(struct discovery *d)
{
    swim_each(d->swim, publish_one, d);
}

void p2p_on_changed(void *ctx, const struct swim_member *m, enum swim_state old)
{
    struct discovery *d = ctx;
    char where[SWIM_ADDRESS_TEXT], ip[INET6_ADDRSTRLEN];

    d->changed = true;
    if (m == swim_self(d->swim))
        return;
    if (m->state == SWIM_ALIVE && old != SWIM_ALIVE && old != SWIM_SUSPECT) {
        p2p_ip(&m->address, ip);
        originals_drop(d->originals, ip);
    }
    if (m->state != old)
        log_event(m->state == SWIM_DEAD ? LOG_WARN : LOG_INFO, "a member changed",
                  LOG_STR("member", m->id),
                  LOG_STR("address", swim_address_text(&m->address, where)),
                  LOG_STR("was", swim_state_name(old)), LOG_STR("is", swim_state_name(m->state)));
    publish(d, m);
}

void p2p_on_heard(void *ctx, const struct swim_member *m)
{
    struct discovery *d = ctx;
    const struct p2p_probe said = {
        .load = m->load.load, .queue = m->load.queue, .slots = m->load.slots, .rtt_ns = m->rtt_ns};
    struct endpoint e;
    uint32_t id;

    if (!m->load.heard_ns)
        return;
    p2p_endpoint(&m->address, m->http_port, &e);
    id = peers_find(&d->node->peers, e.text);
    if (id != P2P_NONE)
        peers_heard(&d->node->peers, id, &said, m->load.heard_ns);
}

void p2p_on_conflict(void *ctx, const struct swim_member *a, const struct swim_member *b)
{
    char one[SWIM_ADDRESS_TEXT], other[SWIM_ADDRESS_TEXT];

    (void)ctx;
    log_event(LOG_WARN, "two nodes have the same node.id; both are used, but give each its own",
              LOG_STR("id", a->id), LOG_STR("one", swim_address_text(&a->address, one)),
              LOG_STR("other", swim_address_text(&b->address, other)));
}

/* It takes calls elsewhere from now on, or is forgotten. */
void p2p_on_gone(void *ctx, const struct swim_member *m)
{
    struct discovery *d = ctx;
    struct endpoint e;

    p2p_endpoint(&m->address, m->http_port, &e);
    discovery_left(d->node, &e);
}

void p2p_on_full(void *ctx, const struct swim_address *refused)
{
    char where[SWIM_ADDRESS_TEXT];

    (void)ctx;
    log_event(LOG_WARN, "no room for another member",
              LOG_STR("address", swim_address_text(refused, where)));
}

/* ---- looking ---- */

struct search {
    struct swim_address at; /* the port is that of functions; 0 = any */
    const struct swim_member *found;
};

static bool is_at(void *ctx, const struct swim_member *m)
{
    struct search *s = ctx;

    if (memcmp(m->address.ip, s->at.ip, sizeof(s->at.ip)) == 0 &&
        (s->at.port == 0 || s->at.port == m->http_port))
        s->found = m;
    return !s->found;
}

const struct swim_member *p2p_member_at(struct discovery *d, const struct endpoint *e)
{
    struct search s = {.found = NULL};

    p2p_address(&s.at, e);
    swim_each(d->swim, is_at, &s);
    return s.found;
}

bool p2p_lives_at(struct discovery *d, const char *ip)
{
    struct search s = {.found = NULL};
    struct endpoint e;
    char err[P2P_ERRLEN];

    if (endpoint_parse(&e, ip, 1, err))
        return false;
    p2p_address(&s.at, &e);
    s.at.port = 0;
    swim_each(d->swim, is_at, &s);
    return s.found && (s.found->state == SWIM_ALIVE || s.found->state == SWIM_SUSPECT);
}

bool p2p_answers(void *ctx, const struct endpoint *e)
{
    struct discovery *d = ctx;
    const struct swim_member *m;
    struct swim_address at;

    p2p_address(&at, e);
    m = swim_find(d->swim, &at);
    return (m && (m->state == SWIM_ALIVE || m->state == SWIM_SUSPECT)) ||
           swim_address_equal(&at, &swim_self(d->swim)->address);
}

/* ---- for people ---- */

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static void add_functions(cJSON *row, struct discovery *d, uint32_t hash)
{
    unsigned n = 0;
    const char *const *names = swim_functions(d->swim, hash, &n);
    cJSON *list = names ? cJSON_AddArrayToObject(row, "functions") : NULL;

    for (unsigned i = 0; list && i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(names[i]));
}

struct description {
    struct discovery *d;
    cJSON *list;
    uint64_t now;
};

static bool describe_member(void *ctx, const struct swim_member *m)
{
    struct description *t = ctx;
    cJSON *row = cJSON_CreateObject();
    char where[SWIM_ADDRESS_TEXT];
    struct endpoint e;

    p2p_endpoint(&m->address, m->http_port, &e);
    cJSON_AddStringToObject(row, "id", m->id);
    cJSON_AddStringToObject(row, "address", e.text);
    cJSON_AddStringToObject(row, "discovery", swim_address_text(&m->address, where));
    cJSON_AddStringToObject(row, "group", m->group);
    cJSON_AddStringToObject(row, "protocol", "ours");
    cJSON_AddStringToObject(row, "state", swim_state_name(m->state));
    cJSON_AddNumberToObject(row, "since_seconds", seconds(t->now - m->since_ns));
    cJSON_AddNumberToObject(row, "incarnation", m->incarnation);
    cJSON_AddNumberToObject(row, "rtt_seconds", seconds(m->rtt_ns));
    add_functions(row, t->d, m->functions_hash);
    cJSON_AddItemToArray(t->list, row);
    return true;
}

static void describe_originals(struct discovery *d, cJSON *list)
{
    struct original_row *rows = calloc(CONFIG_MAX_PEERS, sizeof(*rows));
    unsigned n = rows ? originals_list(d->originals, rows, CONFIG_MAX_PEERS) : 0;

    for (unsigned i = 0; i < n; i++) {
        cJSON *row = cJSON_CreateObject();

        cJSON_AddStringToObject(row, "id", rows[i].ip);
        cJSON_AddStringToObject(row, "address", originals_endpoint(d->config, rows[i].ip).text);
        cJSON_AddStringToObject(row, "group", rows[i].group);
        cJSON_AddStringToObject(row, "protocol", "original");
        cJSON_AddStringToObject(row, "state", rows[i].alive ? "alive" : "dead");
        cJSON_AddNumberToObject(row, "rtt_seconds", seconds(rows[i].ping_ns));
        cJSON_AddItemToArray(list, row);
    }
    free(rows);
}

/* What the detector counted, for GET /cluster and GET /metrics. */
static void each_count(const struct swim *s, discovery_metric one, void *ctx)
{
    struct swim_stats t;

    swim_stats(s, &t);
    one(ctx, "health", "0 is best: how far this node distrusts its own view", true, t.health);
    one(ctx, "probes_ok", "members that answered", false, (double)t.probes_ok);
    one(ctx, "probes_indirect", "of those, only through others", false, (double)t.probes_indirect);
    one(ctx, "probes_failed", "members that did not answer", false, (double)t.probes_failed);
    one(ctx, "suspicions", "members that were suspected", false, (double)t.suspicions);
    one(ctx, "false_suspicions", "suspects that lived", false, (double)t.false_suspicions);
    one(ctx, "deaths", "members that were found dead", false, (double)t.deaths);
    one(ctx, "false_deaths", "dead that had lived", false, (double)t.false_deaths);
    one(ctx, "refutations", "times this node was suspected and said no", false,
        (double)t.refutations);
    one(ctx, "id_conflicts", "pairs of nodes with one id", false, (double)t.conflicts);
    one(ctx, "malformed", "datagrams and exchanges that could not be read", false,
        (double)t.malformed);
    one(ctx, "datagrams_in", "datagrams that came", false, (double)t.datagrams_in);
    one(ctx, "datagrams_out", "datagrams that were sent", false, (double)t.datagrams_out);
    one(ctx, "bytes_in", "of datagrams that came", false, (double)t.bytes_in);
    one(ctx, "bytes_out", "of datagrams that were sent", false, (double)t.bytes_out);
}

static void add_count(void *ctx, const char *name, const char *help, bool is_gauge, double value)
{
    (void)help;
    (void)is_gauge;
    cJSON_AddNumberToObject(ctx, name, value);
}

void p2p_measure(struct discovery *d, discovery_metric one, void *ctx)
{
    pthread_mutex_lock(&d->lock);
    each_count(d->swim, one, ctx);
    pthread_mutex_unlock(&d->lock);
}

void p2p_describe(struct discovery *d, cJSON *out)
{
    struct description t = {.d = d};

    pthread_mutex_lock(&d->lock);
    t.now = clock_ns();
    /* POST /configuration may have changed it. */
    cJSON_ReplaceItemInObject(cJSON_GetObjectItem(out, "self"), "group",
                              cJSON_CreateString(d->group));
    cJSON_AddNumberToObject(out, "incarnation", swim_self(d->swim)->incarnation);
    each_count(d->swim, add_count, cJSON_AddObjectToObject(out, "detector"));
    t.list = cJSON_AddArrayToObject(out, "members");
    swim_each(d->swim, describe_member, &t);
    describe_originals(d, t.list);
    pthread_mutex_unlock(&d->lock);
}
