/*
 * estimate.h - a figure and how far from the truth it may be.
 */
#ifndef SIM_ESTIMATE_H
#define SIM_ESTIMATE_H

/* Not a number where nothing can be said: a value without data, a half width from fewer
 * than two samples. */
struct estimate {
    double value;
    double half_width; /* of the confidence interval, by Student's t */
    unsigned n;        /* samples behind it */
};

/* x with P(T <= x) = p of Student's t distribution; 0 < p < 1, freedom >= 1.  Absolute error
 * below 1e-9 times the result or 1e-9. */
double student_quantile(double p, double freedom);
/* P(T <= x). */
double student_cdf(double x, double freedom);

/* Mean and interval at `level`, 0.95 for example, of independent samples.  Those that are
 * NAN are left out: a batch without a job has no mean response. */
struct estimate estimate_of(const double *sample, unsigned n, double level);

/* Correlation of each sample with the next; NAN below three samples, and when all are equal.
 * Batch means are as good as independent when it is small. */
double estimate_correlation(const double *sample, unsigned n);

/* Probability that the means of the two halves differ by as much as they do, or more, when
 * both come from one distribution (Welch's test); NAN below two samples a half. */
double estimate_halves(const double *sample, unsigned n);

#endif
