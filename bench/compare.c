#include "bench/compare.h"

#include <math.h>
#include <stdlib.h>

/* Half the width of the interval at another level, from the same samples. */
static double widened(const struct estimate *e, double level, double at)
{
    double freedom = e->n - 1;

    return e->half_width * student_quantile(0.5 + at / 2, freedom) /
           student_quantile(0.5 + level / 2, freedom);
}

static enum verdict judge(const struct comparison *c, const struct compare_rule *rule)
{
    double apart = fabs(c->difference.value);
    double at = 1 - (1 - rule->level) / (rule->together ? rule->together : 1);

    /* Neither has it, as the response of jobs that never ran. */
    if (isnan(c->live.value) && isnan(c->simulated.value))
        return AGREES;
    if (isnan(apart))
        return DIFFERS;
    if (isnan(c->difference.half_width))
        return NO_DATA;
    return apart <= rule->margin * fabs(c->simulated.value) ||
                   apart <= widened(&c->difference, rule->level, at)
               ? AGREES
               : DIFFERS;
}

static struct estimate around(double value, const double *sample, unsigned n, double level)
{
    struct estimate e = estimate_of(sample, n, level);

    e.value = value;
    return e;
}

struct comparison compare_samples(double live_value, const double *live, double simulated_value,
                                  const double *simulated, unsigned n,
                                  const struct compare_rule *rule)
{
    struct comparison c = {.live = around(live_value, live, n, rule->level),
                           .simulated = around(simulated_value, simulated, n, rule->level)};
    double *apart = calloc(n ? n : 1, sizeof(*apart));

    for (unsigned i = 0; apart && i < n; i++)
        apart[i] = live[i] - simulated[i];
    c.difference = around(live_value - simulated_value, apart, apart ? n : 0, rule->level);
    free(apart);
    c.verdict = judge(&c, rule);
    return c;
}

int compare_results(struct comparison *out, const struct result *live,
                    const struct result *simulated, enum metric m, const struct compare_rule *rule)
{
    unsigned n = live->complete < simulated->complete ? live->complete : simulated->complete;
    double *sample = calloc(n ? 2 * (size_t)n : 1, sizeof(*sample));

    if (!sample)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        sample[i] = result_batch_metric(live, i, m);
        sample[n + i] = result_batch_metric(simulated, i, m);
    }
    *out = compare_samples(result_metric(live, m), sample, result_metric(simulated, m), sample + n,
                           n, rule);
    out->metric = m;
    free(sample);
    return 0;
}
