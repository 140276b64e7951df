#include "base/random.h"

/* Marsaglia's polar method.  Its second number is thrown away: kept, it would make a draw
 * depend on how many were drawn before. */
double random_normal(struct random *r)
{
    double u, v, s;

    do {
        u = 2 * random_unit(r) - 1;
        v = 2 * random_unit(r) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrt(-2 * log(s) / s);
}
