#include "bench/plan.h"

#include <math.h>

static const int64_t processes[] = {
    [EXPERIMENT_POISSON] = ARRIVALS_POISSON,
    [EXPERIMENT_DETERMINISTIC] = ARRIVALS_DETERMINISTIC,
    [EXPERIMENT_CSV] = ARRIVALS_CSV,
    [EXPERIMENT_AZURE_2019] = ARRIVALS_AZURE_2019,
    [EXPERIMENT_AZURE_2021] = ARRIVALS_AZURE_2021,
};

static uint32_t draw_payload(const struct plan *p, struct random *r)
{
    uint32_t last = p->experiment->n_payloads - 1, i = 0;
    double u = last ? random_unit(r) : 0;

    while (i < last && u > p->mix[i])
        i++;
    return i;
}

static uint64_t next_time(const struct plan *p, struct plan_node *n,
                          const struct experiment_node *config)
{
    struct arrival a;
    double seconds;

    if (n->arrivals)
        return arrival_next(&n->cursor, n->arrivals, &n->random, &a);
    seconds = traffic_when(n->traffic, n->calls);
    n->calls += config->arrivals == EXPERIMENT_POISSON ? random_exponential(&n->random, 1) : 1;
    return seconds * 1e9 < (double)p->end_ns ? (uint64_t)(seconds * 1e9) : ARRIVALS_NEVER;
}

static void draw(struct plan *p, uint32_t node)
{
    struct plan_node *n = &p->node[node];

    n->next.at_ns = next_time(p, n, &p->experiment->node[node]);
    if (n->next.at_ns >= p->end_ns)
        n->next.at_ns = ARRIVALS_NEVER;
    else
        n->next.payload = draw_payload(p, &n->random);
}

/* ---- life ---- */

static int load_steady(struct plan_node *n, const struct experiment *e,
                       const struct experiment_node *c, char err[P2P_ERRLEN])
{
    struct arrival_config config = {.process = processes[c->arrivals],
                                    .file = c->file,
                                    .durations = c->durations,
                                    .step = c->step,
                                    .scale = c->scale,
                                    .speedup = c->speedup};

    if (arrivals_load(&n->arrivals, &config, c->rate, 1, (uint64_t)e->seed, err))
        return -1;
    arrival_cursor_init(&n->cursor, n->arrivals, 0, &n->random);
    return 0;
}

static int load_traffic(struct plan_node *n, const struct experiment *e,
                        const struct experiment_node *c, char err[P2P_ERRLEN])
{
    const struct traffic_setup setup = {.file = c->traffic,
                                        .rate_min = c->rate_min,
                                        .rate = c->rate,
                                        .seconds = (double)(e->warm_up + e->duration) / 1e9,
                                        .shift = c->shift,
                                        .repetitions = (unsigned)c->repetitions};

    n->traffic = traffic_load(&setup, err);
    if (!n->traffic)
        return -1;
    n->calls = c->arrivals == EXPERIMENT_POISSON ? random_exponential(&n->random, 1)
                                                 : random_unit(&n->random);
    return 0;
}

int plan_init(struct plan *p, const struct experiment *e, char err[P2P_ERRLEN])
{
    double sum = 0, so_far = 0;

    *p = (struct plan){.experiment = e, .end_ns = (uint64_t)(e->warm_up + e->duration)};
    for (unsigned i = 0; i < e->n_payloads; i++)
        sum += e->payload[i].weight;
    for (unsigned i = 0; i < e->n_payloads; i++)
        p->mix[i] = (so_far += e->payload[i].weight) / sum;
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        struct plan_node *n = &p->node[i];
        const struct experiment_node *c = &e->node[i];
        char why[P2P_ERRLEN];

        random_stream(&n->random, (uint64_t)e->seed, i);
        if (c->traffic[0] ? load_traffic(n, e, c, why) : load_steady(n, e, c, why)) {
            snprintf(err, P2P_ERRLEN, "%.80s:%d: nodes.%s: %.140s", e->file, c->line, c->name, why);
            plan_release(p);
            return -1;
        }
        n->next = (struct planned){.node = i};
        draw(p, i);
    }
    return 0;
}

void plan_release(struct plan *p)
{
    for (unsigned i = 0; p->experiment && i < p->experiment->n_nodes; i++) {
        arrivals_free(p->node[i].arrivals);
        traffic_free(p->node[i].traffic);
    }
    *p = (struct plan){0};
}

const struct planned *plan_next(const struct plan *p)
{
    const struct planned *first = NULL;

    for (unsigned i = 0; i < p->experiment->n_nodes; i++) {
        const struct planned *c = &p->node[i].next;

        if (c->at_ns != ARRIVALS_NEVER && (!first || c->at_ns < first->at_ns))
            first = c;
    }
    return first;
}

void plan_take(struct plan *p, const struct planned *c)
{
    uint32_t node = c->node;

    p->node[node].next.number++;
    draw(p, node);
}
