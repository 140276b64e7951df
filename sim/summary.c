#include "sim/summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tied_together = 0.3; /* correlation above which batches are too short */
static const double by_chance = 0.001;   /* probability below which a difference is none */

static void __attribute__((format(printf, 2, 3))) warn(struct summary *s, const char *format, ...)
{
    va_list args;

    if (s->n_warnings == SUMMARY_WARNINGS)
        return;
    va_start(args, format);
    vsnprintf(s->warning[s->n_warnings++], SUMMARY_WARNING, format, args);
    va_end(args);
}

struct sources {
    const struct result *const *result;
    unsigned n;
    double *sample; /* room for a number of each batch or replication */
    double level;
};

static struct estimate of_replications(const struct sources *from)
{
    return estimate_of(from->sample, from->n, from->level);
}

static struct estimate overall(const struct sources *from, enum metric m)
{
    const struct result *only = from->result[0];
    struct estimate e;

    if (from->n > 1) {
        for (unsigned i = 0; i < from->n; i++)
            from->sample[i] = result_metric(from->result[i], m);
        return of_replications(from);
    }
    for (unsigned i = 0; i < only->complete; i++)
        from->sample[i] = result_batch_metric(only, i, m);
    e = estimate_of(from->sample, only->complete, from->level);
    e.value = result_metric(only, m);
    return e;
}

static struct estimate of_part(const struct sources *from, enum part kind, unsigned index,
                               enum metric m)
{
    const struct result *only = from->result[0];
    unsigned batches = only->part_batches > 1 ? only->complete : 0;
    struct estimate e;

    if (from->n > 1) {
        for (unsigned i = 0; i < from->n; i++)
            from->sample[i] = result_part_metric(from->result[i], kind, index, m);
        return of_replications(from);
    }
    for (unsigned i = 0; i < batches; i++)
        from->sample[i] = result_part_batch_metric(only, kind, index, i, m);
    e = estimate_of(from->sample, batches, from->level);
    e.value = result_part_metric(only, kind, index, m);
    return e;
}

