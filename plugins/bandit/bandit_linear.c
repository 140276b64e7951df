/*
 * linucb: of each arm a ridge regression of its rewards on the features of the job, with
 * the inverse of A = ridge * I + sum of x x' kept up to date by the formula of Sherman and
 * Morrison, and b = sum of reward * x.  The estimate is x' inverse b, its uncertainty the
 * root of u = x' inverse x.
 *
 * Jobs under way are taken to be like the one that is decided: with k of them more in A,
 * u becomes u / (1 + k u).
 *
 * What fades does so towards the ridge, not towards nothing: A becomes part * A +
 * (1 - part) * ridge * I, as in D-LinUCB of Russac, Vernade and Cappe, "Weighted linear
 * bandits for non-stationary environments", NeurIPS 2019.
 */
#include <math.h>
#include <string.h>

#include "bandit.h"

enum { D = BANDIT_FEATURES, B_AT = 0, INVERSE_AT = D, TRIES_AT = D + D * D, NUMBERS };

/* What is left of an arm below it is nothing, and dividing by it would cost digits. */
#define LEAST_PART 1e-6

static void multiply(const double *inverse, const double *x, double *y)
{
    for (int i = 0; i < D; i++) {
        y[i] = 0;
        for (int j = 0; j < D; j++)
            y[i] += inverse[D * i + j] * x[j];
    }
}

static double dot(const double *x, const double *y)
{
    double sum = 0;

    for (int i = 0; i < D; i++)
        sum += x[i] * y[i];
    return sum;
}

/* A becomes A + weight * x x'. */
static void add(double *inverse, const double *x, double weight)
{
    double y[D], by;

    multiply(inverse, x, y);
    by = weight / (1 + weight * dot(x, y));
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            inverse[D * i + j] -= by * (y[i] * y[j]);
}

static void begin(const struct bandit *b, double *numbers)
{
    memset(numbers, 0, NUMBERS * sizeof(*numbers));
    for (int i = 0; i < D; i++)
        numbers[INVERSE_AT + (D + 1) * i] = 1 / b->ridge;
}

static double score(const struct bandit *b, const struct p2p_host *host, const double *numbers,
                    const double *x, double all, uint32_t under_way)
{
    double y[D], u;

    (void)host;
    (void)all;
    multiply(numbers + INVERSE_AT, x, y);
    u = fmax(dot(x, y), 0);
    return dot(numbers + B_AT, y) + b->alpha * sqrt(u / (1 + under_way * u));
}

static void learn(double *numbers, const double *x, bool won)
{
    add(numbers + INVERSE_AT, x, 1);
    for (int i = 0; won && i < D; i++)
        numbers[B_AT + i] += x[i];
    numbers[TRIES_AT] += 1;
}

static void fade(const struct bandit *b, double *numbers, double part)
{
    if (part < LEAST_PART) {
        begin(b, numbers);
        return;
    }
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = i >= INVERSE_AT && i < TRIES_AT ? numbers[i] / part : numbers[i] * part;
    for (int i = 0; i < D; i++) {
        double axis[D] = {0};

        axis[i] = 1;
        add(numbers + INVERSE_AT, axis, (1 - part) * b->ridge);
    }
}

static double tries(const double *numbers)
{
    return numbers[TRIES_AT];
}

/* Symmetric, and positive definite: it has a Cholesky factor. */
static bool is_inverse(const double *inverse)
{
    double l[D][D] = {{0}};

    for (int i = 0; i < D; i++)
        for (int j = 0; j <= i; j++) {
            double rest = inverse[D * i + j];

            if (!(fabs(rest) <= 1e12) || rest != inverse[D * j + i])
                return false;
            for (int k = 0; k < j; k++)
                rest -= l[i][k] * l[j][k];
            if (i == j && !(rest > 0))
                return false;
            l[i][j] = i == j ? sqrt(rest) : rest / l[j][j];
        }
    return true;
}

static bool sound(const struct bandit *b, const double *numbers)
{
    double n = numbers[TRIES_AT];

    (void)b;
    for (int i = 0; i < D; i++)
        if (!(fabs(numbers[B_AT + i]) <= n + 1e-9))
            return false;
    return n >= 0 && n <= 1e18 && is_inverse(numbers + INVERSE_AT);
}

const struct bandit_policy bandit_linucb_policy = {
    .kind = "lin6",
    .n_numbers = NUMBERS,
    .by_features = true,
    .begin = begin,
    .score = score,
    .learn = learn,
    .fade = fade,
    .tries = tries,
    .sound = sound,
};
