/* Takes the number of entries from the state. */
#include "tests/check/bad/bad.h"

struct bad {
    uint32_t n;
    uint32_t loads[16];
};

static bool save(void *self, struct p2p_stream *out)
{
    return p2p_put(out, self, sizeof(struct bad));
}

static bool load(void *self, struct p2p_stream *in)
{
    struct bad *b = self;

    if (!p2p_get(in, &b->n, sizeof(b->n)))
        return false;
    for (uint32_t i = 0; i < b->n; i++)
        if (!p2p_get(in, &b->loads[i], sizeof(b->loads[i])))
            return false;
    return true;
}

BAD_SCHEDULER(.decide = stay, .save = save, .load = load, .state_format = "bad 1",
              .instance_size = sizeof(struct bad));
