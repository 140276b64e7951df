/* Asks, and has nothing that hears the answer. */
#include "tests/check/bad/bad.h"

struct deaf {
    const struct p2p_host *host;
};

static int init(void *self, const struct p2p_host *host, const struct p2p_space *space, char *err)
{
    (void)space;
    (void)err;
    ((struct deaf *)self)->host = host;
    return 0;
}

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    const struct p2p_host *host = ((struct deaf *)self)->host;
    struct p2p_http_request rq = {
        .size = sizeof(rq), .timeout_ns = 1000, .method = "GET", .url = "http://192.0.2.1/"};

    (void)state;
    (void)mask;
    out->action = P2P_PENDING;
    host->http(host, &rq);
}

static void learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    (void)self;
    (void)batch;
    (void)n;
}

BAD_LEARNER(.instance_size = sizeof(struct deaf), .init = init, .act = act, .learn = learn);
