/*
 * record.h - what is known of a job when it has ended: what every statistic is made of.
 */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum job_end {
    JOB_RAN,      /* its answer reached the node where it arrived */
    JOB_FULL,     /* no slot and no room in a queue */
    JOB_REJECTED, /* the scheduler's choice */
    JOB_LATE,     /* its deadline passed first */
    JOB_FAILED,   /* a node went down under it */
    JOB_ENDS
};

struct job_record {
    uint64_t id;
    uint64_t arrival_ns, end_ns; /* at the node where it arrived from outside */
    uint64_t wait_ns;            /* for a slot */
    uint64_t run_ns;
    uint64_t probe_ns;     /* that its decisions waited for probes */
    uint32_t node, ran_on; /* ran_on: P2P_NONE when it did not */
    uint32_t function;     /* index of the scenario */
    uint32_t probes, forwards;
    enum job_end end;
    bool has_deadline;
};

#endif
