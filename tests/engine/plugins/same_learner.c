/*
 * same_learner.c - another file with a learner of that name.
 */
#include "only_learner.c"
