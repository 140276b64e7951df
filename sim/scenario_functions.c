/*
 * scenario_functions.c - what runs, and for how long.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/scenario_private.h"

enum { MOST_FUNCTION_NAME = 63 };

#define BIT(kind) (1U << DISTRIBUTION_##kind)
static const struct key_use service_uses[] = {
    {"mean", BIT(DETERMINISTIC) | BIT(EXPONENTIAL) | BIT(LOGNORMAL) | BIT(PARETO), 0},
    {"min", BIT(UNIFORM), 0},
    {"max", BIT(UNIFORM) | BIT(PARETO), BIT(UNIFORM)},
    {"low", BIT(BIMODAL), BIT(BIMODAL)},
    {"high", BIT(BIMODAL), BIT(BIMODAL)},
    {"cv", BIT(LOGNORMAL), 0},
    {"shape", BIT(PARETO), 0},
    {"probability", BIT(BIMODAL), 0},
    {"file", BIT(FILE), BIT(FILE)},
    {NULL, 0, 0}};

static int check_service(struct reader *r, const char *section, struct distribution_config *d,
                         const yaml_node_t *map)
{
    const yaml_node_t *at;

    if (scenario_check_uses(r, section, map, scenario_sections[SECTION_SERVICE].keys, d->kind,
                            service_uses))
        return -1;
    if (d->kind == DISTRIBUTION_UNIFORM && d->max <= d->min)
        return reader_fail(r, scenario_find(r, map, "max", NULL),
                           "%s.max is not more than min; allowed: a longer time", section);
    if (d->kind == DISTRIBUTION_PARETO && d->shape <= 1)
        return reader_fail(r, scenario_find(r, map, "shape", NULL),
                           "%s.shape: with %g there is no mean; allowed: more than 1", section,
                           d->shape);
    at = scenario_find(r, map, "max", NULL);
    if (d->kind == DISTRIBUTION_PARETO && at && d->max && d->max <= d->mean)
        return reader_fail(r, at, "%s.max is not more than the mean; allowed: a longer time, or 0",
                           section);
    if (d->kind == DISTRIBUTION_BIMODAL && d->low + d->high == 0)
        return reader_fail(r, scenario_find(r, map, "high", NULL),
                           "%s: low and high are 0; allowed: one of them longer", section);
    if (d->kind == DISTRIBUTION_FILE) {
        char what[128];

        snprintf(what, sizeof(what), "%s.file", section);
        return scenario_file(r, scenario_find(r, map, "file", NULL), what, &d->file);
    }
    return 0;
}

static int read_service(struct reader *r, const char *function, struct distribution_config *d,
                        const yaml_node_t *n)
{
    const struct p2p_param *keys = scenario_sections[SECTION_SERVICE].keys;
    char section[96];

    snprintf(section, sizeof(section), "%s.service", function);
    if (n && n->type == YAML_SCALAR_NODE && !reader_is_empty(n))
        return reader_set(r, section, params_find(keys, "mean"), d, n);
    if (scenario_keys_read(r, SECTION_SERVICE, section, d, n))
        return -1;
    return n ? check_service(r, section, d, n) : 0;
}

/* "none" is none, and so is what is not given; 0 would end every job at once. */
static int read_deadline(struct reader *r, const char *section, struct sim_function_config *f,
                         const yaml_node_t *n)
{
    static const char none[] = "none";
    const char *text;

    if (!n)
        return 0;
    text = reader_text(r, n, section);
    if (!text)
        return -1;
    if (strcmp(text, none) == 0)
        return 0;
    if (reader_set(r, section, params_find(scenario_sections[SECTION_FUNCTIONS].keys, "deadline"),
                   f, n))
        return -1;
    return f->deadline ? 0
                       : reader_fail(r, n,
                                     "%s.deadline: with 0 every job is late; allowed: more, "
                                     "or none",
                                     section);
}

static int read_function(struct reader *r, void *ctx, const char *name, const yaml_node_t *name_at,
                         const yaml_node_t *map)
{
    struct scenario *s = reading_of(r)->s;
    struct sim_function_config *f, *grown;
    char section[80];

    (void)ctx;
    if (scenario_name_check(r, name_at, "functions", name, MOST_FUNCTION_NAME))
        return -1;
    for (unsigned i = 0; i < s->n_functions; i++)
        if (strcmp(s->function[i].name, name) == 0)
            return reader_fail(r, name_at, "functions: '%s' is given twice; allowed: another name",
                               name);
    grown = scenario_grow(r, name_at, "functions", s->function, s->n_functions,
                          SCENARIO_MAX_FUNCTIONS, sizeof(*grown));
    if (!grown)
        return -1;
    s->function = grown;
    f = &grown[s->n_functions++];
    snprintf(section, sizeof(section), "functions.%s", name);
    if (params_defaults(scenario_sections[SECTION_FUNCTIONS].keys, f, r->err) ||
        params_defaults(scenario_sections[SECTION_SERVICE].keys, &f->service, r->err) ||
        params_set(scenario_sections[SECTION_FUNCTIONS].keys, f, name, r->err))
        return -1;
    f->line = reader_line(name_at);
    return scenario_keys_read(r, SECTION_FUNCTIONS, section, f, map) ||
                   read_deadline(r, section, f, scenario_find(r, map, "deadline", NULL)) ||
                   read_service(r, section, &f->service, scenario_find(r, map, "service", NULL))
               ? -1
               : 0;
}

/* A scenario about something else need not care what runs. */
static int one_by_default(struct reader *r)
{
    struct scenario *s = reading_of(r)->s;

    s->function = calloc(1, sizeof(*s->function));
    if (!s->function)
        return -1;
    s->n_functions = 1;
    return params_defaults(scenario_sections[SECTION_FUNCTIONS].keys, s->function, r->err) ||
                   params_defaults(scenario_sections[SECTION_SERVICE].keys, &s->function->service,
                                   r->err) ||
                   params_set(scenario_sections[SECTION_FUNCTIONS].keys, s->function, "function",
                              r->err)
               ? -1
               : 0;
}

int scenario_read_functions(struct reader *r, const yaml_node_t *n)
{
    const struct scenario *s = reading_of(r)->s;
    double sum = 0;

    if (n && scenario_each_named(r, n, "functions", read_function, NULL))
        return -1;
    if (s->n_functions == 0)
        return one_by_default(r);
    for (unsigned i = 0; i < s->n_functions; i++)
        sum += s->function[i].weight;
    return sum > 0 ? 0
                   : reader_fail(r, n, "functions: every weight is 0; allowed: one more than that");
}

static double mean_of(const struct distribution_config *d)
{
    switch (d->kind) {
    case DISTRIBUTION_UNIFORM:
        return ((double)d->min + (double)d->max) / 2;
    case DISTRIBUTION_BIMODAL:
        return d->probability * (double)d->high + (1 - d->probability) * (double)d->low;
    default:
        return (double)d->mean;
    }
}

double scenario_mean_service(const struct scenario *s)
{
    double sum = 0, weights = 0;

    for (unsigned i = 0; i < s->n_functions; i++) {
        const struct sim_function_config *f = &s->function[i];

        if (f->weight > 0 && f->service.kind == DISTRIBUTION_FILE)
            return -1;
        sum += f->weight * mean_of(&f->service);
        weights += f->weight;
    }
    return sum / weights;
}
