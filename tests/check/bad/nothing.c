/* A module with neither scheduler nor learner. */
#include "tests/check/bad/bad.h"

static const struct p2p_scheduler *const none[] = {NULL};
P2P_MODULE_(none, NULL);
