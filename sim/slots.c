/*
 * slots.c - the slots of a simulated node and those who wait for one; the counterpart of the
 * live node's slots.c.
 */
#include "sim/stage.h"

void slots_queue(struct node *n, struct job *j)
{
    struct job **at = &n->first;

    if (n->first) {
        const struct job *last =
            (const struct job *)((const char *)n->last - offsetof(struct job, queue_next));

        if (last->rank <= j->rank)
            at = n->last;
    }
    while (*at && (*at)->rank <= j->rank)
        at = &(*at)->queue_next;
    j->queue_next = *at;
    *at = j;
    if (!j->queue_next)
        n->last = &j->queue_next;
    n->view.queue++;
}

void slots_leave(struct node *n, struct job *j)
{
    struct job **at = &n->first;

    while (*at != j)
        at = &(*at)->queue_next;
    *at = j->queue_next;
    if (!j->queue_next)
        n->last = at;
    n->view.queue--;
}

/* Longer than any run, and no sum of two of them wraps. */
static uint64_t duration_of(double ns)
{
    return ns < 1e18 ? (uint64_t)ns : (uint64_t)1e18;
}

static uint64_t service_at(const struct job *j)
{
    double ns = (double)j->service_ns / (double)j->node->speed;

    return ns < 1 ? 1 : duration_of(ns);
}

void slots_run(struct job *j)
{
    struct node *n = j->node;
    uint64_t now = n->sim->now_ns;

    if (j->stage == STAGE_QUEUED)
        j->wait_ns = now - j->since_ns;
    enter_stage(j, STAGE_RUNNING);
    j->may_have_run = true;
    n->view.load++;
    j->ends_ns = now + service_at(j);
    LOG(j, "start", P2P_NONE, "waited %.6f s", (double)j->wait_ns / 1e9);
    later(j, j->ends_ns, EV_SERVED, 0, 0);
}

void slots_give(struct job *j)
{
    struct node *n = j->node;

    j->run_ns = n->sim->now_ns - j->since_ns;
    n->busy_ns += measured_part(n->sim, j->since_ns, n->sim->now_ns);
    n->view.load--;
}

void slots_grant(struct node *n)
{
    while (n->first && n->view.load < n->view.slots) {
        struct job *j = n->first;

        slots_leave(n, j);
        slots_run(j);
    }
    node_load_changed(n);
}

void slots_respeed(struct node *n, float speed)
{
    uint64_t now = n->sim->now_ns;

    for (struct job *j = n->open; j; j = j->next)
        if (j->stage == STAGE_RUNNING) {
            double rest = (double)(j->ends_ns - now) * (double)n->speed / (double)speed;

            j->ends_ns = now + duration_of(rest);
            j->token++;
            later(j, j->ends_ns, EV_SERVED, 0, 0);
        }
    n->speed = speed;
}
