/*
 * scenario_nodes.c - groups of equal nodes: their schedulers, learners, and the jobs that arrive.
 */
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "sim/scenario_private.h"

#define BIT(process) (1U << ARRIVALS_##process)
#define BY_RATE (BIT(POISSON) | BIT(DETERMINISTIC) | BIT(ON_OFF))
/* What has rates of its own, which rate and load scale. */
#define SCALED (BIT(MMPP) | BIT(CSV))
#define BY_FILE (BIT(CSV) | BIT(AZURE_2019) | BIT(AZURE_2021))
static const struct key_use arrival_uses[] = {{"rate", BY_RATE | SCALED, 0},
                                              {"load", BY_RATE | SCALED, 0},
                                              {"on", BIT(ON_OFF), 0},
                                              {"off", BIT(ON_OFF), 0},
                                              {"states", BIT(MMPP), BIT(MMPP)},
                                              {"file", BY_FILE, BY_FILE},
                                              {"durations", BIT(AZURE_2019), 0},
                                              {"step", BIT(CSV), 0},
                                              {"scale", BY_FILE, 0},
                                              {"speedup", BY_FILE, 0},
                                              {NULL, 0, 0}};

static const struct p2p_param *keys_of(enum section_id id)
{
    return scenario_sections[id].keys;
}

/* ---- arrivals ---- */

static int read_states(struct reader *r, const char *arrivals, struct arrival_config *a,
                       const yaml_node_t *n)
{
    char section[128];
    double sum = 0;

    snprintf(section, sizeof(section), "%s.states", arrivals);
    if (n->type != YAML_SEQUENCE_NODE)
        return reader_fail(r, n, "%s is %s; allowed: a list, as in [{rate: 5, stay: 10s}, …]",
                           section, reader_kind(n));
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = reader_node(r, *i);
        struct state_keys state;

        if (a->n_states == ARRIVALS_MAX_STATES)
            return reader_fail(r, item, "%s: more than %d states", section, ARRIVALS_MAX_STATES);
        if (params_defaults(keys_of(SECTION_STATES), &state, r->err) ||
            scenario_keys_read(r, SECTION_STATES, section, &state, item))
            return -1;
        if (!scenario_find(r, item, "rate", NULL) || !scenario_find(r, item, "stay", NULL))
            return reader_fail(r, item,
                               "%s: a state needs rate and stay, as in "
                               "{rate: 5, stay: 10s}",
                               section);
        sum += state.rate;
        a->state_rate[a->n_states] = state.rate;
        a->state_stay[a->n_states++] = state.stay;
    }
    if (a->n_states < 2 || sum <= 0)
        return reader_fail(r, n, "%s: %s; allowed: 2 to %d states, one with a rate", section,
                           a->n_states < 2 ? "fewer than 2 states" : "every rate is 0",
                           ARRIVALS_MAX_STATES);
    return 0;
}

/* A rate by itself, or one that follows from the load. */
static int check_rate(struct reader *r, const char *section, const struct arrival_config *a,
                      const yaml_node_t *map)
{
    const yaml_node_t *rate = scenario_find(r, map, "rate", NULL);
    const yaml_node_t *load = scenario_find(r, map, "load", NULL);

    if (rate && load)
        return reader_fail(r, load, "%s: load and rate are both given; allowed: one of them",
                           section);
    if ((rate || load) && scenario_find(r, map, "scale", NULL))
        return reader_fail(r, rate ? rate : load,
                           "%s: %s and scale are both given; allowed: one of them", section,
                           rate ? "rate" : "load");
    if (!rate && !load && (1U << a->process & BY_RATE))
        return reader_fail(r, map,
                           "%s: neither load nor rate is given; allowed: one of them, or "
                           "process: none",
                           section);
    if (load && a->load > 0 && scenario_mean_service(reading_of(r)->s) == 0)
        return reader_fail(r, load,
                           "%s.load: the mean service time is 0, so no rate follows; "
                           "allowed: rate, or a longer time",
                           section);
    return 0;
}

static int check_file(struct reader *r, const char *section, const char *key, const char **path,
                      const yaml_node_t *map)
{
    const yaml_node_t *at = scenario_find(r, map, key, NULL);
    char what[128];

    snprintf(what, sizeof(what), "%s.%s", section, key);
    return at && (*path)[0] ? scenario_file(r, at, what, path) : 0;
}

