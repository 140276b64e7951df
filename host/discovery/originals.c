#include "host/discovery/originals.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "host/discovery/p2p.h"
#include "host/log.h"

enum { IP_TEXT = sizeof(((struct original_row *)0)->ip) };
enum { DEAD_AFTER = 3, MOST = CONFIG_MAX_PEERS, MOST_DOUBLINGS = 6, LIST_BYTES = 4 << 20 };
static const uint64_t ANSWER_NS = 5000000000; /* as the original waits */

struct original {
    struct original_row row;
    struct originals *all;
    uint64_t due_ns;
    bool asked;          /* the call is under way */
    bool dropped;        /* to be freed when it is over */
    struct headers host; /* first in the question, as the original writes it */
    struct call call;
    struct http_response response;
    UT_hash_handle hh; /* by row.ip */
};

struct originals {
    struct node *node;
    const struct config *config;
    pthread_mutex_t *lock;
    char own[IP_TEXT];
    struct headers ours; /* of each question */
    void (*found)(void *ctx, const char *ip);
    void *ctx;
    struct original *by_ip;
};

static const struct http_limits limits = {.headers = 4096, .body = LIST_BYTES};

/* One way to write it for each address of a node; false for what is none. */
static bool canonical(const char *text, char out[IP_TEXT])
{
    static const unsigned char everybody[4] = {255, 255, 255, 255};
    struct swim_address a;
    struct endpoint e;
    char err[P2P_ERRLEN];
    bool v4;

    if (!endpoint_is_bare(text) || endpoint_parse(&e, text, 1, err))
        return false;
    p2p_address(&a, &e);
    v4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)a.ip);
    if (!swim_address_valid(&a) || (v4 && memcmp(a.ip + 12, everybody, sizeof(everybody)) == 0))
        return false;
    p2p_ip(&a, out);
    return true;
}

struct originals *originals_new(struct node *n, const struct config *c, pthread_mutex_t *lock,
                                const char *group, void (*found)(void *ctx, const char *ip),
                                void *ctx)
{
    struct originals *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    o->node = n;
    o->config = c;
    o->lock = lock;
    if (!canonical(n->ip, o->own))
        snprintf(o->own, sizeof(o->own), "%s", n->ip);
    o->found = found;
    o->ctx = ctx;
    headers_init(&o->ours, limits.headers);
    originals_set_group(o, group);
    return o;
}

void originals_set_group(struct originals *o, const char *group)
{
    headers_clear(&o->ours);
    headers_add(&o->ours, "User-Agent", "Machine");
    headers_add(&o->ours, "P2pfaas-Machine-Group-Name", group);
    headers_add(&o->ours, "P2pfaas-Machine-Ip", o->node->ip);
    headers_add(&o->ours, "P2pfaas-Machine-Name", o->node->ip);
    headers_add(&o->ours, "Accept-Encoding", "gzip");
}

struct endpoint originals_endpoint(const struct config *c, const char *ip)
{
    char err[P2P_ERRLEN];
    struct endpoint e;

    if (endpoint_parse(&e, ip, (uint16_t)c->node.port, err))
        memset(&e, 0, sizeof(e)); /* is_welcome has let none in that is no address */
    return e;
}

static struct endpoint endpoint_of(const struct original *p)
{
    return originals_endpoint(p->all->config, p->row.ip);
}

static void set_alive(struct original *p, bool alive)
{
    struct node *n = p->all->node;
    struct discovery_member m = {.name = p->row.ip,
                                 .group = p->row.group,
                                 .protocol = PEER_ORIGINAL,
                                 .endpoint = endpoint_of(p)};

    if (alive)
        discovery_joined(n, &m);
    else
        discovery_dead(n, &m.endpoint);
    if (alive != p->row.alive)
        log_event(LOG_INFO, alive ? "a node of the original P2PFaaS joined" : "it does not answer",
                  LOG_STR("address", p->row.ip));
    p->row.alive = alive;
}

static void destroy(struct original *p)
{
    headers_release(&p->host);
    http_response_release(&p->response);
    free(p);
}

/* No longer in the table: no peer, and freed as soon as nobody answers to it. */
static void retire(struct original *p)
{
    struct endpoint e = endpoint_of(p);

    discovery_left(p->all->node, &e);
    p->dropped = true;
    if (!p->asked)
        destroy(p);
}

static void take_out(struct original *p)
{
    HASH_DEL(p->all->by_ip, p);
    retire(p);
}

void originals_forget(struct originals *o)
{
    struct original *p = o->by_ip, *next;

    HASH_CLEAR(hh, o->by_ip);
    for (; p; p = next) {
        next = p->hh.next;
        retire(p);
    }
}

void originals_free(struct originals *o)
{
    struct original *p, *next;

    if (!o)
        return;
    p = o->by_ip;
    HASH_CLEAR(hh, o->by_ip);
    for (; p; p = next) {
        next = p->hh.next;
        if (p->asked)
            upstream_cancel(&p->call);
        destroy(p);
    }
    headers_release(&o->ours);
    free(o);
}

static struct original *find(const struct originals *o, const char *ip)
{
    char key[IP_TEXT];
    struct original *p = NULL;

    if (canonical(ip, key))
        HASH_FIND_STR(o->by_ip, key, p);
    return p;
}

bool originals_has(const struct originals *o, const char *ip)
{
    return find(o, ip) != NULL;
}

void originals_drop(struct originals *o, const char *ip)
{
    struct original *p = find(o, ip);

    if (p)
        take_out(p);
}

