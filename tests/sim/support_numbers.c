#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/sim/support_numbers.h"

struct moments moments_of(const double *x, size_t n)
{
    struct moments m = {0};

    for (size_t i = 0; i < n; i++)
        m.mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        m.variance += (x[i] - m.mean) * (x[i] - m.mean) / (double)n;
    return m;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double ks_distance(double *x, size_t n, double (*cdf)(double x, void *ctx), void *ctx)
{
    double worst = 0;

    qsort(x, n, sizeof(*x), by_size);
    for (size_t i = 0; i < n; i++) {
        double at = cdf(x[i], ctx);
        double below = fabs(at - (double)i / (double)n);
        double above = fabs(at - (double)(i + 1) / (double)n);

        worst = fmax(worst, fmax(below, above));
    }
    return worst * sqrt((double)n);
}

const char *file_of_bytes(const void *bytes, size_t n)
{
    enum { KEPT = 8 };
    static char names[KEPT][32];
    static int fds[KEPT];
    static unsigned next;
    unsigned k = next++ % KEPT;

    if (fds[k] > 0)
        close(fds[k]);
    fds[k] = memfd_create("input", MFD_CLOEXEC);
    assert_true(fds[k] > 0);
    assert_int_equal(write(fds[k], bytes, n), n);
    snprintf(names[k], sizeof(names[k]), "/proc/self/fd/%d", fds[k]);
    return names[k];
}

const char *file_of(const char *text)
{
    return file_of_bytes(text, strlen(text));
}

const char *data_file(const char *name)
{
    static char path[2][512];
    static unsigned next;
    char *out = path[next++ % 2];
    const char *tree = getenv("P2P_TEST_TREE");

    snprintf(out, sizeof(path[0]), "%s/tests/sim/data/%s", tree ? tree : ".", name);
    return out;
}

void assert_near(double value, double wanted, double share)
{
    if (fabs(value - wanted) <= share * fabs(wanted))
        return;
    fail_msg("%g is not %g, give or take %g %%", value, wanted, share * 100);
}
