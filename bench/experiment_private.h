/*
 * experiment_private.h - the tables of an experiment's keys.  Private to experiment*.c.
 */
#ifndef BENCH_EXPERIMENT_PRIVATE_H
#define BENCH_EXPERIMENT_PRIVATE_H

#include "bench/experiment.h"

enum experiment_section_id {
    EXPERIMENT_TOP,
    EXPERIMENT_NODES,
    EXPERIMENT_PAYLOADS,
    EXPERIMENT_REWARDS,
    EXPERIMENT_CLUSTER,
    EXPERIMENT_SECTIONS
};
struct experiment_section {
    const char *title, *about;
    const struct p2p_param *keys;
    const char *more[5]; /* keys that hold more than a value */
};
extern const struct experiment_section experiment_sections[EXPERIMENT_SECTIONS];

#endif
