/*
 * faults.c - what goes wrong when the scenario says so.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/model.h"

/* The nodes of a fault: [first, end). */
static void nodes_of(const struct simulation *s, const struct fault_config *f, uint32_t *first,
                     uint32_t *end)
{
    uint32_t at = 0;

    *first = 0;
    *end = s->n_nodes;
    for (unsigned g = 0; f->group[0] && g < s->scenario->n_groups; g++) {
        const struct group_config *c = &s->scenario->group[g];

        if (strcmp(c->name, f->group) == 0) {
            *first = at + (uint32_t)f->first;
            *end = f->count ? *first + (uint32_t)f->count : at + (uint32_t)c->count;
            return;
        }
        at += (uint32_t)c->count;
    }
}

static bool is_at_work(const struct simulation *s, const struct fault_config *f)
{
    return (uint64_t)f->at <= s->now_ns && (f->until == 0 || s->now_ns < (uint64_t)f->until);
}

/* A node's side is the sum, bit by bit, of the partitions at work that cut it off: nodes
 * that the same ones cut off are together.  A fault is scattered over all bits, so that
 * different sets of them have different sums. */
static uint32_t side_of_fault(unsigned index)
{
    return (uint32_t)random_mix(index + UINT64_C(0x9e3779b97f4a7c15));
}

/* ---- kinds ---- */

static void down(struct node *n, bool begins)
{
    struct simulation *s = n->sim;
    char err[P2P_ERRLEN];

    if (begins) {
        if (n->downs++)
            return;
        n->down_ns = s->now_ns;
        jobs_lose(n);
        n->view.load = n->view.queue = 0;
        view_forget(n);
        node_load_changed(n);
        node_count(n);
        node_stop(n);
    } else if (--n->downs == 0 && node_start(n, err)) {
        /* It started with these parameters before; only memory can be short. */
        s->no_memory = true;
    }
}

static void change_speed(struct node *n)
{
    const struct simulation *s = n->sim;
    double speed = s->scenario->group[n->group].speed;

    for (unsigned i = 0; i < s->scenario->n_faults; i++) {
        const struct fault_config *f = &s->scenario->fault[i];
        uint32_t first, end;

        nodes_of(s, f, &first, &end);
        if (f->kind == FAULT_SLOW && is_at_work(s, f) && n->view.id >= first && n->view.id < end)
            speed *= f->factor;
    }
    slots_respeed(n, (float)speed);
}

static void stale(struct node *n, const struct fault_config *f, bool begins)
{
    struct load_history *h = n->history;

    if (h) {
        free(h->change);
        free(h);
        n->history = NULL;
    }
    if (!begins)
        return;
    h = calloc(1, sizeof(*h));
    if (h) {
        h->age_ns = (uint64_t)f->age;
        h->room = 16;
        h->change = calloc(h->room, sizeof(*h->change));
    }
    n->history = h;
    if (h && h->change)
        node_load_changed(n);
    else
        n->sim->no_memory = true;
}

void fault_happens(struct simulation *s, unsigned index, bool begins)
{
    const struct fault_config *f = &s->scenario->fault[index];
    uint32_t first, end;

    nodes_of(s, f, &first, &end);
    s->all_well &= f->kind == FAULT_SLOW || f->kind == FAULT_STALE;
    for (uint32_t i = first; i < end && !s->no_memory; i++) {
        struct node *n = &s->nodes[i];

        switch ((enum fault_kind)f->kind) {
        case FAULT_DOWN:
            down(n, begins);
            break;
        case FAULT_SLOW:
            change_speed(n);
            break;
        case FAULT_PARTITION:
            n->side ^= side_of_fault(index); /* its end takes back what its beginning did */
            break;
        case FAULT_STALE:
            stale(n, f, begins);
            break;
        }
    }
    if (f->kind == FAULT_DOWN || f->kind == FAULT_PARTITION)
        put(s, s->now_ns + (begins ? (uint64_t)s->scenario->network.detect : 0), EV_VIEWS, 0, s, 0,
            0);
}

void faults_schedule(struct simulation *s)
{
    const struct fault_config *f = s->scenario->fault;

    /* Of those at one time, what ends comes first, however the scenario orders them. */
    for (unsigned i = 0; i < s->scenario->n_faults; i++)
        if (f[i].until)
            put(s, (uint64_t)f[i].until, EV_FAULT, 0, s, 0, i);
    for (unsigned i = 0; i < s->scenario->n_faults; i++)
        put(s, (uint64_t)f[i].at, EV_FAULT, 1, s, 0, i);
}
