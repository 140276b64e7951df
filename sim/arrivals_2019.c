/*
 * arrivals_2019.c - the Azure Functions trace of 2019: how often each function was called in
 * each minute, and how long it ran.
 *
 * What is kept is a cell for each function and minute with a call.  The jobs of a minute of
 * a node are drawn in order of time, each from what is left of the minute, and which
 * function a job calls is the place of its number in a random order: so each function is
 * called as often as the trace says, and a cursor has nothing to remember but a number.
 */
#include "sim/arrivals_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "sim/profiles_2019.h"
#include "sim/shuffle.h"

#define MINUTE_NS 60e9

enum { MOST_CALLS = 100000000 }; /* of a function in a minute */

struct cell {
    uint32_t node, minute;
    uint32_t function;
    uint32_t upto; /* calls; then those of the same node and minute so far, with these */
};

struct called {
    uint32_t function; /* of the scenario */
    struct profile profile;
};

struct trace {
    struct arrivals base;
    struct cell *cell; /* by node, then by minute */
    size_t n, room;
    uint32_t *first; /* cell of a node; n_nodes + 1 */
    struct called *called;
    double minute_ns;
    uint64_t key; /* of the orders of jobs */
};

/* ---- the file ---- */

struct reader {
    struct trace *trace;
    struct trace_functions functions;
    struct random random;
    double scale;
    int name[3];
    unsigned first_minute, n_minutes; /* columns */
};

/* Minutes are columns "1", "2", ... side by side. */
static int find_columns(struct reader *r, const struct csv *rows, char err[P2P_ERRLEN])
{
    static const char *const names[] = {"HashOwner", "HashApp", "HashFunction"};
    char wanted[16] = "1";
    int first;

    for (int i = 0; i < 3; i++)
        if ((r->name[i] = csv_find(rows, names[i], err)) < 0)
            return -1;
    first = csv_find(rows, wanted, err);
    if (first < 0)
        return -1;
    r->first_minute = (unsigned)first;
    for (unsigned i = r->first_minute; i < rows->n_names; i++) {
        snprintf(wanted, sizeof(wanted), "%u", r->n_minutes + 1);
        if (strcmp(rows->names[i], wanted) != 0)
            break;
        r->n_minutes++;
    }
    if (r->first_minute + r->n_minutes < rows->n_names)
        return csv_fail(rows, err, "after column %u comes '%.40s'; allowed: minutes in order",
                        r->n_minutes, rows->names[r->first_minute + r->n_minutes]);
    if (r->n_minutes > ARRIVALS_MAX_MINUTES)
        return csv_fail(rows, err, "more than %d minutes", ARRIVALS_MAX_MINUTES);
    return 0;
}

static int add_cell(struct reader *r, const struct csv *rows, uint32_t function, uint32_t minute,
                    char err[P2P_ERRLEN])
{
    struct trace *t = r->trace;
    struct cell c = {.minute = minute, .function = function}, *more;

    if (csv_whole(rows, r->first_minute + minute, MOST_CALLS, &c.upto, err))
        return -1;
    c.upto = (uint32_t)fmin(UINT32_MAX, arrivals_scaled(c.upto, r->scale, &r->random));
    if (c.upto == 0)
        return 0;
    if (t->n == ARRIVALS_MAX_ROWS)
        return csv_fail(rows, err, "more than %d minutes with a call", ARRIVALS_MAX_ROWS);
    more = arrivals_grow(t->cell, t->n, &t->room, sizeof(c));
    if (!more)
        return csv_fail(rows, err, "out of memory");
    t->cell = more;
    t->cell[t->n++] = c;
    return 0;
}

static int read_row(struct reader *r, const struct csv *rows, char err[P2P_ERRLEN])
{
    const char *const name[] = {rows->field[r->name[0]], rows->field[r->name[1]],
                                rows->field[r->name[2]]};
    uint32_t function = trace_functions_add(&r->functions, trace_function_key(name, 3));

    if (function == P2P_NONE)
        return csv_fail(rows, err, "out of memory");
    if (r->functions.n > ARRIVALS_MAX_FUNCTIONS)
        return csv_fail(rows, err, "more than %d functions", ARRIVALS_MAX_FUNCTIONS);
    for (uint32_t minute = 0; minute < r->n_minutes; minute++) {
        const char *calls = rows->field[r->first_minute + minute];

        /* As most are. */
        if (calls[0] == '0' && calls[1] == '\0')
            continue;
        if (add_cell(r, rows, function, minute, err))
            return -1;
    }
    return 0;
}

static int read_rows(struct reader *r, struct csv *rows, char err[P2P_ERRLEN])
{
    int rc;

    if (csv_read_header(rows, err) || find_columns(r, rows, err))
        return -1;
    while ((rc = csv_row(rows, err)) > 0)
        if (read_row(r, rows, err))
            return -1;
    if (rc == 0 && r->functions.n == 0)
        return csv_fail(rows, err, "no functions; allowed: a line for each behind the header");
    return rc;
}

/* ---- in order ---- */

static int by_node_and_minute(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->minute != y->minute)
        return x->minute < y->minute ? -1 : 1;
    if (x->function != y->function)
        return x->function < y->function ? -1 : 1;
    return (x->upto > y->upto) - (x->upto < y->upto);
}

