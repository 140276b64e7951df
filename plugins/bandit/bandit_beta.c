/*
 * Beta(a, b) is X / (X + Y) of X from Gamma(a) and Y from Gamma(b), which are drawn as
 * Marsaglia and Tsang do, "A simple method for generating gamma variables", ACM TOMS 26,
 * 2000, doi:10.1145/358407.358414: by rejection from a normal draw, of which more than 95
 * of 100 are taken.
 */
#include "bandit_beta.h"

#include <math.h>

/* Box and Muller; one of the two, so that nothing is kept from call to call. */
static double normal(const struct p2p_host *host)
{
    double radius = sqrt(-2 * log(1 - p2p_rand_unit(host)));

    return radius * cos(6.283185307179586 * p2p_rand_unit(host));
}

static double gamma_draw(const struct p2p_host *host, double shape)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);

    for (;;) {
        double x = normal(host), root = 1 + c * x, v = root * root * root;

        if (v > 0 && log(1 - p2p_rand_unit(host)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

double bandit_beta(const struct p2p_host *host, double a, double b)
{
    double x = gamma_draw(host, a);

    return x / (x + gamma_draw(host, b));
}
