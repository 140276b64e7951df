/*
 * bond.h - a scheduler and the real learner that it asks, as a host binds them: a choice is
 * kept until its reward comes, which for jobs that go on at the same time may be in another
 * order.
 */
#ifndef TESTS_BOND_H
#define TESTS_BOND_H

#include "tests/plugins/mock_learner.h"

enum { BOND_FIRST = 50, BOND_PENDING = 8, BOND_DIMS = 8 };

struct bond {
    struct learner *l;
    struct {
        uint64_t episode;
        uint32_t action;
        float state[BOND_DIMS];
    } pending[BOND_PENDING];
    uint32_t last;  /* action of the learner's last choice */
    unsigned asked; /* choices */
};

/* The scheduler at a node with 4 places in its queue, and so many peers from BOND_FIRST on. */
struct mock *bond_new(struct bond *b, const struct p2p_module *scheduler, const char *settings,
                      const struct p2p_module *learner, const char *learner_settings,
                      uint32_t peers);
void bond_free(struct bond *b, struct mock *m);
/* The end of the job that was decided last, after that time. */
void bond_end(struct mock *m, uint32_t status, uint64_t took_ns);

#endif
