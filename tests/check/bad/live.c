/* A parameter that changes while it runs, with a table made for the first value. */
#include "tests/check/bad/bad.h"

struct bad {
    int64_t slots;
    uint64_t *table;
};

static const struct p2p_param params[] = {P2P_PARAM_(P2P_INT, P2P_PARAM_LIVE, struct bad, slots, 4,
                                                     1, 100000, NULL, NULL, "a table's size"),
                                          P2P_PARAM_END};

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct bad *b = self;

    b->table = host->alloc(host, (size_t)b->slots * sizeof(*b->table));
    if (b->table)
        return 0;
    snprintf(err, P2P_ERRLEN, "out of memory");
    return -1;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct bad *b = self;

    b->table[b->slots - 1] = rq->id;
    return p2p_local();
}

BAD_SCHEDULER(.decide = decide, .init = init, .params = params,
              .instance_size = sizeof(struct bad));
