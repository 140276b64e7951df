#include "sim/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "sim/quantity.h"

enum { TITLE = 18, NUMBER = 12, HALF = 8, CELL = 9, NAME = 16, TEXT = 48 };

static const char *const end_names[JOB_ENDS] = {
    [JOB_RAN] = "ran",
    [JOB_FULL] = "found no room",
    [JOB_REJECTED] = "refused by the scheduler",
    [JOB_LATE] = "missed their deadline",
    [JOB_FAILED] = "lost with a node",
};

static void head(FILE *f, const struct summary *s)
{
    const struct scenario *sc = s->scenario;
    char seconds[TEXT], warm_up[TEXT];
    bool more = sc->summary && sc->summary[0];

    quantity_duration(seconds, sizeof(seconds), s->seconds);
    quantity_duration(warm_up, sizeof(warm_up), (double)sc->run.warm_up / 1e9);
    fprintf(f, "%s%s%s\n", sc->name, more ? ": " : "", more ? sc->summary : "");
    fprintf(f, "%" PRIu32 " node%s", sc->n_nodes, sc->n_nodes == 1 ? "" : "s");
    if (sc->n_groups > 1)
        fprintf(f, " in %u groups", sc->n_groups);
    fprintf(f, ", %s after %s of warm-up", seconds, warm_up);
    if (s->replicated)
        fprintf(f, ", %u times", s->n_samples);
    fprintf(f, "; ± is %.4g %%, from %u %s\n\n", s->level * 100, s->n_samples,
            s->replicated ? "replications" : "batch means");
}

static void ends(FILE *f, const struct summary *s)
{
    bool first = true;

    fprintf(f, "%" PRIu64 " jobs", s->jobs);
    for (unsigned e = 0; e < JOB_ENDS; e++) {
        char share[TEXT];

        if (s->ended[e] == 0)
            continue;
        quantity_print(share, sizeof(share), (double)s->ended[e] / (double)s->jobs, UNIT_SHARE);
        fprintf(f, "%s %s %s", first ? ":" : ",", share, end_names[e]);
        first = false;
    }
    fputs("\n\n", f);
}

static void line(FILE *f, enum metric m, const struct estimate *e)
{
    struct quantity q = quantity_of(e, metric_info[m].unit);

    fputs("  ", f);
    quantity_pad(f, metric_info[m].title, TITLE, 0);
    quantity_pad(f, q.value, NUMBER, 1);
    if (q.half[0])
        fputs(" ± ", f);
    if (q.half[0] || q.unit[0])
        quantity_pad(f, q.half, q.half[0] ? (q.unit[0] ? HALF : 0) : HALF + 3, 0);
    fprintf(f, "%s%s\n", q.unit[0] ? " " : "", q.unit);
}

