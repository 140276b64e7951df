/*
 * no_decide.c - a scheduler without the one call that is required.
 */
#include <p2pfaas/plugin.h>

static const struct p2p_scheduler no_decide = {.size = sizeof(no_decide), .name = "no_decide"};
P2P_SCHEDULER_PLUGIN(no_decide);
