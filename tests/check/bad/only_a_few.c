/* The process has room for a few dozen of it. */
#include "tests/check/bad/bad.h"

static unsigned instances;

static int init(void *self, const struct p2p_host *host, char *err)
{
    (void)self;
    (void)host;
    snprintf(err, P2P_ERRLEN, "too many instances");
    return ++instances > 50 ? -1 : 0;
}

BAD_SCHEDULER(.decide = stay, .init = init);
