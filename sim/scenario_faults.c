/*
 * scenario_faults.c - what goes wrong, where and when.
 */
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "sim/scenario_private.h"

#define BIT(kind) (1U << FAULT_##kind)
static const struct key_use fault_uses[] = {{"nodes",
                                             BIT(DOWN) | BIT(SLOW) | BIT(PARTITION) | BIT(STALE),
                                             BIT(DOWN) | BIT(SLOW) | BIT(PARTITION)},
                                            {"factor", BIT(SLOW), BIT(SLOW)},
                                            {"age", BIT(STALE), BIT(STALE)},
                                            {NULL, 0, 0}};

static const struct group_config *find_group(const struct scenario *s, const char *name)
{
    for (unsigned i = 0; i < s->n_groups; i++)
        if (strcmp(s->group[i].name, name) == 0)
            return &s->group[i];
    return NULL;
}

static int unknown_group(struct reader *r, const yaml_node_t *at, const char *name)
{
    const struct scenario *s = reading_of(r)->s;
    const char *names[SCENARIO_MAX_GROUPS + 1];
    char text[160];

    for (unsigned i = 0; i < s->n_groups; i++)
        names[i] = s->group[i].name;
    names[s->n_groups] = NULL;
    suggest_unknown(text, sizeof(text), name, names);
    return reader_fail(r, at, "faults.nodes: group '%.30s' is %s", name, text);
}

/* "[3]" and "[0-9]" behind the name of a group. */
static bool read_range(const char *text, int64_t *first, int64_t *last)
{
    static const char digits[] = "0123456789";
    size_t n = strspn(text + 1, digits), m;

    if (text[0] != '[' || n == 0 || n > 9)
        return false;
    *first = *last = strtoll(text + 1, NULL, 10);
    text += 1 + n;
    if (*text == '-') {
        m = strspn(text + 1, digits);
        if (m == 0 || m > 9)
            return false;
        *last = strtoll(text + 1, NULL, 10);
        text += 1 + m;
    }
    return strcmp(text, "]") == 0 && *first <= *last;
}

static int read_nodes(struct reader *r, const yaml_node_t *at, struct fault_config *f,
                      const char *text)
{
    size_t n = strcspn(text, "[");
    bool all = strcmp(text, "*") == 0;
    const struct group_config *g;
    int64_t last;
    char name[64];

    snprintf(name, sizeof(name), "%.*s", (int)(n < 60 ? n : 60), text);
    g = find_group(reading_of(r)->s, name);
    if (!g && !all)
        return unknown_group(r, at, name);
    f->group = strdup(all ? "" : name);
    if (!f->group)
        return reader_fail(r, at, "out of memory");
    if (!g || !text[n])
        return 0;
    if (!read_range(text + n, &f->first, &last))
        return reader_fail(r, at,
                           "faults.nodes: '%.60s' is not right; allowed: as in pi, pi[3], "
                           "pi[0-9], *",
                           text);
    if (last >= g->count)
        return reader_fail(r, at, "faults.nodes: '%.60s' is beyond the group; allowed: 0 to %lld",
                           text, (long long)g->count - 1);
    f->count = last - f->first + 1;
    return 0;
}

/* ---- what contradicts itself ---- */

static bool same_nodes(const struct fault_config *a, const struct fault_config *b)
{
    if (!a->group[0] || !b->group[0])
        return true;
    if (strcmp(a->group, b->group) != 0)
        return false;
    return a->count == 0 || b->count == 0 ||
           (a->first < b->first + b->count && b->first < a->first + a->count);
}

static bool same_time(const struct fault_config *a, const struct fault_config *b)
{
    return (a->until == 0 || b->at < a->until) && (b->until == 0 || a->at < b->until);
}

static int check(struct reader *r, const yaml_node_t *map, const struct fault_config *f)
{
    const struct scenario *s = reading_of(r)->s;
    const yaml_node_t *at = scenario_find(r, map, "at", NULL);
    const yaml_node_t *until = scenario_find(r, map, "until", NULL);
    char place[160];

    if (until && f->until <= f->at)
        return reader_fail(r, until,
                           "faults.until is not after at; allowed: later, or leave it "
                           "out: to the end");
    if (at && f->at >= s->run.warm_up + s->run.length)
        return reader_fail(r, at,
                           "faults.at is not before the end of the run; allowed: less than "
                           "run.warm_up + run.length, %gs",
                           (double)(s->run.warm_up + s->run.length) / 1e9);
    if (f->kind == FAULT_PARTITION &&
        (!f->group[0] || (s->n_groups == 1 && (f->count == 0 || f->count == s->group[0].count))))
        return reader_fail(r, map,
                           "faults.nodes: a partition of all nodes cuts nobody off; "
                           "allowed: some of them");
    /* One network can be cut in several ways; a node is down once. */
    for (const struct fault_config *o = s->fault; o < f && f->kind != FAULT_PARTITION; o++)
        if (o->kind == f->kind && same_nodes(o, f) && same_time(o, f)) {
            scenario_place(s, o->line, place, sizeof(place));
            return reader_fail(r, map,
                               "faults: the same nodes and time as the one at %.100s; "
                               "allowed: apart",
                               place);
        }
    return 0;
}

static int read_fault(struct reader *r, const yaml_node_t *map)
{
    struct scenario *s = reading_of(r)->s;
    const struct p2p_param *keys = scenario_sections[SECTION_FAULTS].keys;
    const yaml_node_t *nodes = scenario_find(r, map, "nodes", NULL);
    struct fault_config *f, *grown;
    struct fault_keys k;
    int rc = -1;

    grown =
        scenario_grow(r, map, "faults", s->fault, s->n_faults, SCENARIO_MAX_FAULTS, sizeof(*grown));
    if (!grown)
        return -1;
    s->fault = grown;
    f = &grown[s->n_faults++];
    if (params_defaults(keys, &k, r->err))
        return -1;
    if (map->type != YAML_MAPPING_NODE || !scenario_find(r, map, "kind", NULL)) {
        reader_fail(r, map,
                    "faults: an entry without a kind; allowed: as in {kind: down, nodes: "
                    "pi[0-9], at: 20s, until: 30s}");
    } else if (scenario_keys_read(r, SECTION_FAULTS, "faults", &k, map) == 0 &&
               scenario_check_uses(r, "faults", map, keys, k.kind, fault_uses) == 0) {
        f->kind = k.kind;
        f->at = k.at;
        f->until = k.until;
        f->factor = k.factor;
        f->age = k.age;
        f->line = reader_line(map);
        rc = read_nodes(r, nodes ? nodes : map, f, k.nodes);
    }
    params_release(keys, &k);
    return rc || check(r, map, f) ? -1 : 0;
}

int scenario_read_faults(struct reader *r, const yaml_node_t *n)
{
    if (!n || reader_is_empty(n))
        return 0;
    if (n->type != YAML_SEQUENCE_NODE)
        return reader_fail(r, n,
                           "faults is %s; allowed: a list, as in [{kind: down, nodes: pi, "
                           "at: 20s}]",
                           reader_kind(n));
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
        if (read_fault(r, reader_node(r, *i)))
            return -1;
    return 0;
}
