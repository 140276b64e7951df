/* Loads half of what it saved. */
#include "tests/check/bad/bad.h"

struct bad {
    uint32_t magic;
    uint32_t jobs, forwards;
};

static int init(void *self, const struct p2p_host *host, char *err)
{
    (void)host;
    (void)err;
    ((struct bad *)self)->magic = 0xbad;
    return 0;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct bad *b = self;

    (void)rq;
    b->jobs++;
    b->forwards += 2;
    return p2p_local();
}

static bool save(void *self, struct p2p_stream *out)
{
    return p2p_put(out, self, sizeof(struct bad));
}

static bool load(void *self, struct p2p_stream *in)
{
    struct bad *b = self, from;
    char more;

    if (!p2p_get(in, &from, sizeof(from)) || from.magic != 0xbad || p2p_get(in, &more, 1))
        return false;
    b->jobs = from.jobs;
    return true;
}

BAD_SCHEDULER(.decide = decide, .init = init, .save = save, .load = load, .state_format = "bad 1",
              .instance_size = sizeof(struct bad));
