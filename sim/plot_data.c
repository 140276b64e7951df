#include "sim/plot_data.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/table.h"

static double number_at(const struct table *t, unsigned row, unsigned column)
{
    const char *text = column < t->n_columns ? table_cell(t, row, column) : "";

    return *text ? strtod(text, NULL) : NAN;
}

static int set_axes(struct plot_data *d, const struct table *t, unsigned first, unsigned n)
{
    d->axis = calloc(n + 1, sizeof(*d->axis));
    if (!d->axis)
        return -1;
    for (; d->n_axes < n; d->n_axes++) {
        d->axis[d->n_axes] = strdup(table_cell(t, 0, first + d->n_axes));
        if (!d->axis[d->n_axes])
            return -1;
    }
    return 0;
}

static bool same_axes(const struct plot_data *d, const struct table *t, unsigned first, unsigned n)
{
    bool same = d->n_axes == n;

    for (unsigned i = 0; same && i < n; i++)
        same = d->axis[i] && strcmp(d->axis[i], table_cell(t, 0, first + i)) == 0;
    return same;
}

/* The rows of a file whose axes are the n columns from `first` on. */
static int add_rows(struct plot_data *d, const struct table *t, unsigned first, unsigned n)
{
    struct plot_row *rows = realloc(d->row, (d->n_rows + t->n_rows) * sizeof(*rows));

    if (!rows)
        return -1;
    d->row = rows;
    for (unsigned i = 1; i < t->n_rows; i++) {
        struct plot_row *r = &d->row[d->n_rows];

        memset(r, 0, sizeof(*r));
        r->point = (unsigned)strtoul(table_cell(t, i, table_column(t, 0, "point")), NULL, 10);
        r->axis_value = calloc(n + 1, sizeof(*r->axis_value));
        if (!r->axis_value)
            return -1;
        d->n_rows++;
        for (unsigned a = 0; a < n; a++) {
            r->axis_value[a] = strdup(table_cell(t, i, first + a));
            if (!r->axis_value[a])
                return -1;
        }
        for (enum metric m = 0; m < METRICS; m++) {
            char half[64];

            snprintf(half, sizeof(half), "%s_half", metric_info[m].name);
            r->value[m] = number_at(t, i, table_column(t, first + n, metric_info[m].name));
            r->half[m] = number_at(t, i, table_column(t, first + n, half));
        }
    }
    return 0;
}

static int add_points(struct plot_data *d, const char *path, char err[P2P_ERRLEN])
{
    struct table t;
    unsigned end;
    int rc = -1;

    if (table_read(&t, path, err))
        return -1;
    end = table_column(&t, 0, "intervals");
    if (end == t.n_columns || strcmp(table_cell(&t, 0, 0), "point") != 0) {
        snprintf(err, P2P_ERRLEN,
                 "%s:1: not a file of points: it has no columns 'point' and "
                 "'intervals'",
                 path);
    } else if (d->axis && !same_axes(d, &t, 1, end - 1)) {
        snprintf(err, P2P_ERRLEN, "%s:1: other axes than the files before it", path);
    } else if ((!d->axis && set_axes(d, &t, 1, end - 1)) || add_rows(d, &t, 1, end - 1)) {
        snprintf(err, P2P_ERRLEN, "%s: no memory", path);
    } else {
        if (t.n_rows > 1)
            d->level = number_at(&t, 1, table_column(&t, end, "level"));
        rc = 0;
    }
    table_release(&t);
    return rc;
}

/* Says when parts of a divided sweep are missing: what is drawn is not all. */
static void say_missing(const char *folder, struct dirent *const *names, int n)
{
    unsigned parts = 0, part;

    for (int i = 0; i < n; i++)
        if (sscanf(names[i]->d_name, "points.%u-of-%u.csv", &part, &parts) == 2)
            break;
    if (parts > (unsigned)n)
        fprintf(stderr, "%s: has %d of %u parts of the sweep; the figures lack the others\n",
                folder, n, parts);
}

static int is_points(const struct dirent *e)
{
    size_t n = strlen(e->d_name);

    return strncmp(e->d_name, "points.", 7) == 0 && n > 4 && strcmp(e->d_name + n - 4, ".csv") == 0;
}

