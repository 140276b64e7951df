/*
 * support_learner.h - a pretended node (support_world.h) that has plugins/pupil.c and
 * plugins/outsider.c too.
 */
#ifndef TESTS_SUPPORT_LEARNER_H
#define TESTS_SUPPORT_LEARNER_H

#include "engine/learning.h"
#include "tests/engine/support_world.h"

int pupil_setup(void **state);
int pupil_teardown(void **state);

/* Selects a learner with pairs of parameter name and value, ended by NULL. */
int pupil_try_select(struct fake *f, const char *name, ...);
#define pupil_select(...) assert_int_equal(pupil_try_select(__VA_ARGS__, NULL), 0)

/* A scheduler that asks is selected, one job arrives, ends; the episode that it had, or 0. */
uint64_t pupil_ask(struct fake *f);
/* Learns now whatever waits. */
void pupil_learn(struct fake *f);

struct learner_stats pupil_stats(struct fake *f);
struct engine_learner pupil_now(struct fake *f);

#endif
