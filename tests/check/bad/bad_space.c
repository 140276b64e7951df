/* A dimension without extent. */
#include "tests/check/bad/bad.h"

static void space(void *self, struct p2p_space *out)
{
    static const float lo[2] = {0, 5}, hi[2] = {1, 5};

    (void)self;
    out->n_dims = 2;
    out->n_actions = 3;
    out->lo = lo;
    out->hi = hi;
}

BAD_SCHEDULER(.decide = stay, .space = space);
