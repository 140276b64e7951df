#include "bench/experiment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "bench/experiment_private.h"
#include "sim/scenario_private.h"

enum { NODE_PORT = 18080, MOST_FUNCTION = 512 };

/* What is read, as scenario_private.h wants it. */
struct experiment_reading {
    struct reading base;
    struct experiment *e;
};

static struct experiment *experiment_of(const struct reader *r)
{
    return ((struct experiment_reading *)r->ctx)->e;
}

static const struct p2p_param *keys_of(enum experiment_section_id id)
{
    return experiment_sections[id].keys;
}

/* ---- maps by a table ---- */

struct target {
    enum experiment_section_id id;
    const char *name;
    void *base;
};

static int read_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                    const yaml_node_t *value)
{
    const struct target *t = ctx;
    const struct experiment_section *s = &experiment_sections[t->id];
    const struct p2p_param *p = params_find(s->keys, key);

    for (const char *const *more = s->more; *more; more++)
        if (strcmp(*more, key) == 0)
            return 0;
    return p ? reader_set(r, t->name, p, t->base, value)
             : reader_unknown(r, key_at, t->name, key, s->keys, s->more);
}

static int read_map(struct reader *r, enum experiment_section_id id, const char *name, void *base,
                    const yaml_node_t *map)
{
    struct target t = {id, name, base};

    return map ? reader_each(r, map, name, read_key, &t) : 0;
}

/* Without a section in front of it. */
static int read_top_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                        const yaml_node_t *value)
{
    const struct experiment_section *top = &experiment_sections[EXPERIMENT_TOP];
    const struct p2p_param *p = params_find(top->keys, key);
    char why[P2P_ERRLEN], text[200];
    const char *names[20], *set_to = p ? reader_text(r, value, key) : NULL;

    if (p && !set_to)
        return -1;
    if (p)
        return params_set(p, ctx, set_to, why) ? reader_fail(r, value, "%s", why) : 0;
    for (const char *const *more = top->more; *more; more++)
        if (strcmp(*more, key) == 0)
            return 0;
    suggest_names(top->keys, top->more, names, sizeof(names) / sizeof(names[0]));
    suggest_unknown(text, sizeof(text), key, names);
    return reader_fail(r, key_at, "%.40s: %s", key, text);
}

static int set_name(struct reader *r, const yaml_node_t *at, const char *what,
                    const struct p2p_param *keys, void *base, const char *name)
{
    if (scenario_name_check(r, at, what, name, EXPERIMENT_MAX_NAME))
        return -1;
    return params_set(params_find(keys, "name"), base, name, r->err);
}

/* A file that is named and readable; the key may be absent. */
static int find_file(struct reader *r, const yaml_node_t *map, const char *section, const char *key,
                     const char **path)
{
    const yaml_node_t *at = scenario_find(r, map, key, NULL);
    char what[96];

    if (!at || !**path)
        return 0;
    snprintf(what, sizeof(what), "%.60s.%s", section, key);
    return scenario_file(r, at, what, path);
}

/* ---- nodes ---- */

#define BIT(process) (1U << EXPERIMENT_##process)
#define STEADY (BIT(POISSON) | BIT(DETERMINISTIC))
#define TRACES (BIT(AZURE_2019) | BIT(AZURE_2021))
#define FILES (BIT(CSV) | TRACES)
static const struct key_use uses[] = {{"rate", STEADY | BIT(CSV), STEADY},
                                      {"file", FILES, FILES},
                                      {"durations", BIT(AZURE_2019), 0},
                                      {"step", BIT(CSV), 0},
                                      {"scale", FILES, 0},
                                      {"speedup", FILES, 0},
                                      {"traffic", STEADY, 0},
                                      {"rate_min", STEADY, 0},
                                      {"shift", STEADY, 0},
                                      {"repetitions", STEADY, 0},
                                      {NULL, 0, 0}};

static int check_rates(struct reader *r, const char *section, const struct experiment_node *n,
                       const yaml_node_t *map)
{
    static const char *const only[] = {"rate_min", "shift", "repetitions", NULL};
    const yaml_node_t *at;

    if (scenario_check_uses(r, section, map, params_find(keys_of(EXPERIMENT_NODES), "arrivals"),
                            n->arrivals, uses))
        return -1;
    for (const char *const *key = only; *key; key++)
        if (!n->traffic[0] && scenario_find(r, map, *key, &at))
            return reader_fail(r, at, "%s.%s: there is no traffic; allowed: with a traffic file",
                               section, *key);
    at = scenario_find(r, map, "rate", NULL);
    if (at && (STEADY & 1U << n->arrivals) && n->rate <= 0)
        return reader_fail(r, at, "%s.rate: 0; allowed: more, up to 1e6 calls a second", section);
    if (n->traffic[0] && n->rate_min > n->rate)
        return reader_fail(r, scenario_find(r, map, "rate_min", NULL),
                           "%s.rate_min: %g is more than rate; allowed: 0 to %g", section,
                           n->rate_min, n->rate);
    return 0;
}

