/* Takes it for granted that there is memory. */
#include "tests/check/bad/bad.h"

static int init(void *self, const struct p2p_host *host, char *err)
{
    uint64_t **table = self;

    (void)err;
    *table = host->alloc(host, 64);
    **table = 1;
    return 0;
}

BAD_SCHEDULER(.decide = stay, .init = init, .instance_size = sizeof(uint64_t *));
