/* Does not notice that the disk is full. */
#include "tests/check/bad/bad.h"

static bool save(void *self, struct p2p_stream *out)
{
    p2p_put(out, "bad", 4);
    p2p_put(out, self, 8);
    return true;
}

static bool load(void *self, struct p2p_stream *in)
{
    char magic[4], more;

    return p2p_get(in, magic, 4) && magic[0] == 'b' && magic[1] == 'a' && magic[2] == 'd' &&
           p2p_get(in, self, 8) && !p2p_get(in, &more, 1);
}

BAD_SCHEDULER(.decide = stay, .save = save, .load = load, .state_format = "bad 1",
              .instance_size = 8);
