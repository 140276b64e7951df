#include "tests/conformance/mean_field.h"

#include <math.h>

double mean_field_dealt(double load, unsigned n)
{
    double sigma = 0, before;

    if (!(load > 0 && load < 1) || n < 1)
        return NAN;
    /* The share of jobs that wait is where the transform of the gaps meets it; from 0 it only
     * grows to there. */
    do {
        before = sigma;
        sigma = pow(n * load / (n * load + 1 - sigma), n);
    } while (sigma - before > 1e-15);
    return 1 / (1 - sigma);
}