static bool is_welcome(const struct originals *o, const char *ip, char key[IP_TEXT])
{
    static const char bridge[] = "172.17.";

    return canonical(ip, key) && strcmp(key, o->own) != 0 &&
           strncmp(key, bridge, sizeof(bridge) - 1) != 0;
}

static void heard(struct original *p, const char *group)
{
    if (group)
        snprintf(p->row.group, sizeof(p->row.group), "%s", group);
    p->row.heard = time(NULL);
    p->row.failures = 0;
    set_alive(p, true);
}

void originals_add(struct originals *o, const char *ip, const char *group)
{
    struct original *p = find(o, ip);
    char key[IP_TEXT];

    if (!p) {
        if (!is_welcome(o, ip, key) || HASH_COUNT(o->by_ip) >= MOST || !(p = calloc(1, sizeof(*p))))
            return;
        p->all = o;
        memcpy(p->row.ip, key, sizeof(key));
        headers_init(&p->host, limits.headers);
        http_response_init(&p->response, &limits);
        HASH_ADD_STR(o->by_ip, row.ip, p);
    }
    heard(p, group);
}

/* ---- asking ---- */

static void read_list(struct originals *o, struct http_response *r)
{
    const char *text = buf_text(&r->body);
    cJSON *list = text ? cJSON_Parse(text) : NULL;
    const cJSON *item;
    char key[IP_TEXT];
    unsigned n = 0;

    cJSON_ArrayForEach(item, list)
    {
        const cJSON *ip = cJSON_GetObjectItemCaseSensitive(item, "ip");

        if (++n > MOST)
            break;
        if (cJSON_IsString(ip) && is_welcome(o, ip->valuestring, key))
            o->found(o->ctx, key);
    }
    cJSON_Delete(list);
}

enum kind { KIND_ORIGINAL, KIND_OURS, KIND_SELF /* under another address */ };

static enum kind kind_of(const struct original *p)
{
    const struct headers *h = &p->response.headers;
    const char *ip = headers_get(h, "P2pfaas-Machine-Ip");

    if (ip && strcmp(ip, p->all->node->ip) == 0)
        return KIND_SELF;
    return headers_get(h, ORIGINALS_NOT_ONE) ? KIND_OURS : KIND_ORIGINAL;
}

static void take_out_other(struct original *p, enum kind kind)
{
    struct originals *o = p->all;
    char key[IP_TEXT];

    memcpy(key, p->row.ip, sizeof(key));
    take_out(p);
    if (kind == KIND_OURS)
        o->found(o->ctx, key);
}

static void take_answer(struct original *p, enum call_result result)
{
    uint64_t poll = (uint64_t)p->all->config->discovery.poll;
    unsigned failures;

    p->asked = false;
    if (result == CALL_ANSWERED && p->call.status == 200) {
        enum kind kind = kind_of(p);

        if (kind != KIND_ORIGINAL) {
            take_out_other(p, kind);
            return;
        }
        p->row.ping_ns = p->call.answered_ns - p->call.started_ns;
        heard(p, headers_get(&p->response.headers, "P2pfaas-Machine-Group-Name"));
        read_list(p->all, &p->response);
    } else {
        p->row.failures++;
        if (p->row.failures >= DEAD_AFTER && p->row.alive)
            set_alive(p, false);
    }
    failures = p->row.failures < MOST_DOUBLINGS ? p->row.failures : MOST_DOUBLINGS;
    p->due_ns = clock_ns() + (poll << (failures > DEAD_AFTER ? failures - DEAD_AFTER : 0));
}

static void on_list(struct call *c, enum call_result result)
{
    struct original *p = c->owner;
    pthread_mutex_t *lock;

    if (p->dropped) { /* p->all may be gone */
        destroy(p);
        return;
    }
    lock = p->all->lock;
    pthread_mutex_lock(lock);
    take_answer(p, result);
    pthread_mutex_unlock(lock);
}

static void ask(struct original *p, uint64_t now_ns)
{
    struct node *n = p->all->node;
    struct endpoint to;
    char err[P2P_ERRLEN];

    if (endpoint_parse(&to, p->row.ip, (uint16_t)p->all->config->discovery.port, err))
        return;
    p->asked = true;
    headers_clear(&p->host);
    headers_add(&p->host, "Host", to.text);
    http_response_clear(&p->response);
    p->call = (struct call){
        .method = "GET",
        .path = "/list",
        .headers = &p->host,
        .headers2 = &p->all->ours,
        .started_ns = now_ns,
        .timeout_ns = ANSWER_NS,
        .done = on_list,
        .owner = p,
        .response = &p->response,
    };
    upstream_start(n->shards[0].reactor.upstreams, &to, &p->call);
}

void originals_poll(struct originals *o, uint64_t now_ns)
{
    struct original *p, *next;

    HASH_ITER(hh, o->by_ip, p, next)
    if (!p->asked && now_ns >= p->due_ns)
        ask(p, now_ns);
}

/* ---- for people ---- */

static int by_ip(const void *a, const void *b)
{
    return strcmp(((const struct original_row *)a)->ip, ((const struct original_row *)b)->ip);
}

unsigned originals_list(const struct originals *o, struct original_row *rows, unsigned max)
{
    unsigned n = 0;

    for (const struct original *p = o->by_ip; p && n < max; p = p->hh.next)
        rows[n++] = p->row;
    qsort(rows, n, sizeof(*rows), by_ip);
    return n;
}
