/*
 * arms.h - the schedulers of plugins/bandit, at nodes whose jobs win by chance.
 *
 * Arm 0 is this node, arm 1 + i the peer of id ARMS_FIRST + i.
 */
#ifndef TESTS_ARMS_H
#define TESTS_ARMS_H

#include "plugins/bandit/bandit.h"
#include "tests/plugins/mock_host.h"

enum { ARMS_FIRST = 50, ARMS_TARGET_MS = 1000 };
enum { UCB1, THOMPSON, LINUCB, ARMS_POLICIES };

struct mock *arms_new(unsigned which, const char *settings, uint32_t peers);
/* Where a decision sends the job; fails the test when it is neither LOCAL nor FORWARD. */
uint32_t arms_of(struct p2p_action a);
/* Where a new job of a client goes. */
uint32_t arms_job(struct mock *m);
/* The job that was decided last ended at that arm, in time or too late. */
void arms_end(struct mock *m, uint32_t arm, bool won);
void arms_outcome(struct mock *m, struct p2p_outcome out);
/* A job that wins with the odds of where it goes to, which is returned. */
uint32_t arms_play(struct mock *m, const double *odds, uint64_t *rng);

/* What the instance knows of an arm: the first two numbers of ucb1 and thompson. */
double arms_tries(const struct mock *m, uint32_t arm);
double arms_wins(const struct mock *m, uint32_t arm);
/* Of the arm of that peer; it must have one. */
const double *arms_numbers(const struct mock *m, uint32_t arm);
uint64_t arms_counter(const struct mock *m, const char *name);

#endif
