/* What it saves, nobody loads. */
#include "tests/check/bad/bad.h"

static bool save(void *self, struct p2p_stream *out)
{
    return p2p_put(out, self, sizeof(int64_t));
}

BAD_SCHEDULER(.decide = stay, .save = save, .state_format = "bad 1",
              .instance_size = sizeof(int64_t));
