#include "host/discovery/etcd_members.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "host/discovery/etcd_value.h"
#include "host/log.h"
#include "host/node.h"
#include "host/timestamp.h"
#include "host/utf8.h"

enum { MOST_BYTES = 64 << 20, MOST_IGNORED = 256 };

struct etcd_member {
    char address[sizeof(((struct endpoint *)0)->text)]; /* the key after the prefix */
    char *text;                                         /* its value, to see a change */
    struct etcd_value value;
    int64_t revision;    /* of its key */
    unsigned list;       /* the last that it was in */
    uint64_t missing_ns; /* since then; 0 = it is there */
    int64_t since;       /* a timestamp */
    UT_hash_handle hh;
};

/* A key that did not fit, so that it is said once. */
struct etcd_ignored {
    char name[128]; /* cut, and fit for people */
    char why[P2P_ERRLEN];
    int64_t revision;
    unsigned list;
    UT_hash_handle hh;
};

void etcd_members_init(struct etcd_members *m, struct node *n, const char *prefix)
{
    *m = (struct etcd_members){.node = n, .prefix = prefix, .most = CONFIG_MAX_PEERS};
    pthread_mutex_init(&m->lock, NULL);
}

static void member_free(struct etcd_members *m, struct etcd_member *x)
{
    m->bytes -= strlen(x->text);
    /* NOLINTNEXTLINE(clang-analyzer-*): it loses track in uthash */
    HASH_DEL(m->table, x);
    etcd_value_release(&x->value);
    free(x->text);
    free(x);
}

static void ignored_free(struct etcd_members *m, struct etcd_ignored *x)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it loses track in uthash */
    HASH_DEL(m->ignored, x);
    free(x);
}

void etcd_members_release(struct etcd_members *m)
{
    struct etcd_member *x, *next;
    struct etcd_ignored *i, *next_i;

    HASH_ITER(hh, m->table, x, next)
    {
        member_free(m, x);
    }
    HASH_ITER(hh, m->ignored, i, next_i)
    {
        ignored_free(m, i);
    }
    pthread_mutex_destroy(&m->lock);
}

/* ---- to the peer table ---- */

static void tell_joined(struct etcd_members *m, const struct etcd_member *x)
{
    const struct etcd_value *v = &x->value;
    struct discovery_member member = {.name = v->id,
                                      .group = v->group,
                                      .endpoint = v->endpoint,
                                      .protocol = PEER_OURS,
                                      .slots = v->slots,
                                      .knows_functions = v->knows_functions,
                                      .functions = v->functions,
                                      .n_functions = v->n_functions};

    discovery_joined(m->node, &member);
}

static void drop(struct etcd_members *m, struct etcd_member *x, const char *event)
{
    log_event(LOG_INFO, event, LOG_STR("peer", x->value.id), LOG_STR("address", x->address));
    discovery_left(m->node, &x->value.endpoint);
    member_free(m, x);
}

/* ---- keys that do not fit ---- */

