/*
 * stage.h - a job's way from one stage to the next, for job.c and slots.c.
 */
#ifndef SIM_STAGE_H
#define SIM_STAGE_H

#include "sim/model.h"
#include "sim/trace_log.h"

/* What the job waits for comes then, unless its deadline is earlier. */
static inline void later(struct job *j, uint64_t at_ns, enum event_kind kind, unsigned slot,
                         uint32_t arg)
{
    if (j->deadline_ns && at_ns > j->deadline_ns)
        put(j->node->sim, j->deadline_ns, EV_DEADLINE, 0, j, j->token, 0);
    else
        put(j->node->sim, at_ns, kind, (uint8_t)slot, j, j->token, arg);
}

static inline void enter_stage(struct job *j, enum stage stage)
{
    j->stage = (uint8_t)stage;
    j->since_ns = j->node->sim->now_ns;
    j->token++;
}

/* A line of the decision log; `...` is its detail, NULL or a format with its arguments. */
#define LOG(j, what, peer, ...)                                                                    \
    do {                                                                                           \
        const struct simulation *sim_ = (j)->node->sim;                                            \
        if (sim_->trace && trace_wants(sim_->trace))                                               \
            trace_line(sim_->trace, sim_->now_ns, node_name(sim_, (j)->node->view.id), (j)->id,    \
                       what, (peer) == P2P_NONE ? NULL : node_name(sim_, peer), __VA_ARGS__);      \
    } while (0)

#endif