int experiment_locate(const struct experiment *e, struct experiment_node *n, const char *address,
                      char err[P2P_ERRLEN])
{
    char host[64];
    const char *end;

    if (endpoint_parse(&n->endpoint, address, NODE_PORT, err))
        return -1;
    n->learner = n->endpoint;
    if (e->rewards.port == 0)
        return 0;
    end = strrchr(n->endpoint.text, ':');
    snprintf(host, sizeof(host), "%.*s:%d", (int)(end - n->endpoint.text), n->endpoint.text,
             (int)e->rewards.port);
    return endpoint_parse(&n->learner, host, NODE_PORT, err);
}

static int check_address(struct reader *r, const char *section, struct experiment_node *n,
                         const yaml_node_t *map)
{
    const yaml_node_t *at = scenario_find(r, map, "address", NULL);
    const struct experiment *e = experiment_of(r);
    char why[P2P_ERRLEN];

    if (e->cluster.nodes > 0 && n->address[0])
        return reader_fail(r, at,
                           "%s.address: there is a cluster; allowed: without an address, as it "
                           "is a node of the cluster",
                           section);
    if (e->cluster.nodes > 0)
        return 0;
    if (!n->address[0])
        return reader_fail(r, at ? at : map,
                           "%s.address is missing; allowed: as in 127.0.0.1:18080", section);
    return experiment_locate(e, n, n->address, why)
               ? reader_fail(r, at, "%s.address: %.160s", section, why)
               : 0;
}

static int read_node(struct reader *r, void *ctx, const char *name, const yaml_node_t *name_at,
                     const yaml_node_t *value)
{
    struct experiment *e = experiment_of(r);
    struct experiment_node *n, *grown = scenario_grow(r, name_at, "nodes", e->node, e->n_nodes,
                                                      EXPERIMENT_MAX_NODES, sizeof(*grown));
    char section[64];

    (void)ctx;
    if (!grown)
        return -1;
    e->node = grown;
    n = &grown[e->n_nodes];
    if (params_defaults(keys_of(EXPERIMENT_NODES), n, r->err))
        return -1;
    e->n_nodes++;
    n->line = reader_line(name_at);
    if (set_name(r, name_at, "nodes", keys_of(EXPERIMENT_NODES), n, name))
        return -1;
    snprintf(section, sizeof(section), "nodes.%s", n->name);
    for (unsigned i = 0; i + 1 < e->n_nodes; i++)
        if (strcmp(e->node[i].name, n->name) == 0)
            return reader_fail(r, name_at, "nodes: %s is there twice", n->name);
    return read_map(r, EXPERIMENT_NODES, section, n, value) || check_rates(r, section, n, value) ||
                   check_address(r, section, n, value) ||
                   find_file(r, value, section, "file", &n->file) ||
                   find_file(r, value, section, "durations", &n->durations) ||
                   find_file(r, value, section, "traffic", &n->traffic)
               ? -1
               : 0;
}

/* ---- payloads ---- */

static int fill(struct buf *b, int64_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";

    if (buf_reserve(b, (size_t)size))
        return -1;
    for (int64_t i = 0; i < size; i++)
        b->data[i] = letters[i % 32];
    b->len = (size_t)size;
    return 0;
}

static int load_file(struct buf *b, const char *file)
{
    char piece[16384];
    FILE *f = fopen(file, "re");
    size_t n;
    int rc = f ? 0 : -1;

    while (rc == 0 && (n = fread(piece, 1, sizeof(piece), f)) > 0) {
        errno = EFBIG;
        rc = buf_append(b, piece, n);
    }
    if (rc == 0 && ferror(f))
        rc = -1;
    if (f)
        fclose(f);
    return rc;
}

static int read_body(struct reader *r, const char *section, struct experiment_payload *p,
                     const yaml_node_t *map)
{
    static const char *const ways[] = {"text", "file", "size", NULL};
    const yaml_node_t *at, *first = NULL;

    for (const char *const *way = ways; *way; way++) {
        if (!scenario_find(r, map, *way, &at))
            continue;
        if (first)
            return reader_fail(r, at, "%s: %s and %s are both given; allowed: one of them", section,
                               (const char *)first->data.scalar.value, *way);
        first = at;
    }
    buf_init(&p->body, EXPERIMENT_MAX_BODY);
    if (find_file(r, map, section, "file", &p->file))
        return -1;
    if (p->file[0])
        return load_file(&p->body, p->file)
                   ? reader_fail(r, first, "%s.file: %.100s: %s; allowed: up to %d MB", section,
                                 p->file, strerror(errno), EXPERIMENT_MAX_BODY >> 20)
                   : 0;
    return (p->size > 0 ? fill(&p->body, p->size) : buf_puts(&p->body, p->text))
               ? reader_fail(r, map, "%s: out of memory", section)
               : 0;
}

