/*
 * ucb1 and thompson: what they know of an arm is how often it was tried, and how often it
 * won.  So either takes over what the other one learned.
 */
#include <math.h>

#include "bandit.h"
#include "bandit_beta.h"

enum { TRIES, WINS, NUMBERS };

/* An arm that was tried less, as all of it faded, counts as one that never was. */
#define NEVER 1e-9

static double tries(const double *numbers)
{
    return numbers[TRIES];
}

static void learn(double *numbers, const double *x, bool won)
{
    (void)x;
    numbers[TRIES] += 1;
    numbers[WINS] += won;
}

static void fade(const struct bandit *b, double *numbers, double part)
{
    (void)b;
    numbers[TRIES] *= part;
    numbers[WINS] *= part;
}

static bool sound(const struct bandit *b, const double *numbers)
{
    (void)b;
    return numbers[TRIES] >= 0 && numbers[TRIES] <= 1e18 && numbers[WINS] >= 0 &&
           numbers[WINS] <= numbers[TRIES];
}

/* Of an arm whose first jobs are under way nothing is known: it may be good or bad. */
static double ucb1(const struct bandit *b, const struct p2p_host *host, const double *numbers,
                   const double *x, double all, uint32_t under_way)
{
    double n = numbers[TRIES] + under_way;
    double mean = numbers[TRIES] > NEVER ? numbers[WINS] / numbers[TRIES] : 0.5;

    (void)host;
    (void)x;
    if (n <= NEVER)
        return HUGE_VAL;
    return mean + b->exploration * sqrt(2 * log(all > 1 ? all : 1) / n);
}

static double thompson(const struct bandit *b, const struct p2p_host *host, const double *numbers,
                       const double *x, double all, uint32_t under_way)
{
    (void)b;
    (void)x;
    (void)all;
    (void)under_way;
    return bandit_beta(host, 1 + numbers[WINS], 1 + numbers[TRIES] - numbers[WINS]);
}

const struct bandit_policy bandit_ucb1_policy = {
    .kind = "tw  ",
    .n_numbers = NUMBERS,
    .score = ucb1,
    .learn = learn,
    .fade = fade,
    .tries = tries,
    .sound = sound,
};

const struct bandit_policy bandit_thompson_policy = {
    .kind = "tw  ",
    .n_numbers = NUMBERS,
    .score = thompson,
    .learn = learn,
    .fade = fade,
    .tries = tries,
    .sound = sound,
};