static int by_point(const void *a, const void *b)
{
    const struct plot_row *x = a, *y = b;

    return (x->point > y->point) - (x->point < y->point);
}

bool plot_has_several(const struct plot_data *d, unsigned axis)
{
    for (unsigned i = 1; i < d->n_rows; i++)
        if (strcmp(d->row[i].axis_value[axis], d->row[0].axis_value[axis]) != 0)
            return true;
    return false;
}

static int name_time(struct plot_data *d)
{
    free(d->axis[0]);
    d->axis[0] = strdup("time (s)");
    return d->axis[0] ? 0 : -1;
}

static int read_batches(struct plot_data *d, const char *folder, char err[P2P_ERRLEN])
{
    char path[PATH_MAX];
    struct table t;
    unsigned column;
    int rc = -1;

    plot_data_release(d);
    snprintf(path, sizeof(path), "%s/batches.csv", folder);
    if (table_read(&t, path, err))
        return -1;
    column = table_column(&t, 0, "from_s");
    if (column == t.n_columns || t.n_rows < 2)
        snprintf(err, P2P_ERRLEN, "%s: has no batch", path);
    else if (set_axes(d, &t, column, 1) || add_rows(d, &t, column, 1) || name_time(d))
        snprintf(err, P2P_ERRLEN, "%s: no memory", path);
    else
        rc = 0;
    if (rc == 0) {
        /* Replications lie side by side. */
        column = table_column(&t, 0, "replication");
        for (unsigned i = 0; column < t.n_columns && i < d->n_rows; i++)
            d->row[i].series = (unsigned)strtoul(table_cell(&t, i + 1, column), NULL, 10);
        for (unsigned i = 0; i < d->n_rows; i++)
            d->n_series = d->row[i].series >= d->n_series ? d->row[i].series + 1 : d->n_series;
    }
    table_release(&t);
    return rc;
}

int plot_read(struct plot_data *d, const char *folder, char err[P2P_ERRLEN])
{
    struct dirent **names;
    bool several = false;
    int n, rc = 0;

    memset(d, 0, sizeof(*d));
    n = scandir(folder, &names, is_points, alphasort);
    if (n <= 0) {
        snprintf(err, P2P_ERRLEN, "%s: %s", folder,
                 n < 0 ? strerror(errno) : "no points.csv there; is it what --out named?");
        if (n == 0)
            free(names);
        return -1;
    }
    say_missing(folder, names, n);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (rc == 0)
            rc = add_points(d, path, err);
        free(names[i]);
    }
    free(names);
    if (rc == 0 && d->n_rows == 0) {
        snprintf(err, P2P_ERRLEN, "%s: the files of points have no row", folder);
        rc = -1;
    }
    if (rc == 0) {
        qsort(d->row, d->n_rows, sizeof(*d->row), by_point);
        for (unsigned i = 1; i < d->n_rows && rc == 0; i++) {
            if (d->row[i].point != d->row[i - 1].point)
                continue;
            snprintf(err, P2P_ERRLEN, "%s: point %u is in two files", folder, d->row[i].point);
            rc = -1;
        }
    }
    for (unsigned a = 0; a < d->n_axes; a++)
        several |= rc == 0 && plot_has_several(d, a);
    if (rc == 0 && !several)
        rc = read_batches(d, folder, err);
    if (rc)
        plot_data_release(d);
    return rc;
}

bool plot_has(const struct plot_data *d, enum metric m, bool or_zero)
{
    for (unsigned i = 0; i < d->n_rows; i++)
        if (!isnan(d->row[i].value[m]) && (or_zero || d->row[i].value[m] != 0))
            return true;
    return false;
}

void plot_data_release(struct plot_data *d)
{
    for (unsigned i = 0; i < d->n_rows; i++) {
        for (unsigned a = 0; a < d->n_axes; a++)
            free(d->row[i].axis_value[a]);
        free(d->row[i].axis_value);
    }
    for (unsigned a = 0; d->axis && a < d->n_axes; a++)
        free(d->axis[a]);
    for (unsigned i = 0; d->series && i < d->n_series; i++)
        free(d->series[i]);
    free(d->axis);
    free(d->row);
    free(d->category);
    free(d->series);
    free(d->series_title);
    memset(d, 0, sizeof(*d));
}
