#include "tests/conformance/cases.h"

#include <math.h>
#include <stddef.h>

#include "sim/theory.h"
#include "tests/conformance/mean_field.h"

enum { ENDLESS = 100000 }; /* places in a queue that is never full */

#define CHOICES(F, T, LOSS)                                                                        \
    "{plugin: power_of_choices, parameters: {fanout: " #F ", threshold: " #T ", loss: " #LOSS "}}"
#define LOSING(PLUGIN) "{plugin: " PLUGIN ", parameters: {loss: true}}"
#define TOKENS "{plugin: jiq, parameters: {token_age: 3600s}}"

/* A queue without end forgets its beginning in so many run times, give or take; where jobs go to
 * short queues it is much faster. */
#define SLOW(LOAD) (5 / ((1 - (LOAD)) * (1 - (LOAD)) / 4))
#define FAST(LOAD) (20 / (1 - (LOAD)))
#define BRIEF 15

#define ALONE(PLUGIN, SYSTEM, SCHEDULER, K, Q, LOAD, WARM)                                         \
    .algorithm = PLUGIN, .system = SYSTEM, .scheduler = SCHEDULER, .slots = K, .queue = Q,         \
    .load = LOAD, .warm_up = WARM
#define SAYS(METRIC, CURVE)                                                                        \
    {                                                                                              \
        .metric = METRIC, .curve = CURVE                                                           \
    }

#define MM1(PLUGIN, LOAD)                                                                          \
    {                                                                                              \
        ALONE(PLUGIN, "M/M/1", PLUGIN, 1, ENDLESS, LOAD, SLOW(LOAD)), .claim = {                   \
            SAYS(METRIC_MEAN, "mm1")                                                               \
        }                                                                                          \
    }
