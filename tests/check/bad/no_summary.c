/* Nobody can tell what it is for. */
#include "tests/check/bad/bad.h"

static const struct p2p_scheduler ops = {
    .size = sizeof(ops), .name = "bad", .version = "1.0", .decide = stay};
P2P_SCHEDULER_PLUGIN(ops);
