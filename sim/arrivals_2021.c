/*
 * arrivals_2021.c - the Azure Functions invocation trace of 2021: a line a job.
 */
#include "sim/arrivals_private.h"

#include <math.h>
#include <stdlib.h>

#include "base/csv.h"
#include "sim/trace_functions.h"

#define LATEST_SECONDS 4e9
#define LONGEST_SECONDS (8760 * 3600.0)
#define COPIES_WITHIN_NS 60e9

struct row {
    int64_t at_ns;
    uint64_t service_ns;
    uint32_t node;
    uint32_t function; /* of the trace while it is read, then of the scenario */
};

struct trace {
    struct arrivals base;
    struct row *row; /* by node, then by time */
    size_t n, room;
    uint32_t n_nodes;
    uint32_t *first; /* row of a node; n_nodes + 1 */
};

struct reader {
    struct trace *trace;
    struct trace_functions functions;
    struct random random;
    double scale;
    int column[4];
};
enum { APP, FUNC, END_TIMESTAMP, DURATION };

static int add_row(struct reader *r, const struct csv *rows, const struct row *row,
                   char err[P2P_ERRLEN])
{
    struct trace *t = r->trace;
    struct row *more;

    if (t->n == ARRIVALS_MAX_ROWS)
        return csv_fail(rows, err, "more than %d jobs", ARRIVALS_MAX_ROWS);
    more = arrivals_grow(t->row, t->n, &t->room, sizeof(*row));
    if (!more)
        return csv_fail(rows, err, "out of memory");
    t->row = more;
    t->row[t->n++] = *row;
    return 0;
}

static int read_row(struct reader *r, const struct csv *rows, char err[P2P_ERRLEN])
{
    const char *const name[] = {rows->field[r->column[APP]], rows->field[r->column[FUNC]]};
    uint32_t copies;
    double end, duration;
    struct row row;

    if (csv_number(rows, (unsigned)r->column[END_TIMESTAMP], 0, LATEST_SECONDS, &end, err) ||
        csv_number(rows, (unsigned)r->column[DURATION], 0, LONGEST_SECONDS, &duration, err))
        return -1;
    row.function = trace_functions_add(&r->functions, trace_function_key(name, 2));
    if (row.function == P2P_NONE)
        return csv_fail(rows, err, "out of memory");
    if (r->functions.n > ARRIVALS_MAX_FUNCTIONS)
        return csv_fail(rows, err, "more than %d functions", ARRIVALS_MAX_FUNCTIONS);
    row.node = 0;
    row.at_ns = (int64_t)round((end - duration) * SECOND_NS);
    row.service_ns = (uint64_t)fmax(1, round(duration * SECOND_NS));
    copies = (uint32_t)arrivals_scaled(1, r->scale, &r->random);
    for (uint32_t i = 0; i < copies; i++) {
        struct row copy = row;

        if (i > 0)
            copy.at_ns += (int64_t)(random_unit(&r->random) * COPIES_WITHIN_NS);
        if (add_row(r, rows, &copy, err))
            return -1;
    }
    return 0;
}

static int read_rows(struct reader *r, struct csv *rows, char err[P2P_ERRLEN])
{
    static const char *const names[] = {"app", "func", "end_timestamp", "duration"};
    int rc;

    if (csv_read_header(rows, err))
        return -1;
    for (int i = 0; i < 4; i++)
        if ((r->column[i] = csv_find(rows, names[i], err)) < 0)
            return -1;
    while ((rc = csv_row(rows, err)) > 0)
        if (read_row(r, rows, err))
            return -1;
    if (rc == 0 && r->functions.n == 0)
        return csv_fail(rows, err, "no jobs; allowed: lines of app,func,end_timestamp,duration");
    return rc;
}

/* All of a row, so that the order does not depend on how it is sorted. */
static int by_node_and_time(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    if (x->service_ns != y->service_ns)
        return x->service_ns < y->service_ns ? -1 : 1;
    return (x->function > y->function) - (x->function < y->function);
}

static int arrange(struct reader *r, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    struct trace *t = r->trace;
    int64_t begin = INT64_MAX;
    size_t i = 0;

    t->n_nodes = s->n_nodes;
    t->first = calloc((size_t)s->n_nodes + 1, sizeof(*t->first));
    if (!t->first || trace_functions_deal(&r->functions, s->n_nodes, s->config->n_functions))
        return arrivals_no_memory(err);
    for (i = 0; i < t->n; i++)
        begin = t->row[i].at_ns < begin ? t->row[i].at_ns : begin;
    for (i = 0; i < t->n; i++) {
        const struct trace_function *f = &r->functions.at[t->row[i].function];

        t->row[i].at_ns =
            (int64_t)fmin(0x1p62, round((double)(t->row[i].at_ns - begin) / s->config->speedup));
        t->row[i].node = f->node;
        t->row[i].function = f->function;
    }
    if (t->n > 0)
        qsort(t->row, t->n, sizeof(*t->row), by_node_and_time);
    i = 0;
    for (uint32_t node = 0; node <= t->n_nodes; node++) {
        while (i < t->n && t->row[i].node < node)
            i++;
        t->first[node] = (uint32_t)i;
    }
    return 0;
}

static int load(struct arrivals **out, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    struct reader r = {.scale = s->config->scale};
    struct csv rows;
    int rc;

    if (arrivals_check_trace(s, err))
        return -1;
    r.trace = calloc(1, sizeof(*r.trace));
    if (!r.trace)
        return arrivals_no_memory(err);
    *out = &r.trace->base;
    random_seed(&r.random, s->seed);
    if (csv_open(&rows, s->config->file, 0, err))
        return -1;
    rc = read_rows(&r, &rows, err);
    csv_close(&rows);
    if (rc == 0)
        rc = arrange(&r, s, err);
    trace_functions_release(&r.functions);
    return rc;
}

static void release(struct arrivals *a)
{
    struct trace *t = (struct trace *)a;

    free(t->row);
    free(t->first);
    free(t);
}

static void begin(struct arrival_cursor *c, const struct arrivals *a, struct random *r)
{
    const struct trace *t = (const struct trace *)a;

    (void)r;
    c->first = t->first[c->node];
    c->end = t->first[c->node + 1];
}

static void next(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                 struct arrival *out)
{
    const struct trace *t = (const struct trace *)a;
    const struct row *row;

    (void)r;
    out->at_ns = ARRIVALS_NEVER;
    if (c->first == c->end)
        return;
    row = &t->row[c->first++];
    out->at_ns = (uint64_t)row->at_ns;
    out->service_ns = row->service_ns;
    out->function = row->function;
}

const struct arrival_ops arrivals_azure_2021 = {load, release, begin, next};