static int read_arrivals(struct reader *r, const char *group, struct arrival_config *a,
                         const yaml_node_t *n)
{
    const struct p2p_param *keys = keys_of(SECTION_ARRIVALS);
    char section[96];

    snprintf(section, sizeof(section), "%s.arrivals", group);
    if (!n || reader_is_empty(n)) {
        a->process = ARRIVALS_NONE;
        return 0;
    }
    if (scenario_keys_read(r, SECTION_ARRIVALS, section, a, n) ||
        scenario_check_uses(r, section, n, keys, a->process, arrival_uses))
        return -1;
    if ((1U << a->process & (BY_RATE | SCALED)) && check_rate(r, section, a, n))
        return -1;
    if (a->process == ARRIVALS_AZURE_2019 || a->process == ARRIVALS_AZURE_2021)
        a->n_functions = reading_of(r)->s->n_functions;
    if (a->process == ARRIVALS_MMPP)
        return read_states(r, section, a, scenario_find(r, n, "states", NULL));
    if ((1U << a->process & BY_FILE) && !a->file[0])
        return reader_fail(r, scenario_find(r, n, "file", NULL),
                           "%s.file is empty; allowed: the path of a file", section);
    return check_file(r, section, "file", &a->file, n) ||
                   check_file(r, section, "durations", &a->durations, n)
               ? -1
               : 0;
}

/* ---- schedulers and learners ---- */

/* Where the parameters of one are kept. */
struct parameter_list {
    struct name_value **parameters;
    unsigned *n;
    bool *by_order;
};

static int add_parameter(struct reader *r, const struct parameter_list *to, const yaml_node_t *at,
                         const char *name, const char *value)
{
    struct name_value *grown = scenario_grow(r, at, "parameters", *to->parameters, *to->n,
                                             SCENARIO_MAX_PARAMETERS, sizeof(*grown));
    struct name_value *p;

    if (!grown)
        return -1;
    *to->parameters = grown;
    p = &grown[(*to->n)++];
    *p = (struct name_value){name ? strdup(name) : NULL, strdup(value), reader_line(at)};
    return p->value && (p->name || !name) ? 0 : reader_fail(r, at, "out of memory");
}

static int read_parameter(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                          const yaml_node_t *value)
{
    const char *text = reader_text(r, value, "a parameter");

    /* Where its value was said: that of a key that --set changed is the file's. */
    (void)key_at;
    return text ? add_parameter(r, ctx, value, key, text) : -1;
}

static int read_parameters(struct reader *r, const char *whose, struct parameter_list to,
                           const yaml_node_t *n)
{
    char section[128];

    if (!n)
        return 0;
    snprintf(section, sizeof(section), "%s.parameters", whose);
    if (n->type != YAML_SEQUENCE_NODE)
        return reader_each(r, n, section, read_parameter, &to);
    *to.by_order = true;
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = reader_node(r, *i);
        const char *text = reader_text(r, item, "a parameter");

        if (!text || add_parameter(r, &to, item, NULL, text))
            return -1;
    }
    return 0;
}

/* A map of keys, or the plugin alone; where the plugin was said, or NULL and the error. */
static const yaml_node_t *read_plugin(struct reader *r, enum section_id id, const char *section,
                                      void *base, const yaml_node_t *n)
{
    const yaml_node_t *at;

    if (n->type == YAML_SCALAR_NODE)
        return reader_set(r, section, params_find(keys_of(id), "plugin"), base, n) ? NULL : n;
    if (scenario_keys_read(r, id, section, base, n))
        return NULL;
    at = scenario_find(r, n, "plugin", NULL);
    return at ? at : n;
}

static int read_scheduler(struct reader *r, const char *group, struct group_config *g,
                          const yaml_node_t *n)
{
    const struct parameter_list to = {&g->parameters, &g->n_parameters, &g->by_order};
    const yaml_node_t *at;
    char section[96];

    snprintf(section, sizeof(section), "%s.scheduler", group);
    if (!n || reader_is_empty(n))
        return 0;
    at = read_plugin(r, SECTION_SCHEDULER, section, g, n);
    if (!at || read_parameters(r, section, to, scenario_find(r, n, "parameters", NULL)))
        return -1;
    g->plugin_line = n->type == YAML_SCALAR_NODE || at != n ? reader_line(at) : 0;
    return g->plugin[0]
               ? 0
               : reader_fail(r, at, "%s.plugin is empty; allowed: the name of a plugin", section);
}