/* A column of a table of parts or of a sweep. */
static const struct {
    const char *title;
    enum metric metric;
} columns[] = {
    {"loss", METRIC_LOSS},         {"mean", METRIC_MEAN},           {"p95", METRIC_P95},
    {"p99", METRIC_P99},           {"wait", METRIC_WAIT},           {"probes", METRIC_PROBES},
    {"forwards", METRIC_FORWARDS}, {"in time", METRIC_IN_DEADLINE}, {"used", METRIC_UTILISATION},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void cell(FILE *f, const struct estimate *e, enum metric m)
{
    char text[TEXT];

    quantity_print(text, sizeof(text), e->value, metric_info[m].unit);
    putc(' ', f);
    quantity_pad(f, text, CELL, 1);
}

static bool any_has(const struct part_summary *p, unsigned n, enum metric m)
{
    for (unsigned i = 0; i < n; i++)
        if (!isnan(p[i].value[m].value))
            return true;
    return false;
}

static void parts(FILE *f, const struct summary *s, enum part kind)
{
    const struct part_summary *p = s->part[kind];
    unsigned n = s->n_parts[kind], width = NAME;

    if (n == 0)
        return;
    for (unsigned i = 0; i < n; i++)
        if (strlen(p[i].name) > width)
            width = (unsigned)strlen(p[i].name);
    fputs("\n  ", f);
    quantity_pad(f, kind == PART_GROUP ? "group" : "function", width, 0);
    if (kind == PART_GROUP)
        quantity_pad(f, "nodes", CELL, 1);
    quantity_pad(f, "jobs", CELL + 1, 1);
    for (unsigned c = 0; c < COLUMNS; c++) {
        if (!any_has(p, n, columns[c].metric))
            continue;
        putc(' ', f);
        quantity_pad(f, columns[c].title, CELL, 1);
    }
    putc('\n', f);
    for (unsigned i = 0; i < n; i++) {
        fputs("  ", f);
        quantity_pad(f, p[i].name, width, 0);
        if (kind == PART_GROUP)
            fprintf(f, "%*" PRId64, CELL, s->scenario->group[i].count);
        fprintf(f, "%*" PRIu64, CELL + 1, p[i].jobs);
        for (unsigned c = 0; c < COLUMNS; c++)
            if (any_has(p, n, columns[c].metric))
                cell(f, &p[i].value[columns[c].metric], columns[c].metric);
        putc('\n', f);
    }
}

static void counters(FILE *f, const struct summary *s)
{
    bool first = true;

    for (unsigned i = 0; i < s->n_counters; i++) {
        const struct counter *c = &s->counter[i];

        if (c->scheduler) /* is a warning */
            continue;
        fprintf(f, "%s  %-*s %*" PRIu64 "\n", first ? "\n" : "", TITLE, c->name, NUMBER - 1, c->n);
        first = false;
    }
}

void report_warnings(FILE *f, const char *label, const struct summary *s)
{
    for (unsigned i = 0; i < s->n_warnings; i++)
        fprintf(f, "warning: %s%s%s\n", label ? label : "", label ? ": " : "", s->warning[i]);
}

void report_summary(FILE *f, const struct summary *s)
{
    head(f, s);
    ends(f, s);
    for (enum metric m = 0; m < METRICS; m++)
        if (!isnan(s->value[m].value) && (m != METRIC_MISBEHAVED || s->value[m].value > 0))
            line(f, m, &s->value[m]);
    parts(f, s, PART_GROUP);
    parts(f, s, PART_FUNCTION);
    counters(f, s);
    if (s->n_warnings)
        putc('\n', f);
    report_warnings(f, NULL, s);
}

/* The mean with its half width takes more. */
enum { WITH_HALF = 20 };

void report_sweep_head(FILE *f, unsigned width)
{
    quantity_pad(f, "", width, 0);
    for (unsigned c = 0; c < COLUMNS; c++) {
        enum metric m = columns[c].metric;

        putc(' ', f);
        quantity_pad(f, columns[c].title, m == METRIC_LOSS || m == METRIC_MEAN ? WITH_HALF : CELL,
                     1);
    }
    putc('\n', f);
}

void report_sweep_row(FILE *f, unsigned width, const struct point *p, const struct summary *s)
{
    quantity_pad(f, p->label, width, 0);
    for (unsigned c = 0; c < COLUMNS; c++) {
        enum metric m = columns[c].metric;
        struct quantity q = quantity_of(&s->value[m], metric_info[m].unit);
        char text[2 * TEXT];

        if (m != METRIC_LOSS && m != METRIC_MEAN) {
            cell(f, &s->value[m], m);
            continue;
        }
        snprintf(text, sizeof(text), "%s%s%s%s%s", q.value, q.half[0] ? " ± " : "", q.half,
                 q.unit[0] ? " " : "", q.unit);
        putc(' ', f);
        quantity_pad(f, text, WITH_HALF, 1);
    }
    fputs(s->n_warnings ? " !\n" : "\n", f);
}
