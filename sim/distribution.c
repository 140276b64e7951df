#include "sim/distribution.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "engine/params.h"

/* ---- what is allowed ---- */

static void duration_text(int64_t ns, char *out, size_t size)
{
    struct {
        int64_t ns;
    } value = {ns};
    const struct p2p_param p = {.name = "", .type = P2P_DURATION};

    params_format(&p, &value, out, size);
}

static int refuse_time(const char *key, int64_t ns, const char *allowed, char err[P2P_ERRLEN])
{
    char text[40];

    duration_text(ns, text, sizeof(text));
    snprintf(err, P2P_ERRLEN, "%s: %s is out of range; allowed: %s", key, text, allowed);
    return -1;
}

static int refuse_number(const char *key, double value, const char *allowed, char err[P2P_ERRLEN])
{
    snprintf(err, P2P_ERRLEN, "%s: %g is out of range; allowed: %s", key, value, allowed);
    return -1;
}

static int check_mean(const struct distribution_config *c, char err[P2P_ERRLEN])
{
    if (c->mean <= 0)
        return refuse_time("mean", c->mean, "a duration above 0", err);
    return 0;
}

/* ---- the kinds ---- */

struct kind {
    int (*init)(struct distribution *d, const struct distribution_config *c, char err[P2P_ERRLEN]);
    double (*draw)(const struct distribution *d, struct random *r);
};

static int init_by_mean(struct distribution *d, const struct distribution_config *c,
                        char err[P2P_ERRLEN])
{
    d->mean = (double)c->mean;
    return check_mean(c, err);
}

static double draw_deterministic(const struct distribution *d, struct random *r)
{
    (void)r;
    return d->mean;
}

static double draw_exponential(const struct distribution *d, struct random *r)
{
    return random_exponential(r, d->mean);
}

/* a = min, b = max. */
static int init_uniform(struct distribution *d, const struct distribution_config *c,
                        char err[P2P_ERRLEN])
{
    if (c->min < 0)
        return refuse_time("min", c->min, "a duration from 0s", err);
    if (c->max <= 0 || c->max < c->min)
        return refuse_time("max", c->max, "a duration above 0, and not below min", err);
    d->a = (double)c->min;
    d->b = (double)c->max;
    d->mean = (d->a + d->b) / 2;
    return 0;
}

static double draw_uniform(const struct distribution *d, struct random *r)
{
    return d->a + (d->b - d->a) * random_unit(r);
}

/* a, b = mean and standard deviation of the logarithm. */
static int init_lognormal(struct distribution *d, const struct distribution_config *c,
                          char err[P2P_ERRLEN])
{
    double variance;

    if (check_mean(c, err))
        return -1;
    if (!(c->cv >= 0 && c->cv <= 1000))
        return refuse_number("cv", c->cv, "from 0 to 1000", err);
    d->mean = (double)c->mean;
    variance = log1p(c->cv * c->cv);
    d->a = log(d->mean) - variance / 2;
    d->b = sqrt(variance);
    return 0;
}

static double draw_lognormal(const struct distribution *d, struct random *r)
{
    return exp(d->a + d->b * random_normal(r));
}

/* Mean of the Pareto distribution of the first kind between low and high. */
static double bounded_mean(double shape, double low, double high)
{
    double q = low / high;

    return low * shape / (shape - 1) * (1 - pow(q, shape - 1)) / (1 - pow(q, shape));
}

/*
 * P(X > x) = (a / x)^shape from a on; a = mean * (shape - 1) / shape.
 *
 * A bound takes the tail away and with it a part of the mean: two fifths of it, where shape is
 * 1.1 and the bound a thousand times the mean.  As it is the load that a user means by the
 * mean, the least value moves up until the mean of what is left is the one asked for.
 * The mean grows with the least value, from 0 to the bound, so halving finds it.
 *
 * a = least value, b = -1 / shape, c = what of the tail is cut off: P(X > bound).
 */
static int init_pareto(struct distribution *d, const struct distribution_config *c,
                       char err[P2P_ERRLEN])
{
    double low = 0, high = (double)c->max;

    if (check_mean(c, err))
        return -1;
    if (!(c->shape > 1 && c->shape <= 1000))
        return refuse_number("shape", c->shape, "above 1, as there is no mean below, up to 1000",
                             err);
    if (c->max != 0 && c->max <= c->mean)
        return refuse_time("max", c->max, "0 for no bound, or above the mean", err);
    d->mean = (double)c->mean;
    d->a = d->mean * (c->shape - 1) / c->shape;
    d->b = -1 / c->shape;
    if (c->max == 0)
        return 0;
    for (int i = 0; i < 200; i++) {
        d->a = (low + high) / 2;
        if (bounded_mean(c->shape, d->a, (double)c->max) < d->mean)
            low = d->a;
        else
            high = d->a;
    }
    d->c = pow(d->a / (double)c->max, c->shape);
    return 0;
}