/* "{node}" makes a path that is there only with a node's name, so that is looked for later. */
static int place_learner_file(struct reader *r, struct group_learner *l, const yaml_node_t *at)
{
    char *full;

    if (!at || !l->file[0])
        return 0;
    l->file_line = reader_line(at);
    full = scenario_is_of_command_line(r, at) ? strdup(l->file) : path_beside(r->file, l->file);
    if (!full)
        return reader_fail(r, at, "out of memory");
    free((char *)(uintptr_t)l->file);
    l->file = full;
    return 0;
}

static int read_learner(struct reader *r, const char *group, struct group_learner *l,
                        const yaml_node_t *n)
{
    const struct parameter_list to = {&l->parameters, &l->n_parameters, &l->by_order};
    const yaml_node_t *at;
    char section[96];

    snprintf(section, sizeof(section), "%s.learner", group);
    if (!n || reader_is_empty(n))
        return 0;
    at = read_plugin(r, SECTION_LEARNER, section, l, n);
    if (!at || read_parameters(r, section, to, scenario_find(r, n, "parameters", NULL)) ||
        place_learner_file(r, l, scenario_find(r, n, "file", NULL)))
        return -1;
    l->plugin_line = reader_line(at);
    if (!l->plugin[0] && (l->n_parameters || l->file[0]))
        return reader_fail(r, at, "%s.plugin is empty; allowed: the name of a learner", section);
    return 0;
}

/* ---- groups ---- */

static struct group_config *add_group(struct reader *r, const yaml_node_t *name_at,
                                      const char *name)
{
    struct scenario *s = reading_of(r)->s;
    struct group_config *g, *grown;

    if (scenario_name_check(r, name_at, "nodes", name, SCENARIO_MAX_NAME))
        return NULL;
    for (unsigned i = 0; i < s->n_groups; i++)
        if (strcmp(s->group[i].name, name) == 0) {
            reader_fail(r, name_at, "nodes: '%s' is given twice; allowed: another name", name);
            return NULL;
        }
    grown = scenario_grow(r, name_at, "groups", s->group, s->n_groups, SCENARIO_MAX_GROUPS,
                          sizeof(*grown));
    if (!grown)
        return NULL;
    s->group = grown;
    g = &grown[s->n_groups++];
    g->line = reader_line(name_at);
    return params_defaults(keys_of(SECTION_NODES), g, r->err) ||
                   params_defaults(keys_of(SECTION_SCHEDULER), g, r->err) ||
                   params_defaults(keys_of(SECTION_LEARNER), &g->learner, r->err) ||
                   params_defaults(keys_of(SECTION_ARRIVALS), &g->arrivals, r->err) ||
                   params_set(keys_of(SECTION_NODES), g, name, r->err)
               ? NULL
               : g;
}

static int read_group(struct reader *r, void *ctx, const char *name, const yaml_node_t *name_at,
                      const yaml_node_t *map)
{
    struct scenario *s = reading_of(r)->s;
    struct group_config *g = add_group(r, name_at, name);
    char section[64];

    (void)ctx;
    if (!g)
        return -1;
    snprintf(section, sizeof(section), "nodes.%s", name);
    if (scenario_keys_read(r, SECTION_NODES, section, g, map) ||
        read_scheduler(r, section, g, scenario_find(r, map, "scheduler", NULL)) ||
        read_learner(r, section, &g->learner, scenario_find(r, map, "learner", NULL)) ||
        read_arrivals(r, section, &g->arrivals, scenario_find(r, map, "arrivals", NULL)))
        return -1;
    if (s->n_nodes + (uint64_t)g->count > SCENARIO_MAX_NODES) {
        const yaml_node_t *at = scenario_find(r, map, "count", NULL);

        return reader_fail(r, at ? at : name_at,
                           "%s.count: with it there are %llu nodes; allowed: %d in all", section,
                           (unsigned long long)s->n_nodes + (unsigned long long)g->count,
                           SCENARIO_MAX_NODES);
    }
    s->n_nodes += (uint32_t)g->count;
    return 0;
}

int scenario_read_nodes(struct reader *r, const yaml_node_t *n)
{
    if (n && scenario_each_named(r, n, "nodes", read_group, NULL))
        return -1;
    if (reading_of(r)->s->n_groups)
        return 0;
    if (n)
        return reader_fail(r, n,
                           "nodes: there are no nodes; allowed: as in [{name: n, count: 10}]");
    snprintf(r->err, P2P_ERRLEN,
             "%.100s: there are no nodes; allowed: as in nodes: [{name: n, count: 10}]", r->file);
    return -1;
}
