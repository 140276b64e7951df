#include "tests/plugins/mdp.h"

#include <math.h>
#include <string.h>

/* splitmix64 */
uint64_t mdp_bits(uint64_t *rng)
{
    uint64_t z = *rng += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double mdp_unit(uint64_t *rng)
{
    return (double)(mdp_bits(rng) >> 11) / 9007199254740992.0;
}

static double worth(const struct mdp *m, int s, double epsilon, double q[MDP_STATES][MDP_ACTIONS])
{
    double best = -INFINITY, sum = 0;

    if (s == MDP_END)
        return 0;
    for (unsigned a = 0; a < m->actions; a++) {
        best = fmax(best, q[s][a]);
        sum += q[s][a];
    }
    return (1 - epsilon) * best + epsilon * sum / m->actions;
}

void mdp_solve(const struct mdp *m, double gamma, double epsilon, double q[MDP_STATES][MDP_ACTIONS])
{
    double change;

    memset(q, 0, sizeof(double[MDP_STATES][MDP_ACTIONS]));
    do {
        change = 0;
        for (unsigned s = 0; s < m->states; s++)
            for (unsigned a = 0; a < m->actions; a++) {
                const struct mdp_move *v = &m->move[s][a];
                double now = v->reward + gamma * (v->chance * worth(m, v->likely, epsilon, q) +
                                                  (1 - v->chance) * worth(m, v->other, epsilon, q));

                change = fmax(change, fabs(now - q[s][a]));
                q[s][a] = now;
            }
    } while (change > 1e-10);
}

double mdp_distance(const struct mdp *m, double a[MDP_STATES][MDP_ACTIONS],
                    double b[MDP_STATES][MDP_ACTIONS])
{
    double most = 0;

    for (unsigned s = 0; s < m->states; s++)
        for (unsigned k = 0; k < m->actions; k++)
            most = fmax(most, fabs(a[s][k] - b[s][k]));
    return most;
}

/* The mean of the squares of the values of what is done in a state. */
static double square(const struct mdp *m, int s, double epsilon, double q[MDP_STATES][MDP_ACTIONS])
{
    double best = -INFINITY, at_best = 0, sum = 0;

    if (s == MDP_END)
        return 0;
    for (unsigned a = 0; a < m->actions; a++) {
        if (q[s][a] > best) {
            best = q[s][a];
            at_best = best * best;
        }
        sum += q[s][a] * q[s][a];
    }
    return (1 - epsilon) * at_best + epsilon * sum / m->actions;
}

double mdp_noise(const struct mdp *m, double gamma, double epsilon,
                 double q[MDP_STATES][MDP_ACTIONS])
{
    double most = 0;

    for (unsigned s = 0; s < m->states; s++)
        for (unsigned a = 0; a < m->actions; a++) {
            const struct mdp_move *v = &m->move[s][a];
            double mean = v->chance * worth(m, v->likely, epsilon, q) +
                          (1 - v->chance) * worth(m, v->other, epsilon, q);
            double squares = v->chance * square(m, v->likely, epsilon, q) +
                             (1 - v->chance) * square(m, v->other, epsilon, q);

            most = fmax(most, squares - mean * mean);
        }
    return gamma * sqrt(most);
}

void mdp_walk(const struct mdp *m, struct learner *l, unsigned steps, double decay)
{
    uint64_t rng = 77;
    int s = MDP_END;

    for (unsigned i = 0; i < steps; i++) {
        const struct mdp_move *v;
        float state, next;
        unsigned a;

        if (s == MDP_END)
            s = (int)(mdp_bits(&rng) % m->states);
        if (i % 64 == 0)
            learner_set(l, "alpha", pow(1 + i * decay, -0.7));
        state = (float)s;
        a = learner_act(l, &state, 0).action;
        v = &m->move[s][a];
        s = mdp_unit(&rng) < v->chance ? v->likely : v->other;
        next = (float)s;
        learner_learn(l, &state, a, (float)v->reward, s == MDP_END ? NULL : &next);
    }
}

double mdp_error(const struct mdp *m, struct learner *l, double q[MDP_STATES][MDP_ACTIONS])
{
    double error = 0;

    for (unsigned s = 0; s < m->states; s++)
        for (unsigned a = 0; a < m->actions; a++) {
            float state = (float)s;

            error = fmax(error, fabs(learner_act(l, &state, UINT64_C(1) << a).value - q[s][a]));
        }
    return error;
}

struct p2p_space mdp_space(const struct mdp *m)
{
    static const float lo = 0, hi = MDP_STATES;

    return (struct p2p_space){.size = sizeof(struct p2p_space),
                              .n_dims = 1,
                              .n_actions = m->actions,
                              .lo = &lo,
                              .hi = &hi};
}
