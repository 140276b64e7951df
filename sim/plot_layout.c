#include "sim/plot_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool plot_number(const char *text, double *value, bool *duration)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"ms", 1e-3}, {"s", 1},
                 {"m", 60},    {"min", 60},  {"h", 3600},  {"d", 86400}};
    char *end;

    *value = strtod(text, &end);
    *duration = false;
    if (end == text || !isfinite(*value))
        return false;
    if (*end == '\0')
        return true;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) == 0) {
            *value *= units[i].seconds;
            *duration = true;
            return true;
        }
    }
    return false;
}

static int find_axis(const struct plot_data *d, const char *option, const char *name,
                     unsigned *found, char err[P2P_ERRLEN])
{
    int n;

    for (*found = 0; *found < d->n_axes; ++*found)
        if (strcmp(d->axis[*found], name) == 0)
            return 0;
    n = snprintf(err, P2P_ERRLEN, "%s: no axis '%.60s'; allowed:", option, name);
    for (unsigned a = 0; a < d->n_axes && n > 0 && n < P2P_ERRLEN; a++)
        n += snprintf(err + n, P2P_ERRLEN - (size_t)n, " %s", d->axis[a]);
    return -1;
}

static enum plot_x kind_of(const struct plot_data *d, unsigned axis)
{
    enum plot_x kind = PLOT_NUMBERS;

    for (unsigned i = 0; i < d->n_rows; i++) {
        double value;
        bool duration;

        if (!plot_number(d->row[i].axis_value[axis], &value, &duration))
            return PLOT_CATEGORIES;
        if (duration)
            kind = PLOT_DURATIONS;
    }
    return kind;
}

static unsigned choose_x(const struct plot_data *d, unsigned taken, unsigned seeds)
{
    unsigned any = d->n_axes;

    for (unsigned a = 0; a < d->n_axes; a++) {
        if (a == taken || a == seeds || !plot_has_several(d, a))
            continue;
        if (kind_of(d, a) != PLOT_CATEGORIES)
            return a;
        if (any == d->n_axes)
            any = a;
    }
    return any < d->n_axes ? any : taken == 0 && d->n_axes > 1 ? 1 : 0;
}

static int place_rows(struct plot_data *d)
{
    d->x_kind = kind_of(d, d->x);
    d->category = calloc(d->n_rows, sizeof(*d->category));
    if (!d->category)
        return -1;
    for (unsigned i = 0; i < d->n_rows; i++) {
        char *text = d->row[i].axis_value[d->x];
        unsigned c = 0;
        bool duration;

        if (d->x_kind != PLOT_CATEGORIES) {
            plot_number(text, &d->row[i].x, &duration);
            continue;
        }
        while (c < d->n_categories && d->category[c] && strcmp(d->category[c], text) != 0)
            c++;
        if (c == d->n_categories)
            d->category[d->n_categories++] = text;
        d->row[i].x = c;
    }
    return 0;
}

/* "value, value" of the axes that tell series apart, or their names. */
static char *words(char **of, const unsigned *axis, unsigned n)
{
    size_t len = 1;
    char *text;

    for (unsigned i = 0; i < n; i++)
        len += strlen(of[axis[i]]) + 2;
    text = malloc(len);
    if (!text)
        return NULL;
    text[0] = '\0';
    for (unsigned i = 0, at = 0; i < n; i++)
        at += (unsigned)snprintf(text + at, len - at, "%s%s", i ? ", " : "", of[axis[i]]);
    return text;
}

static int tell_apart(struct plot_data *d, const unsigned *axis, unsigned n)
{
    d->series_title = words(d->axis, axis, n);
    d->series = calloc(d->n_rows + 1, sizeof(*d->series));
    if (!d->series || !d->series_title)
        return -1;
    for (unsigned i = 0; i < d->n_rows; i++) {
        char *label = words(d->row[i].axis_value, axis, n);
        unsigned s = 0;

        if (!label)
            return -1;
        while (s < d->n_series && strcmp(d->series[s], label) != 0)
            s++;
        d->row[i].series = s;
        if (s < d->n_series)
            free(label);
        else
            d->series[d->n_series++] = label;
    }
    return 0;
}

static int replications(struct plot_data *d)
{
    d->series_title = strdup(d->n_series > 1 ? "replication" : "");
    d->series = calloc(d->n_series + 1, sizeof(*d->series));
    for (unsigned i = 0; d->series && i < d->n_series; i++)
        if (asprintf(&d->series[i], "%u", i + 1) < 0) {
            d->series[i] = NULL;
            return -1;
        }
    return d->series && d->series_title ? 0 : -1;
}

/* Seeds that repeat each experiment; n_axes when there are none to merge. */
static unsigned repeats(const struct plot_data *d, const char *x, const char *by)
{
    unsigned seeds = d->n_axes;
    bool others = false;

    if ((x && strcmp(x, "run.seed") == 0) || (by && strcmp(by, "run.seed") == 0))
        return d->n_axes;
    for (unsigned a = 0; a < d->n_axes; a++) {
        if (strcmp(d->axis[a], "run.seed") == 0)
            seeds = a;
        else
            others |= plot_has_several(d, a);
    }
    return others ? seeds : d->n_axes;
}

int plot_layout(struct plot_data *d, const char *x, const char *by, char err[P2P_ERRLEN])
{
    unsigned *axis = calloc(d->n_axes + 1, sizeof(*axis)), n = 0, first = d->n_axes, seeds;
    int rc = -1;

    if (!axis)
        goto no_memory;
    if (by && find_axis(d, "--by", by, &first, err))
        goto out;
    if (x && find_axis(d, "--x", x, &d->x, err))
        goto out;
    seeds = repeats(d, x, by);
    if (seeds < d->n_axes && plot_merge_repeats(d, seeds))
        goto no_memory;
    if (!x)
        d->x = choose_x(d, first, seeds);
    if (by && first == d->x) {
        snprintf(err, P2P_ERRLEN, "--by: %.60s is the x axis already; give another", by);
        goto out;
    }
    if (by)
        axis[n++] = first;
    for (unsigned a = 0; a < d->n_axes; a++)
        if (a != d->x && a != first && a != seeds && plot_has_several(d, a))
            axis[n++] = a;
    if (place_rows(d) || (d->n_series ? replications(d) : tell_apart(d, axis, n)))
        goto no_memory;
    rc = 0;
    goto out;
no_memory:
    snprintf(err, P2P_ERRLEN, "no memory");
out:
    free(axis);
    return rc;
}
