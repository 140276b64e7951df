#include "sim/estimate.h"

#include <math.h>

/* The continued fraction of the incomplete beta function, evaluated from the front. */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), f;

    d = 1 / (fabs(d) < tiny ? tiny : d);
    f = d;
    for (int m = 1; m < 10000; m++) {
        double step = 1;

        for (int odd = 0; odd < 2; odd++) {
            double t = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                           : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));

            d = 1 + t * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + t / c;
            c = fabs(c) < tiny ? tiny : c;
            step = c * d;
            f *= step;
        }
        if (fabs(step - 1) < 1e-16)
            break;
    }
    return f;
}

/* The regularised incomplete beta function; y is 1 - x, which the caller knows better than
 * a subtraction. */
static double beta_share(double x, double y, double a, double b)
{
    int sign;
    double front;

    if (x <= 0 || y <= 0)
        return x <= 0 ? 0 : 1;
    front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) +
                b * log(y));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(y, b, a) / b;
}

/* P(T > x) for x >= 0: small ones keep their digits. */
static double student_tail(double x, double freedom)
{
    double all = freedom + x * x;

    return 0.5 * beta_share(freedom / all, x * x / all, freedom / 2, 0.5);
}

double student_cdf(double x, double freedom)
{
    return x >= 0 ? 1 - student_tail(x, freedom) : student_tail(-x, freedom);
}

double student_quantile(double p, double freedom)
{
    double low = 0, high = 1, tail = 1 - p;

    if (!(p > 0 && p < 1 && freedom >= 1))
        return NAN;
    if (p < 0.5)
        return -student_quantile(1 - p, freedom);
    while (student_tail(high, freedom) > tail)
        high *= 2;
    while (high - low > 1e-12 * high) {
        double middle = low + (high - low) / 2;

        if (middle <= low || middle >= high)
            break;
        if (student_tail(middle, freedom) > tail)
            low = middle;
        else
            high = middle;
    }
    return p > 0.5 ? high : 0;
}

/* Mean and variance of those that are numbers. */
static unsigned moments_of(const double *sample, unsigned n, double *mean, double *variance)
{
    unsigned used = 0;
    double m = 0, squares = 0;

    for (unsigned i = 0; i < n; i++) {
        double delta;

        if (isnan(sample[i]))
            continue;
        delta = sample[i] - m;
        m += delta / ++used;
        squares += delta * (sample[i] - m);
    }
    *mean = used ? m : NAN;
    *variance = used > 1 ? squares / (used - 1) : NAN;
    return used;
}

struct estimate estimate_of(const double *sample, unsigned n, double level)
{
    struct estimate e = {.value = NAN, .half_width = NAN};
    double variance;

    e.n = moments_of(sample, n, &e.value, &variance);
    if (e.n > 1)
        e.half_width = student_quantile(0.5 + level / 2, e.n - 1) * sqrt(variance / e.n);
    return e;
}

double estimate_correlation(const double *sample, unsigned n)
{
    double mean, variance, last = NAN, sum = 0;
    unsigned used = moments_of(sample, n, &mean, &variance);

    if (used < 3 || !(variance > 0))
        return NAN;
    for (unsigned i = 0; i < n; i++) {
        if (isnan(sample[i]))
            continue;
        if (!isnan(last))
            sum += (last - mean) * (sample[i] - mean);
        last = sample[i];
    }
    return sum / (variance * (used - 1));
}

double estimate_halves(const double *sample, unsigned n)
{
    double mean[2], variance[2], error[2], t, freedom;
    unsigned used[2];

    used[0] = moments_of(sample, n / 2, &mean[0], &variance[0]);
    used[1] = moments_of(sample + n - n / 2, n / 2, &mean[1], &variance[1]);
    if (used[0] < 2 || used[1] < 2)
        return NAN;
    for (int i = 0; i < 2; i++)
        error[i] = variance[i] / used[i];
    if (error[0] + error[1] <= 0)
        return mean[0] == mean[1] ? 1 : 0;
    t = fabs(mean[0] - mean[1]) / sqrt(error[0] + error[1]);
    freedom = pow(error[0] + error[1], 2) /
              (error[0] * error[0] / (used[0] - 1) + error[1] * error[1] / (used[1] - 1));
    return 2 * student_tail(t, freedom);
}