static double draw_pareto(const struct distribution *d, struct random *r)
{
    double left = d->c + (1 - d->c) * random_unit(r);

    return d->a * pow(left, d->b);
}

/* a = low, b = high, c = probability of high. */
static int init_bimodal(struct distribution *d, const struct distribution_config *c,
                        char err[P2P_ERRLEN])
{
    if (c->low <= 0)
        return refuse_time("low", c->low, "a duration above 0", err);
    if (c->high < c->low)
        return refuse_time("high", c->high, "a duration not below low", err);
    if (!(c->probability >= 0 && c->probability <= 1))
        return refuse_number("probability", c->probability, "from 0 to 1", err);
    d->a = (double)c->low;
    d->b = (double)c->high;
    d->c = c->probability;
    d->mean = d->a + (d->b - d->a) * d->c;
    return 0;
}

static double draw_bimodal(const struct distribution *d, struct random *r)
{
    return random_unit(r) < d->c ? d->b : d->a;
}

/* ---- measured values ---- */

static const int64_t LONGEST_VALUE = 8760 * INT64_C(3600000000000);

static int add_value(struct distribution *d, uint32_t *room, const struct csv *rows,
                     char err[P2P_ERRLEN])
{
    int64_t ns;

    if (rows->n_fields != 1)
        return csv_fail(rows, err, "%u fields; allowed: one value a line", rows->n_fields);
    if (csv_duration(rows, 0, LONGEST_VALUE, &ns, err))
        return -1;
    if (d->n_values == DISTRIBUTION_MAX_VALUES)
        return csv_fail(rows, err, "more than %d values", DISTRIBUTION_MAX_VALUES);
    if (d->n_values == *room) {
        uint32_t more = *room ? *room * 2 : 1024;
        uint64_t *value = realloc(d->value, more * sizeof(*value));

        if (!value)
            return csv_fail(rows, err, "out of memory");
        d->value = value;
        *room = more;
    }
    d->value[d->n_values++] = ns > 0 ? (uint64_t)ns : 1;
    return 0;
}

static int init_file(struct distribution *d, const struct distribution_config *c,
                     char err[P2P_ERRLEN])
{
    static const char *const names[] = {"value"};
    struct csv rows;
    uint32_t room = 0;
    int rc;

    if (!c->file || !c->file[0]) {
        snprintf(err, P2P_ERRLEN, "file: it is missing; allowed: a file with a value a line");
        return -1;
    }
    if (csv_open(&rows, c->file, CSV_COMMENTS, err))
        return -1;
    csv_name(&rows, names, 1);
    while ((rc = csv_row(&rows, err)) > 0 && (rc = add_value(d, &room, &rows, err)) == 0)
        ;
    if (rc == 0 && d->n_values == 0)
        rc = csv_fail(&rows, err, "no values; allowed: one a line, as in 12.5ms, or seconds");
    csv_close(&rows);
    for (uint32_t i = 0; i < d->n_values; i++)
        d->mean += (double)d->value[i];
    if (d->n_values > 0)
        d->mean /= d->n_values;
    return rc;
}

static double draw_file(const struct distribution *d, struct random *r)
{
    return (double)d->value[random_below(r, d->n_values)];
}

static const struct kind kinds[] = {
    [DISTRIBUTION_DETERMINISTIC] = {init_by_mean, draw_deterministic},
    [DISTRIBUTION_EXPONENTIAL] = {init_by_mean, draw_exponential},
    [DISTRIBUTION_UNIFORM] = {init_uniform, draw_uniform},
    [DISTRIBUTION_LOGNORMAL] = {init_lognormal, draw_lognormal},
    [DISTRIBUTION_PARETO] = {init_pareto, draw_pareto},
    [DISTRIBUTION_BIMODAL] = {init_bimodal, draw_bimodal},
    [DISTRIBUTION_FILE] = {init_file, draw_file},
};

/* ---- what others call ---- */

int distribution_init(struct distribution *d, const struct distribution_config *c,
                      char err[P2P_ERRLEN])
{
    *d = (struct distribution){.kind = c->kind};
    if (c->kind < 0 || (size_t)c->kind >= sizeof(kinds) / sizeof(kinds[0])) {
        snprintf(err, P2P_ERRLEN, "distribution: there is none of number %lld", (long long)c->kind);
        return -1;
    }
    if (kinds[d->kind].init(d, c, err) == 0)
        return 0;
    distribution_release(d);
    return -1;
}

void distribution_release(struct distribution *d)
{
    free(d->value);
    d->value = NULL;
}

double distribution_mean(const struct distribution *d)
{
    return d->mean;
}

uint64_t distribution_draw(const struct distribution *d, struct random *r)
{
    double ns = kinds[d->kind].draw(d, r);

    if (ns >= (double)DISTRIBUTION_MAX_NS)
        return DISTRIBUTION_MAX_NS;
    return ns < 1 ? 1 : (uint64_t)(ns + 0.5);
}