static int check_payload(struct reader *r, const char *section, const struct experiment_payload *p,
                         const yaml_node_t *map)
{
    const yaml_node_t *at = scenario_find(r, map, "function", NULL);
    size_t n = strlen(p->function);

    if (!p->function[0])
        return reader_fail(r, at ? at : map, "%s.function is missing; allowed: a name, as in echo",
                           section);
    if (p->function[0] == '/' || n > MOST_FUNCTION || !http_is_target(p->function, n))
        return reader_fail(r, at,
                           "%s.function: '%.60s' cannot be called; allowed: a name, as in echo, "
                           "without a slash before it, blanks or control characters",
                           section, p->function);
    at = scenario_find(r, map, "content_type", NULL);
    for (const char *c = p->content_type; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return reader_fail(r, at, "%s.content_type has a control character", section);
    return 0;
}

static int read_payload(struct reader *r, void *ctx, const char *name, const yaml_node_t *name_at,
                        const yaml_node_t *value)
{
    struct experiment *e = experiment_of(r);
    struct experiment_payload *p,
        *grown = scenario_grow(r, name_at, "payloads", e->payload, e->n_payloads,
                               EXPERIMENT_MAX_PAYLOADS, sizeof(*grown));
    char section[64];

    (void)ctx;
    if (!grown)
        return -1;
    e->payload = grown;
    p = &grown[e->n_payloads];
    if (params_defaults(keys_of(EXPERIMENT_PAYLOADS), p, r->err))
        return -1;
    e->n_payloads++;
    p->line = reader_line(name_at);
    if (set_name(r, name_at, "payloads", keys_of(EXPERIMENT_PAYLOADS), p, name))
        return -1;
    snprintf(section, sizeof(section), "payloads.%s", p->name);
    for (unsigned i = 0; i + 1 < e->n_payloads; i++)
        if (strcmp(e->payload[i].name, p->name) == 0)
            return reader_fail(r, name_at, "payloads: %s is there twice", p->name);
    return read_map(r, EXPERIMENT_PAYLOADS, section, p, value) ||
                   check_payload(r, section, p, value) || read_body(r, section, p, value)
               ? -1
               : 0;
}

/* ---- the rest ---- */

static int read_rewards(struct reader *r, const yaml_node_t *n)
{
    struct experiment_reward_keys *k = &experiment_of(r)->rewards;
    const yaml_node_t *at;
    char end;

    if (read_map(r, EXPERIMENT_REWARDS, "rewards", k, n))
        return -1;
    at = scenario_find(r, n, "batch", NULL);
    if (sscanf(k->batch, "%5u..%5u%c", &k->batch_min, &k->batch_max, &end) != 2) {
        if (sscanf(k->batch, "%5u%c", &k->batch_min, &end) != 1)
            k->batch_min = 0;
        k->batch_max = k->batch_min;
    }
    if (k->batch_min < 1 || k->batch_max < k->batch_min || k->batch_max > 1000)
        return reader_fail(r, at ? at : n,
                           "rewards.batch: '%.20s' is no range; allowed: as in 10..20, from 1 to "
                           "1000",
                           k->batch);
    at = scenario_find(r, n, "path", NULL);
    if (k->path[0] != '/' || !http_is_target(k->path, strlen(k->path)))
        return reader_fail(r, at ? at : n,
                           "rewards.path: '%.60s' is no path; allowed: as in /train_batch",
                           k->path);
    return 0;
}

static int read_cluster(struct reader *r, const yaml_node_t *n)
{
    struct experiment_cluster *c = &experiment_of(r)->cluster;

    if (read_map(r, EXPERIMENT_CLUSTER, "cluster", c, n) ||
        find_file(r, n, "cluster", "config", &c->config))
        return -1;
    if (c->nodes > 0 && !c->config[0])
        return reader_fail(r, n, "cluster.config is missing; allowed: a plugins.yaml");
    return 0;
}

/* "runs/day.yaml" is called day. */
static int name_after_file(struct experiment *e, char *err)
{
    const char *slash = strrchr(e->file, '/'), *base = slash ? slash + 1 : e->file;
    const char *dot = strrchr(base, '.');
    char name[64];

    if (e->name[0])
        return 0;
    snprintf(name, sizeof(name), "%.*s", dot && dot > base ? (int)(dot - base) : 60, base);
    return params_set(params_find(keys_of(EXPERIMENT_TOP), "name"), e, name, err);
}

/* The name is a part of the results' folder. */
static int check_top(struct reader *r, const yaml_node_t *root)
{
    const struct experiment *e = experiment_of(r);
    const yaml_node_t *at = scenario_find(r, root, "name", NULL);
    double weights = 0;

    if (at && scenario_name_check(r, at, "name", e->name, 60))
        return -1;
    if (e->n_nodes == 0 || e->n_payloads == 0)
        return reader_fail(r, root, "%s: there are none; allowed: %s",
                           e->n_nodes ? "payloads" : "nodes",
                           e->n_nodes ? "payloads: {small: {function: echo}}"
                                      : "nodes: {one: {address: 127.0.0.1:18080, rate: 10}}");
    if (e->cluster.nodes > 0 && (unsigned)e->cluster.nodes != e->n_nodes)
        return reader_fail(r, scenario_find(r, root, "cluster", NULL),
                           "cluster.nodes: %d and %u nodes; allowed: the same number",
                           (int)e->cluster.nodes, e->n_nodes);
    for (unsigned i = 0; i < e->n_payloads; i++)
        weights += e->payload[i].weight;
    if (weights <= 0)
        return reader_fail(r, scenario_find(r, root, "payloads", NULL),
                           "payloads: every weight is 0; allowed: one that is more");
    return 0;
}

static int read_named(struct reader *r, const yaml_node_t *n, const char *what, entry_reader read)
{
    return n ? scenario_each_named(r, n, what, read, NULL) : 0;
}

static int read_all(struct reader *r, const yaml_node_t *root)
{
    const struct experiment_reading *all = r->ctx;
    static const yaml_node_t nothing;

    for (unsigned i = 0;
         all->base.override && i < EXPERIMENT_MAX_OVERRIDES && all->base.override[i].path; i++)
        if (scenario_override_apply(r, &all->base.override[i], i))
            return -1;
    root = yaml_document_get_root_node(r->doc);
    if (!root)
        return reader_fail(r, &nothing, "the file is empty; allowed: nodes and payloads");
    return reader_each(r, root, reader_top, read_top_key, all->e) ||
                   read_rewards(r, scenario_find(r, root, "rewards", NULL)) ||
                   read_cluster(r, scenario_find(r, root, "cluster", NULL)) ||
                   read_named(r, scenario_find(r, root, "payloads", NULL), "payloads",
                              read_payload) ||
                   read_named(r, scenario_find(r, root, "nodes", NULL), "nodes", read_node) ||
                   check_top(r, root) || name_after_file(all->e, r->err)
               ? -1
               : 0;
}

int experiment_read(struct experiment *e, const char *file, const struct scenario_override *o,
                    unsigned n, char err[P2P_ERRLEN])
{
    struct scenario_override set[EXPERIMENT_MAX_OVERRIDES + 1] = {{0}};
    struct reader_origin origin[EXPERIMENT_MAX_OVERRIDES];
    struct experiment_reading reading = {{NULL, set}, e};
    struct reader r = {.ctx = &reading, .err = err, .origin = origin};
    int rc = -1;

    memset(e, 0, sizeof(*e));
    for (unsigned i = 0; i < n && i < EXPERIMENT_MAX_OVERRIDES; i++) {
        set[i] = o[i];
        origin[i] = (struct reader_origin){"--set", o[i].path};
    }
    e->file = strdup(file);
    if (!e->file)
        snprintf(err, P2P_ERRLEN, "%.180s: out of memory", file);
    else if (params_defaults(keys_of(EXPERIMENT_TOP), e, err) == 0 &&
             params_defaults(keys_of(EXPERIMENT_REWARDS), &e->rewards, err) == 0 &&
             params_defaults(keys_of(EXPERIMENT_CLUSTER), &e->cluster, err) == 0)
        rc = reader_file(&r, file, read_all);
    if (rc)
        experiment_release(e);
    return rc;
}

void experiment_release(struct experiment *e)
{
    for (unsigned i = 0; i < e->n_nodes; i++)
        params_release(keys_of(EXPERIMENT_NODES), &e->node[i]);
    for (unsigned i = 0; i < e->n_payloads; i++) {
        params_release(keys_of(EXPERIMENT_PAYLOADS), &e->payload[i]);
        buf_release(&e->payload[i].body);
    }
    params_release(keys_of(EXPERIMENT_TOP), e);
    params_release(keys_of(EXPERIMENT_REWARDS), &e->rewards);
    params_release(keys_of(EXPERIMENT_CLUSTER), &e->cluster);
    free(e->node);
    free(e->payload);
    free((char *)(uintptr_t)e->file);
    memset(e, 0, sizeof(*e));
}
