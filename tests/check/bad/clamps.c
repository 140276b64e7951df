/* init() changes what the user set. */
#include "tests/check/bad/bad.h"

struct bad {
    int64_t fanout;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct bad, fanout, 2, 1, 64, "peers to be asked"), P2P_PARAM_END};

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct bad *b = self;

    (void)host;
    (void)err;
    if (b->fanout > 8)
        b->fanout = 8;
    return 0;
}

BAD_SCHEDULER(.decide = stay, .init = init, .params = params, .instance_size = sizeof(struct bad));
