#include "host/metrics.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

const double metrics_bucket_seconds[METRICS_BUCKETS] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,   0.1,     0.25,   0.5,   1,      2.5,   10,   INFINITY,
};

const char *ran_where_name(enum ran_where w)
{
    static const char *const names[RAN_WHERES] = {"nowhere", "here", "peer"};

    return names[w];
}

/* Only one thread writes, so a load and a store are enough. */
static void add(_Atomic uint64_t *to, uint64_t n)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

void metrics_count(struct metrics *m, enum counter c)
{
    add(&m->count[c], 1);
}

static struct function_metrics *of_function(struct metrics *m, uint32_t id)
{
    struct function_metrics *f = m->function[id];

    if (!f) {
        f = calloc(1, sizeof(*f));
        m->function[id] = f;
    }
    return f;
}

static struct request_cell *cell_of(struct function_metrics *f, int code, enum ran_where where)
{
    struct request_cell *c;

    for (c = f->cells; c; c = c->next)
        if (c->code == code && c->where == where)
            return c;
    c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->code = code;
    c->where = where;
    c->next = f->cells;
    f->cells = c;
    return c;
}

void metrics_request(struct metrics *m, uint32_t function, int code, enum ran_where where,
                     uint64_t total_ns)
{
    struct function_metrics *f = of_function(m, function);
    struct request_cell *c = f ? cell_of(f, code, where) : NULL;
    unsigned b = 0;

    if (!c)
        return;
    add(&c->count, 1);
    while ((double)total_ns > metrics_bucket_seconds[b] * 1e9)
        b++;
    add(&f->bucket[b], 1);
    add(&f->total_ns, total_ns);
}

void metrics_cold_start(struct metrics *m, uint32_t function, const struct cold_start *cold)
{
    struct function_metrics *f;

    if (!cold->phase_ns[COLD_ANSWER] || !(f = of_function(m, function)))
        return;
    add(&f->cold_starts, 1);
    for (unsigned i = 0; i < COLD_PHASES; i++)
        add(&f->cold_ns[i], cold->phase_ns[i]);
}

void metrics_release(struct metrics *m)
{
    for (unsigned i = 0; i < CONFIG_MAX_FUNCTIONS; i++) {
        struct function_metrics *f = m->function[i];
        struct request_cell *c, *next;

        if (!f)
            continue;
        for (c = f->cells; c; c = next) {
            next = c->next;
            free(c);
        }
        free(f);
    }
}
