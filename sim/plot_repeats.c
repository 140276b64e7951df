/*
 * Points that differ in their seed only are one experiment, repeated: a curve shows their mean,
 * and the interval that they give.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/estimate.h"
#include "sim/plot_data.h"

struct order {
    unsigned n_axes, seeds;
};

/* By all axes but the seeds. */
static int by_experiment(const void *a, const void *b, void *arg)
{
    const struct plot_row *x = a, *y = b;
    const struct order *o = arg;

    for (unsigned i = 0; i < o->n_axes; i++) {
        int c = i == o->seeds ? 0 : strcmp(x->axis_value[i], y->axis_value[i]);

        if (c)
            return c;
    }
    return 0;
}

static int by_point(const void *a, const void *b)
{
    const struct plot_row *x = a, *y = b;

    return (x->point > y->point) - (x->point < y->point);
}

/* The first of n rows becomes all of them. */
static void merge(struct plot_data *d, struct plot_row *row, unsigned n, double *sample)
{
    for (enum metric m = 0; n > 1 && m < METRICS; m++) {
        struct estimate e;

        for (unsigned i = 0; i < n; i++)
            sample[i] = row[i].value[m];
        e = estimate_of(sample, n, d->level > 0 ? d->level : 0.95);
        row->value[m] = e.value;
        row->half[m] = e.half_width;
    }
    for (unsigned i = 1; i < n; i++) {
        row->point = row[i].point < row->point ? row[i].point : row->point;
        for (unsigned a = 0; a < d->n_axes; a++)
            free(row[i].axis_value[a]);
        free(row[i].axis_value);
    }
}

int plot_merge_repeats(struct plot_data *d, unsigned seeds)
{
    struct order order = {d->n_axes, seeds};
    double *sample = calloc(d->n_rows + 1, sizeof(*sample));
    unsigned kept = 0;

    if (!sample)
        return -1;
    qsort_r(d->row, d->n_rows, sizeof(*d->row), by_experiment, &order);
    for (unsigned from = 0, to; from < d->n_rows; from = to) {
        for (to = from + 1; to < d->n_rows; to++)
            if (by_experiment(&d->row[from], &d->row[to], &order) != 0)
                break;
        merge(d, &d->row[from], to - from, sample);
        d->row[kept++] = d->row[from];
    }
    d->n_rows = kept;
    free(sample);
    qsort(d->row, d->n_rows, sizeof(*d->row), by_point);
    return 0;
}
