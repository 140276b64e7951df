/* Believes that whatever it is given was saved by it. */
#include "tests/check/bad/bad.h"

static bool save(void *self, struct p2p_stream *out)
{
    return p2p_put(out, self, 8);
}

static bool load(void *self, struct p2p_stream *in)
{
    return p2p_get(in, self, 8);
}

BAD_SCHEDULER(.decide = stay, .save = save, .load = load, .state_format = "bad 1",
              .instance_size = 8);
