#include <math.h>

#include "sim/model.h"

bool network_reach(const struct node *from, const struct node *to)
{
    return from->side == to->side;
}

bool network_loses(struct simulation *s)
{
    double loss = s->scenario->network.loss;

    return loss > 0 && random_unit(&s->random) < loss;
}

static double matrix_delay(const struct simulation *s, const struct node *from,
                           const struct node *to)
{
    const struct network_config *c = &s->scenario->network;
    bool by_group = c->matrix_side == s->scenario->n_groups;
    size_t row = by_group ? from->group : from->view.id,
           column = by_group ? to->group : to->view.id;

    return c->matrix[row * c->matrix_side + column];
}

uint64_t network_delay(struct simulation *s, const struct node *from, const struct node *to)
{
    const struct network_config *c = &s->scenario->network;
    const struct workload_node *a = &from->jobs_to_come, *b = &to->jobs_to_come;
    double ns = (double)c->delay;

    switch ((enum delay_model)c->model) {
    case DELAY_CONSTANT:
        break;
    case DELAY_EXPONENTIAL:
        ns = ns > 0 ? random_exponential(&s->random, ns) : 0;
        break;
    case DELAY_MATRIX:
        ns = matrix_delay(s, from, to);
        break;
    case DELAY_COORDINATES:
        ns += (double)c->per_unit * hypot((double)a->x - (double)b->x, (double)a->y - (double)b->y);
        break;
    }
    return (uint64_t)ns;
}

uint64_t network_transfer(struct simulation *s, const struct node *from, const struct node *to,
                          int64_t bytes)
{
    const struct network_config *c = &s->scenario->network;
    uint64_t ns = network_delay(s, from, to);

    if (c->bandwidth > 0 && bytes > 0)
        ns += (uint64_t)((double)bytes * 1e9 / (double)c->bandwidth);
    while (network_loses(s))
        ns += (uint64_t)c->repeat;
    return ns;
}