static void readable_name(const struct etcd_members *m, const struct etcd_key *k, char out[128])
{
    size_t skip = strlen(m->prefix);

    utf8_clean(out, 128, k->name + (k->name_len >= skip ? skip : 0));
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

static void forgive(struct etcd_members *m, const struct etcd_key *k)
{
    struct etcd_ignored *i;
    char name[128];

    if (!m->ignored)
        return;
    readable_name(m, k, name);
    HASH_FIND_STR(m->ignored, name, i);
    if (i)
        ignored_free(m, i);
}

static void ignore(struct etcd_members *m, const struct etcd_key *k, const char *why)
{
    struct etcd_ignored *i;
    char name[128];

    readable_name(m, k, name);
    HASH_FIND_STR(m->ignored, name, i);
    if (i && i->revision == k->revision) {
        i->list = m->list;
        return;
    }
    log_event(LOG_WARN, "a key in etcd is ignored", LOG_STR("prefix", m->prefix),
              LOG_STR("key", name), LOG_STR("why", why));
    if (!i && HASH_COUNT(m->ignored) < MOST_IGNORED && (i = calloc(1, sizeof(*i)))) {
        snprintf(i->name, sizeof(i->name), "%s", name);
        HASH_ADD_STR(m->ignored, name, i);
    }
    if (!i)
        return;
    snprintf(i->why, sizeof(i->why), "%s", why);
    i->revision = k->revision;
    i->list = m->list;
}

/* ---- keys ---- */

/* 0 and takes `value` and `text` over, or -1 and the reason. */
static int put(struct etcd_members *m, struct etcd_member *x, const struct etcd_value *value,
               char *text, int64_t revision, char err[P2P_ERRLEN])
{
    size_t n = strlen(text), old = x ? strlen(x->text) : 0;

    if (m->bytes - old + n > MOST_BYTES || (!x && HASH_COUNT(m->table) >= m->most)) {
        snprintf(err, P2P_ERRLEN, "there is no room: %u nodes with %zu bytes are there already",
                 HASH_COUNT(m->table), m->bytes);
        return -1;
    }
    if (x) {
        etcd_value_release(&x->value);
        free(x->text);
    } else {
        x = calloc(1, sizeof(*x));
        if (!x) {
            snprintf(err, P2P_ERRLEN, "out of memory");
            return -1;
        }
        snprintf(x->address, sizeof(x->address), "%s", value->endpoint.text);
        x->since = timestamp_now();
        HASH_ADD_STR(m->table, address, x);
        log_event(LOG_INFO, "a peer joined", LOG_STR("peer", value->id),
                  LOG_STR("address", x->address));
    }
    m->bytes += n - old;
    x->text = text;
    x->value = *value;
    x->revision = revision;
    x->list = m->list;
    tell_joined(m, x);
    return 0;
}

/* The node is at the address that its key names, and at no other. */
static int read_value(struct etcd_value *v, const char *address, const struct etcd_key *k,
                      char err[P2P_ERRLEN])
{
    if (etcd_value_read(v, k->value, k->value_len, err))
        return -1;
    if (strcmp(v->endpoint.text, address) == 0)
        return 0;
    etcd_value_release(v);
    snprintf(err, P2P_ERRLEN, "its \"address\" is not that of its key");
    return -1;
}

static void take_own(struct etcd_members *m, const struct etcd_key *k)
{
    char err[P2P_ERRLEN];
    struct etcd_value v;

    if (k->gone) {
        m->own_gone = true;
        return;
    }
    m->own_list = m->list;
    if (read_value(&v, m->node->advertised.text, k, err)) {
        ignore(m, k, err);
        m->own_taken = true;
        return;
    }
    if (strcmp(v.id, m->node->id) != 0) {
        log_event(LOG_WARN, "another node says in etcd that it is at this node's address",
                  LOG_STR("other", v.id), LOG_STR("address", m->node->advertised.text));
        m->own_taken = true;
    }
    forgive(m, k);
    etcd_value_release(&v);
}

static bool has_text(const struct etcd_member *x, const struct etcd_key *k)
{
    return strlen(x->text) == k->value_len && memcmp(x->text, k->value, k->value_len) == 0;
}

static void take_put(struct etcd_members *m, struct etcd_member *x, const char *address,
                     const struct etcd_key *k)
{
    char err[P2P_ERRLEN];
    struct etcd_value v;
    char *text;

    if (x) { /* even if its news make no sense */
        x->list = m->list;
        x->missing_ns = 0;
    }
    if (x && has_text(x, k)) {
        forgive(m, k);
        if (x->revision != k->revision) /* it is there again */
            tell_joined(m, x);
        x->revision = k->revision;
        return;
    }
    if (read_value(&v, address, k, err)) {
        ignore(m, k, err);
        return;
    }
    text = strndup(k->value, k->value_len);
    if (!text)
        snprintf(err, sizeof(err), "out of memory");
    if (text && put(m, x, &v, text, k->revision, err) == 0) {
        forgive(m, k);
        return;
    }
    ignore(m, k, err);
    free(text);
    etcd_value_release(&v);
}

void etcd_members_take(void *members, const struct etcd_key *k)
{
    struct etcd_members *m = members;
    size_t skip = strlen(m->prefix);
    const char *address = k->name + skip;
    struct etcd_member *x;

    if (k->name_len < skip || memcmp(k->name, m->prefix, skip) != 0)
        return; /* not what was asked for */
    pthread_mutex_lock(&m->lock);
    HASH_FIND_STR(m->table, address, x);
    if (k->gone)
        forgive(m, k);
    if (strlen(address) != k->name_len - skip) {
        if (!k->gone)
            ignore(m, k, "its name has a zero byte");
    } else if (strcmp(address, m->node->advertised.text) == 0) {
        take_own(m, k);
    } else if (!k->gone) {
        take_put(m, x, address, k);
    } else if (x) {
        drop(m, x, "a peer left");
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- lists ---- */

void etcd_members_list_begin(struct etcd_members *m)
{
    m->list++;
}

bool etcd_members_list_end(struct etcd_members *m, uint64_t now_ns)
{
    struct etcd_ignored *i, *next;

    pthread_mutex_lock(&m->lock);
    for (struct etcd_member *x = m->table; x; x = x->hh.next)
        if (x->list != m->list && !x->missing_ns)
            x->missing_ns = now_ns;
    HASH_ITER(hh, m->ignored, i, next)
    {
        if (i->list != m->list)
            ignored_free(m, i);
    }
    pthread_mutex_unlock(&m->lock);
    return m->own_list == m->list;
}

uint64_t etcd_members_expire(struct etcd_members *m, uint64_t now_ns, uint64_t grace_ns)
{
    struct etcd_member *x, *next;
    uint64_t due = 0;

    pthread_mutex_lock(&m->lock);
    HASH_ITER(hh, m->table, x, next)
    {
        uint64_t end = x->missing_ns + grace_ns;

        if (!x->missing_ns)
            continue;
        if (end <= now_ns)
            drop(m, x, "a peer did not come back");
        else if (!due || end < due)
            due = end;
    }
    pthread_mutex_unlock(&m->lock);
    return due;
}

void etcd_members_again(struct etcd_members *m)
{
    for (const struct etcd_member *x = m->table; x; x = x->hh.next)
        tell_joined(m, x);
}

unsigned etcd_members_count(const struct etcd_members *m)
{
    return HASH_COUNT(m->table);
}

/* ---- for people ---- */

static cJSON *member_json(const struct etcd_member *x)
{
    cJSON *row = cJSON_CreateObject(), *list;
    char since[TIMESTAMP];

    timestamp_format(x->since, 0, since);
    cJSON_AddStringToObject(row, "id", x->value.id);
    cJSON_AddStringToObject(row, "address", x->address);
    cJSON_AddStringToObject(row, "group", x->value.group);
    cJSON_AddStringToObject(row, "state", x->missing_ns ? "missing" : "alive");
    cJSON_AddStringToObject(row, "since", since);
    cJSON_AddNumberToObject(row, "slots", x->value.slots);
    cJSON_AddStringToObject(row, "version", x->value.version);
    if (x->value.knows_functions) {
        list = cJSON_AddArrayToObject(row, "functions");
        for (unsigned i = 0; i < x->value.n_functions; i++)
            cJSON_AddItemToArray(list, cJSON_CreateString(x->value.functions[i]));
    }
    return row;
}

void etcd_members_describe(struct etcd_members *m, struct cJSON *out)
{
    cJSON *members = cJSON_AddArrayToObject(out, "members");
    cJSON *ignored = cJSON_AddArrayToObject(out, "ignored");

    pthread_mutex_lock(&m->lock);
    for (const struct etcd_member *x = m->table; x; x = x->hh.next)
        cJSON_AddItemToArray(members, member_json(x));
    for (const struct etcd_ignored *i = m->ignored; i; i = i->hh.next) {
        cJSON *row = cJSON_CreateObject();

        cJSON_AddStringToObject(row, "key", i->name);
        cJSON_AddStringToObject(row, "why", i->why);
        cJSON_AddItemToArray(ignored, row);
    }
    pthread_mutex_unlock(&m->lock);
}
