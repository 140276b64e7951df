/* A default that nobody may set. */
#include "tests/check/bad/bad.h"

struct bad {
    int64_t fanout;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct bad, fanout, 65, 1, 64, "peers to be asked"), P2P_PARAM_END};

BAD_SCHEDULER(.decide = stay, .params = params, .instance_size = sizeof(struct bad));