static bool same_minute(const struct cell *a, const struct cell *b)
{
    return a->node == b->node && a->minute == b->minute;
}

static int arrange(struct reader *r, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    struct trace *t = r->trace;
    size_t i = 0;

    t->first = calloc((size_t)s->n_nodes + 1, sizeof(*t->first));
    t->called = calloc(r->functions.n, sizeof(*t->called));
    if (!t->first || !t->called ||
        trace_functions_deal(&r->functions, s->n_nodes, s->config->n_functions))
        return arrivals_no_memory(err);
    for (i = 0; i < r->functions.n; i++)
        t->called[i].function = r->functions.at[i].function;
    for (i = 0; i < t->n; i++)
        t->cell[i].node = r->functions.at[t->cell[i].function].node;
    if (t->n > 0)
        qsort(t->cell, t->n, sizeof(*t->cell), by_node_and_minute);
    for (i = 1; i < t->n; i++) {
        uint64_t sum = (uint64_t)t->cell[i].upto + t->cell[i - 1].upto;

        if (!same_minute(&t->cell[i], &t->cell[i - 1]))
            continue;
        if (sum > UINT32_MAX) {
            snprintf(err, P2P_ERRLEN, "%s: minute %u has more than %u calls on one node",
                     s->config->file, t->cell[i].minute + 1, UINT32_MAX);
            return -1;
        }
        t->cell[i].upto = (uint32_t)sum;
    }
    i = 0;
    for (uint32_t node = 0; node <= s->n_nodes; node++) {
        while (i < t->n && t->cell[i].node < node)
            i++;
        t->first[node] = (uint32_t)i;
    }
    return 0;
}

static int read_profiles(struct reader *r, const char *file, char err[P2P_ERRLEN])
{
    struct profile *profile;
    int rc;

    if (!file || !file[0])
        return 0;
    profile = calloc(r->functions.n, sizeof(*profile));
    if (!profile)
        return arrivals_no_memory(err);
    rc = profiles_read(profile, &r->functions, file, err);
    for (uint32_t i = 0; i < r->functions.n; i++)
        r->trace->called[i].profile = profile[i];
    free(profile);
    return rc;
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
    r.trace->minute_ns = MINUTE_NS / s->config->speedup;
    random_seed(&r.random, s->seed);
    r.trace->key = random_next(&r.random);
    if (csv_open(&rows, s->config->file, 0, err))
        return -1;
    rc = read_rows(&r, &rows, err);
    csv_close(&rows);
    if (rc == 0)
        rc = arrange(&r, s, err);
    if (rc == 0)
        rc = read_profiles(&r, s->config->durations, err);
    trace_functions_release(&r.functions);
    return rc;
}

static void release(struct arrivals *a)
{
    struct trace *t = (struct trace *)a;

    free(t->cell);
    free(t->first);
    free(t->called);
    free(t);
}

/* ---- a node ---- */

/* Cells from c->first to c->end are those of the present minute; c->drawn of its jobs came. */
static void begin(struct arrival_cursor *c, const struct arrivals *a, struct random *r)
{
    const struct trace *t = (const struct trace *)a;

    (void)r;
    c->first = c->end = t->first[c->node];
}

static bool next_minute(struct arrival_cursor *c, const struct trace *t)
{
    const struct cell *cell;

    if (c->end == t->first[c->node + 1])
        return false;
    cell = &t->cell[c->end];
    c->first = c->end;
    while (c->end < t->first[c->node + 1] && same_minute(&t->cell[c->end], cell))
        c->end++;
    c->drawn = 0;
    c->now_ns = arrivals_after(0, cell->minute * t->minute_ns);
    c->until_ns = arrivals_after(0, (cell->minute + 1) * t->minute_ns);
    return c->until_ns != ARRIVALS_NEVER;
}

/* The cell with the call of that number. */
static const struct cell *find(const struct trace *t, uint32_t low, uint32_t high, uint32_t number)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->cell[middle].upto > number)
            high = middle;
        else
            low = middle + 1;
    }
    return &t->cell[low];
}

static void next(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                 struct arrival *out)
{
    const struct trace *t = (const struct trace *)a;
    const struct called *called;
    uint32_t jobs;
    double left;

    out->at_ns = ARRIVALS_NEVER;
    if ((c->first == c->end || c->drawn == t->cell[c->end - 1].upto) && !next_minute(c, t))
        return;
    jobs = t->cell[c->end - 1].upto;
    /* The least of so many uniform draws from what is left. */
    left = -expm1(log(random_unit(r)) / (jobs - c->drawn));
    c->now_ns += (uint64_t)((double)(c->until_ns - c->now_ns) * left);
    called = &t->called[find(t, c->first, c->end,
                             shuffle(c->drawn, jobs,
                                     random_mix(t->key ^ ((uint64_t)c->node << 32 | c->first))))
                            ->function];
    c->drawn++;
    out->at_ns = c->now_ns;
    out->function = called->function;
    if (called->profile.known)
        out->service_ns = profile_draw(&called->profile, r);
}

const struct arrival_ops arrivals_azure_2019 = {load, release, begin, next};
