#include "tests/conformance/laws.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/table.h"

enum column { TIME, NODE, JOB, WHAT, PEER, DETAIL };

/* The log as it is followed, times in seconds. */
struct watch {
    double from, to; /* measured */
    uint64_t came, ran, lost;
    double last;
    double present, running;           /* now */
    double present_area, running_area; /* summed over time */
    uint32_t *home;                    /* row of each job's arrival from outside */
    unsigned n_home;
};

static void pass(struct watch *w, double now)
{
    double from = fmax(w->last, w->from), to = fmin(now, w->to);

    w->present_area += w->present * (now - w->last);
    if (to > from)
        w->running_area += w->running * (to - from);
    w->last = now;
}

static bool same(const struct table *t, unsigned row, enum column a, unsigned other, enum column b)
{
    return strcmp(table_cell(t, row, a), table_cell(t, other, b)) == 0;
}

static bool is(const struct table *t, unsigned row, enum column c, const char *text)
{
    return strcmp(table_cell(t, row, c), text) == 0;
}

static void follow(struct watch *w, const struct table *t, unsigned row)
{
    double now = strtod(table_cell(t, row, TIME), NULL);
    unsigned long job = strtoul(table_cell(t, row, JOB), NULL, 10);
    bool outside;

    if (is(t, row, JOB, "") || job >= w->n_home)
        return;
    pass(w, now);
    if (is(t, row, WHAT, "start"))
        w->running++;
    if (is(t, row, WHAT, "end") && is(t, row, DETAIL, "ran") && same(t, row, NODE, row, PEER))
        w->running--;
    if (is(t, row, WHAT, "arrive") && is(t, row, PEER, ""))
        w->home[job] = row;
    outside = w->home[job] > 0 && same(t, row, NODE, w->home[job], NODE);
    now = outside ? strtod(table_cell(t, w->home[job], TIME), NULL) : w->to;
    if (!outside || now < w->from || now >= w->to) /* it is not measured */
        return;
    if (is(t, row, WHAT, "arrive")) {
        w->present++;
        w->came++;
    } else if (is(t, row, WHAT, "end")) {
        w->present--;
        w->ran += is(t, row, DETAIL, "ran");
        w->lost += !is(t, row, DETAIL, "ran");
    }
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

int laws_check(struct laws *l, const char *log, const struct result *r, char err[P2P_ERRLEN])
{
    struct watch w = {.from = (double)r->from_ns / 1e9, .to = (double)r->to_ns / 1e9};
    double busy = 0, ran = (double)r->all.ended[JOB_RAN];
    struct table t;

    if (table_read(&t, log, err))
        return -1;
    w.n_home = t.n_rows + 1; /* jobs are counted, and each has a line */
    w.home = calloc(w.n_home, sizeof(*w.home));
    if (!w.home) {
        table_release(&t);
        snprintf(err, P2P_ERRLEN, "no memory for the jobs of %s", log);
        return -1;
    }
    for (unsigned row = 1; row < t.n_rows; row++)
        follow(&w, &t, row);
    for (uint32_t i = 0; i < r->scenario->n_nodes; i++)
        busy += (double)r->node[i].busy_ns / 1e9;
    l->flow = w.came > 0 && w.came == w.ran + w.lost && w.came == tally_jobs(&r->all) &&
              w.ran == r->all.ended[JOB_RAN];
    l->little = near(w.present_area, ran * result_metric(r, METRIC_MEAN));
    l->utilisation = near(w.running_area, busy);
    free(w.home);
    table_release(&t);
    return 0;
}