static int make_parts(struct summary *s, const struct sources *from, enum part kind)
{
    const struct scenario *sc = s->scenario;
    unsigned n = result_parts(from->result[0], kind);

    s->part[kind] = n ? calloc(n, sizeof(*s->part[kind])) : NULL;
    if (n && !s->part[kind])
        return -1;
    s->n_parts[kind] = n;
    for (unsigned i = 0; i < n; i++) {
        struct part_summary *p = &s->part[kind][i];

        p->name = kind == PART_GROUP ? sc->group[i].name : sc->function[i].name;
        for (unsigned r = 0; r < from->n; r++)
            p->jobs += result_part_jobs(from->result[r], kind, i);
        for (enum metric m = 0; m < METRICS; m++)
            p->value[m] = of_part(from, kind, i, m);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct counter *x = a, *y = b;
    int order = !x->scheduler - !y->scheduler;

    if (order == 0 && x->scheduler)
        order = strcmp(x->scheduler, y->scheduler);
    return order ? order : strcmp(x->name, y->name);
}

/* Those of all results, equal ones added; the names stay the results'. */
static int make_counters(struct summary *s, const struct sources *from)
{
    unsigned n = 0, kept = 0;

    for (unsigned r = 0; r < from->n; r++)
        n += from->result[r]->n_counters;
    if (n == 0)
        return 0;
    s->counter = calloc(n, sizeof(*s->counter));
    if (!s->counter)
        return -1;
    n = 0;
    for (unsigned r = 0; r < from->n; r++)
        for (unsigned i = 0; i < from->result[r]->n_counters; i++)
            s->counter[n++] = from->result[r]->counter[i];
    qsort(s->counter, n, sizeof(*s->counter), by_name);
    for (unsigned i = 1; i < n; i++) {
        if (by_name(&s->counter[kept], &s->counter[i]) == 0)
            s->counter[kept].n += s->counter[i].n;
        else
            s->counter[++kept] = s->counter[i];
    }
    while (s->n_counters <= kept) {
        struct counter *c = &s->counter[s->n_counters++];
        bool named = c->scheduler != NULL;

        c->scheduler = named ? strdup(c->scheduler) : NULL;
        c->name = strdup(c->name);
        if (!c->name || named != (c->scheduler != NULL))
            return -1;
    }
    return 0;
}

/* Whether time changes what is measured: the first half against the second, of batches
 * averaged over the replications. */
static void check_stationary(struct summary *s, const struct sources *from, enum metric m)
{
    unsigned batches = from->result[0]->complete;
    double mean[2], chance;

    for (unsigned r = 1; r < from->n; r++)
        if (from->result[r]->complete < batches)
            batches = from->result[r]->complete;
    for (unsigned b = 0; b < batches; b++) {
        from->sample[b] = 0;
        for (unsigned r = 0; r < from->n; r++)
            from->sample[b] += result_batch_metric(from->result[r], b, m) / from->n;
    }
    chance = estimate_halves(from->sample, batches);
    if (!(chance < by_chance))
        return;
    mean[0] = estimate_of(from->sample, batches / 2, s->level).value;
    mean[1] = estimate_of(from->sample + batches - batches / 2, batches / 2, s->level).value;
    warn(s,
         "not stationary: %s is %.4g%s in the first half and %.4g%s in the second; a longer "
         "run.warm_up, or a load that does not stay",
         metric_info[m].title, mean[0], metric_info[m].unit == UNIT_SECONDS ? " s" : "", mean[1],
         metric_info[m].unit == UNIT_SECONDS ? " s" : "");
}

static void check_batches(struct summary *s, const struct result *only)
{
    double jobs = only->complete ? (double)s->jobs / only->complete : 0;

    if (only->complete < SUMMARY_FEW_BATCHES)
        warn(s, "few batches: %u of %u were measured to their end, and intervals want %d or more",
             only->complete, only->n_batches, SUMMARY_FEW_BATCHES);
    else if (jobs < SUMMARY_FEW_JOBS)
        warn(s,
             "small batches: %.3g jobs in each, and intervals want %d or more; a longer "
             "run.length, or fewer run.batches",
             jobs, SUMMARY_FEW_JOBS);
    if (s->correlation > tied_together)
        warn(s,
             "batches hang together (correlation %.2f of one with the next), so that intervals "
             "are too narrow; a longer run.length, fewer run.batches, or run.replications",
             s->correlation);
}

static void check_plugins(struct summary *s)
{
    unsigned n = 0;

    for (; n < s->n_counters && s->counter[n].scheduler; n++)
        if (n < SUMMARY_MISBEHAVIOURS)
            warn(s, "%s misbehaved: %s, %" PRIu64 " times; the fallback decided",
                 s->counter[n].scheduler, s->counter[n].name, s->counter[n].n);
    if (n > SUMMARY_MISBEHAVIOURS)
        warn(s, "%u more kinds of misbehaviour", n - SUMMARY_MISBEHAVIOURS);
}

static void check(struct summary *s, const struct sources *from)
{
    const struct estimate *mean = &s->value[METRIC_MEAN];
    double target = s->scenario->run.target;

    check_plugins(s);
    if (s->jobs == 0)
        warn(s, "no job was measured");
    else if (!s->replicated)
        check_batches(s, from->result[0]);
    check_stationary(s, from, METRIC_MEAN);
    check_stationary(s, from, METRIC_LOSS);
    s->precise = !(target > 0) || mean->half_width <= target * mean->value;
    if (!s->precise && isnan(mean->half_width))
        warn(s, "precision not reached: nothing says how well the mean response is known");
    else if (!s->precise)
        warn(s,
             "precision not reached: the mean response is known to %.2g %%, run.target is %.2g %%",
             100 * mean->half_width / mean->value, 100 * target);
}

static double correlation_of_batches(const struct sources *from)
{
    const struct result *only = from->result[0];

    for (unsigned i = 0; i < only->complete; i++)
        from->sample[i] = result_batch_metric(only, i, METRIC_MEAN);
    return estimate_correlation(from->sample, only->complete);
}

int summary_make(struct summary *s, const struct result *const *results, unsigned n, double level)
{
    struct sources from = {.result = results, .n = n, .level = level};
    unsigned room = n + 1;

    memset(s, 0, sizeof(*s));
    s->scenario = results[0]->scenario;
    s->level = level;
    s->replicated = n > 1;
    s->n_samples = n > 1 ? n : results[0]->complete;
    for (unsigned r = 0; r < n; r++) {
        room = results[r]->n_batches > room ? results[r]->n_batches : room;
        s->seconds += result_seconds(results[r]) / n;
        for (unsigned e = 0; e < JOB_ENDS; e++)
            s->ended[e] += results[r]->all.ended[e];
        s->jobs += tally_jobs(&results[r]->all);
    }
    from.sample = calloc(room, sizeof(*from.sample));
    if (!from.sample)
        return -1;
    for (enum metric m = 0; m < METRICS; m++)
        s->value[m] = overall(&from, m);
    s->correlation = n > 1 ? NAN : correlation_of_batches(&from);
    if (make_parts(s, &from, PART_GROUP) || make_parts(s, &from, PART_FUNCTION) ||
        make_counters(s, &from)) {
        free(from.sample);
        summary_release(s);
        return -1;
    }
    check(s, &from);
    free(from.sample);
    return 0;
}

void summary_release(struct summary *s)
{
    for (unsigned i = 0; i < s->n_counters; i++) {
        free(s->counter[i].scheduler);
        free(s->counter[i].name);
    }
    free(s->counter);
    free(s->part[PART_GROUP]);
    free(s->part[PART_FUNCTION]);
    memset(s, 0, sizeof(*s));
}
