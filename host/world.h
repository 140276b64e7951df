/*
 * world.h - the engine's world, as the live node is one: see engine/world.h.
 */
#ifndef HOST_WORLD_H
#define HOST_WORLD_H

#include "host/job.h"

static inline struct job *job_of(struct decision *d)
{
    return (struct job *)((char *)d - offsetof(struct job, decision));
}

/* job.c */
void world_run_here(struct decision *d, bool may_wait, uint64_t rank);
void world_refuse(struct decision *d, uint32_t http_status);
void world_start_timer(struct decision *d, uint32_t round, uint64_t at);
void world_stop_waiting(struct decision *d);
void world_wake(struct decision *d, uint32_t round);

#endif
