/* No parameters please it. */
#include "tests/check/bad/bad.h"

static int init(void *self, const struct p2p_host *host, char *err)
{
    (void)self;
    (void)host;
    snprintf(err, P2P_ERRLEN, "the stars are not right");
    return -1;
}

BAD_SCHEDULER(.decide = stay, .init = init);