#define ERLANG(K, LOAD)                                                                            \
    {                                                                                              \
        ALONE("local", "M/M/" #K "/" #K, LOSING("local"), K, 0, LOAD, BRIEF), .claim = {           \
            SAYS(METRIC_LOSS, "erlang_b:K=" #K)                                                    \
        }                                                                                          \
    }
#define BOUNDED(K, Q, LOAD)                                                                        \
    {                                                                                              \
        ALONE("local", "M/M/" #K ", queue " #Q, "local", K, Q, LOAD, 10 * BRIEF), .claim = {       \
            SAYS(METRIC_LOSS, "mmkq:K=" #K ",q=" #Q),                                              \
            SAYS(METRIC_MEAN, "mmkq:K=" #K ",q=" #Q)                                               \
        }                                                                                          \
    }
/* One server a node, no limit; F asked and the node itself make D. */
#define SHORTEST(D, F, T, LOAD)                                                                    \
    {                                                                                              \
        ALONE("JSQ(" #D "), T=" #T, "one server", CHOICES(F, T, false), 1, ENDLESS, LOAD,          \
              FAST(LOAD)),                                                                         \
            .mean_field = true, .claim = {                                                         \
                SAYS(METRIC_MEAN, "jsq:d=" #D),                                                    \
                SAYS(METRIC_PROBES, "ll:F=" #F ",T=" #T ",K=1,q=400")                              \
            }                                                                                      \
    }
#define LEAST_QUEUED(F, T, LOAD)                                                                   \
    {                                                                                              \
        ALONE("LL(" #F "," #T ")", "one server", CHOICES(F, T, false), 1, ENDLESS, LOAD,           \
              FAST(LOAD)),                                                                         \
            .mean_field = true, .claim = {                                                         \
                SAYS(METRIC_MEAN, "ll:F=" #F ",T=" #T ",K=1,q=400"),                               \
                SAYS(METRIC_PROBES, "ll:F=" #F ",T=" #T ",K=1,q=400")                              \
            }                                                                                      \
    }
#define LEAST(F, T, LOAD)                                                                          \
    {                                                                                              \
        ALONE("LL(" #F "," #T ")", "10 slots, no queue", CHOICES(F, T, true), 10, 0, LOAD, BRIEF), \
            .mean_field = true, .claim = {                                                         \
                SAYS(METRIC_LOSS, "ll:F=" #F ",T=" #T ",K=10"),                                    \
                SAYS(METRIC_PROBES, "ll:F=" #F ",T=" #T ",K=10")                                   \
            }                                                                                      \
    }
/* All but a few jobs in a million ask, which no run resolves. */
#define LEAST_EARLY(F, T, LOAD)                                                                    \
    {                                                                                              \
        ALONE("LL(" #F "," #T ")", "10 slots, no queue", CHOICES(F, T, true), 10, 0, LOAD, BRIEF), \
            .mean_field = true, .claim = {                                                         \
                SAYS(METRIC_LOSS, "ll:F=" #F ",T=" #T ",K=10")                                     \
            }                                                                                      \
    }
#define IDLE(SERVERS, SYSTEM, LOAD)                                                                \
    {                                                                                              \
        ALONE("JIQ, random", SYSTEM, TOKENS, SERVERS, ENDLESS, LOAD, 2.5 * FAST(LOAD)),            \
            .mean_field = true, .claim = {                                                         \
                SAYS(METRIC_MEAN, "jiq:K=" #SERVERS)                                               \
            }                                                                                      \
    }
/* One node with all the jobs of four. */
#define DEALER(LOAD)                                                                               \
    {                                                                                              \
        ALONE("round_robin", "one deals to 4, E4/M/1", "round_robin", 1, ENDLESS, LOAD,            \
              SLOW(LOAD)),                                                                         \
            .dealer = true, .claim = {                                                             \
                {.metric = METRIC_MEAN, .at = mean_field_dealt, .parameter = 4}                    \
            }                                                                                      \
    }

const struct conformance_case conformance_case[] = {
    MM1("local", .5),
    MM1("local", .7),
    MM1("local", .8),
    MM1("local", .9),
    MM1("random", .5),
    MM1("random", .7),
    MM1("random", .8),
    MM1("random", .9),
    ERLANG(1, .7),
    ERLANG(1, .9),
    ERLANG(1, 1.0),
    ERLANG(2, .7),
    ERLANG(2, .9),
    ERLANG(2, 1.0),
    ERLANG(4, .7),
    ERLANG(4, .9),
    ERLANG(4, 1.0),
    ERLANG(8, .7),
    ERLANG(8, .9),
    ERLANG(8, 1.0),
    ERLANG(10, .7),
    ERLANG(10, .9),
    ERLANG(10, 1.0),
    BOUNDED(1, 3, .8),
    BOUNDED(1, 9, .8),
    BOUNDED(1, 9, 1.0),
    BOUNDED(4, 4, .9),
    BOUNDED(10, 10, 1.2),
    DEALER(.7),
    DEALER(.9),
    SHORTEST(2, 1, 1, .5),
    SHORTEST(2, 1, 1, .7),
    SHORTEST(2, 1, 1, .8),
    SHORTEST(2, 1, 1, .9),
    SHORTEST(2, 1, 1, .95),
    SHORTEST(3, 2, 1, .5),
    SHORTEST(3, 2, 1, .7),
    SHORTEST(3, 2, 1, .8),
    SHORTEST(3, 2, 1, .9),
    SHORTEST(3, 2, 1, .95),
    SHORTEST(5, 4, 1, .5),
    SHORTEST(5, 4, 1, .7),
    SHORTEST(5, 4, 1, .8),
    SHORTEST(5, 4, 1, .9),
    SHORTEST(5, 4, 1, .95),
    SHORTEST(2, 1, 0, .9),
    SHORTEST(3, 2, 0, .9),
    SHORTEST(5, 4, 0, .9),
    LEAST_QUEUED(1, 2, .9),
    LEAST_QUEUED(1, 3, .9),
    LEAST_QUEUED(2, 2, .9),
    LEAST(1, 0, .9),
    LEAST_EARLY(1, 1, .9),
    LEAST_EARLY(1, 2, .9),
    LEAST(1, 3, .9),
    LEAST(1, 4, .9),
    LEAST(1, 5, .9),
    LEAST(1, 6, .9),
    LEAST(1, 7, .9),
    LEAST(1, 8, .9),
    LEAST(1, 9, .9),
    LEAST(1, 10, .9),
    LEAST(2, 0, .9),
    LEAST_EARLY(2, 1, .9),
    LEAST_EARLY(2, 2, .9),
    LEAST(2, 3, .9),
    LEAST(2, 4, .9),
    LEAST(2, 5, .9),
    LEAST(2, 6, .9),
    LEAST(2, 7, .9),
    LEAST(2, 8, .9),
    LEAST(2, 9, .9),
    LEAST(2, 10, .9),
    LEAST(1, 9, .7),
    LEAST(1, 10, .7),
    LEAST(1, 0, .8),
    LEAST(1, 8, .8),
    LEAST(1, 9, .8),
    LEAST(1, 10, .8),
    LEAST(1, 0, 1.0),
    LEAST(1, 8, 1.0),
    LEAST(1, 9, 1.0),
    LEAST(1, 10, 1.0),
    IDLE(1, "one server", .5),
    IDLE(1, "one server", .7),
    IDLE(1, "one server", .9),
    IDLE(4, "4 slots", .7),
    IDLE(4, "4 slots", .9),
    /* One queue for all of them, of which no node is idle while a job waits, is the bound. */
    {ALONE("JSQ, all", "25 servers", "jsq", 1, ENDLESS, .9, FAST(.9)), .nodes = 25,
     .claim = {{.metric = METRIC_MEAN, .curve = "mmkq:K=25,q=2000", .bound = BOUND_BELOW}}},
    /* What comes to a node is more even than at random. */
    {ALONE("round_robin", "all deal to all", "round_robin", 1, ENDLESS, .8, SLOW(.8)),
     .claim = {{.metric = METRIC_MEAN, .curve = "mm1", .bound = BOUND_ABOVE}}},
};
const unsigned conformance_cases = sizeof(conformance_case) / sizeof(conformance_case[0]);

const char *const conformance_order[CONFORMANCE_ORDER] = {"random", "JSQ(2), T=1", "JSQ(3), T=1",
                                                          "JSQ, all"};
const double conformance_order_load = .9;

double claim_theory(const struct claim *c, double load)
{
    struct theory_curve curve;
    char err[P2P_ERRLEN];

    if (c->at)
        return c->at(load, c->parameter);
    if (!c->curve || theory_parse(&curve, c->curve, err))
        return NAN;
    return theory_value(&curve, c->metric, load);
}
