#include "sim/workload.h"

#include <stdio.h>
#include <stdlib.h>

/* A node's stream of random numbers, apart from those of the network. */
#define STREAM_NODE ((uint64_t)2 << 56)

/* Mean service time of the mix, at speed 1. */
static double mean_service(const struct workload *w)
{
    double sum = 0, weights = 0;

    for (unsigned i = 0; i < w->scenario->n_functions; i++) {
        sum += w->scenario->function[i].weight * distribution_mean(&w->service[i]);
        weights += w->scenario->function[i].weight;
    }
    return weights > 0 ? sum / weights : 0;
}

static int init_functions(struct workload *w, char *err)
{
    const struct scenario *c = w->scenario;
    double weights = 0, sum = 0;

    w->service = calloc(c->n_functions, sizeof(*w->service));
    w->mix = calloc(c->n_functions, sizeof(*w->mix));
    if (!w->service || !w->mix) {
        snprintf(err, P2P_ERRLEN, "out of memory for %u functions", c->n_functions);
        return -1;
    }
    for (unsigned i = 0; i < c->n_functions; i++) {
        char why[P2P_ERRLEN];

        if (distribution_init(&w->service[i], &c->function[i].service, why)) {
            snprintf(err, P2P_ERRLEN, "%.100s: functions.%.40s.service: %.100s", c->file,
                     c->function[i].name, why);
            return -1;
        }
        weights += c->function[i].weight;
    }
    for (unsigned i = 0; i < c->n_functions; i++) {
        sum += c->function[i].weight;
        w->mix[i] = weights > 0 ? sum / weights : 1;
    }
    return 0;
}

static int init_arrivals(struct workload *w, uint64_t seed, char *err)
{
    const struct scenario *c = w->scenario;
    double service_s = mean_service(w) / 1e9;

    w->arrivals = calloc(c->n_groups, sizeof(struct arrivals *));
    if (!w->arrivals) {
        snprintf(err, P2P_ERRLEN, "out of memory for %u groups", c->n_groups);
        return -1;
    }
    for (unsigned g = 0; g < c->n_groups; g++) {
        const struct group_config *group = &c->group[g];
        struct arrival_config arrivals = group->arrivals;
        double rate = group->arrivals.rate;
        char why[P2P_ERRLEN];

        if (group->arrivals.load > 0)
            rate = group->arrivals.load * (double)group->slots * group->speed / service_s;
        arrivals.n_functions = c->n_functions;
        if (arrivals_load(&w->arrivals[g], &arrivals, rate, (unsigned)group->count, seed, why)) {
            snprintf(err, P2P_ERRLEN, "%.60s: nodes.%.28s.arrivals: %.150s", c->file, group->name,
                     why);
            return -1;
        }
    }
    return 0;
}

int workload_init(struct workload *w, const struct scenario *s, uint64_t seed, char err[P2P_ERRLEN])
{
    *w = (struct workload){.scenario = s};
    if (init_functions(w, err) || init_arrivals(w, seed, err)) {
        workload_release(w);
        return -1;
    }
    return 0;
}

void workload_release(struct workload *w)
{
    for (unsigned g = 0; w->arrivals && g < w->scenario->n_groups; g++)
        arrivals_free(w->arrivals[g]);
    for (unsigned i = 0; w->service && i < w->scenario->n_functions; i++)
        distribution_release(&w->service[i]);
    free(w->arrivals);
    free(w->service);
    free(w->mix);
    *w = (struct workload){0};
}

static void place(struct workload_node *n, const struct group_config *g)
{
    n->x = (float)(g->x + (random_unit(&n->random) - 0.5) * g->spread);
    n->y = (float)(g->y + (random_unit(&n->random) - 0.5) * g->spread);
}

void workload_start(struct workload_node *n, const struct workload *w, uint64_t seed, uint32_t id,
                    unsigned group, uint32_t nth)
{
    n->group = group;
    random_stream(&n->random, seed, STREAM_NODE | id);
    place(n, &w->scenario->group[group]);
    arrival_cursor_init(&n->cursor, w->arrivals[group], nth, &n->random);
}

static uint32_t draw_function(struct workload_node *n, const struct workload *w)
{
    unsigned last = w->scenario->n_functions - 1, i = 0;
    double u = last ? random_unit(&n->random) : 0;

    while (i < last && u > w->mix[i])
        i++;
    return i;
}

bool workload_next(struct workload_node *n, const struct workload *w, struct arrival *out)
{
    if (arrival_next(&n->cursor, w->arrivals[n->group], &n->random, out) == ARRIVALS_NEVER)
        return false;
    if (out->function == P2P_NONE)
        out->function = draw_function(n, w);
    if (out->service_ns == 0)
        out->service_ns = distribution_draw(&w->service[out->function], &n->random);
    return true;
}
