/* Chooses later what there is not. */
#include "tests/check/bad/bad.h"

struct late {
    const struct p2p_host *host;
};

static int init(void *self, const struct p2p_host *host, const struct p2p_space *space, char *err)
{
    (void)space;
    (void)err;
    ((struct late *)self)->host = host;
    return 0;
}

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    const struct p2p_host *host = ((struct late *)self)->host;
    struct p2p_http_request rq = {.size = sizeof(rq),
                                  .tag = out->episode,
                                  .timeout_ns = 1000,
                                  .method = "GET",
                                  .url = "http://192.0.2.1/"};

    (void)state;
    (void)mask;
    out->action = P2P_PENDING;
    host->http(host, &rq);
}

static void answered(void *self, const struct p2p_http_answer *answer)
{
    const struct p2p_host *host = ((struct late *)self)->host;
    struct p2p_choice c = {.action = 64};

    host->choose(host, answer->tag, &c);
}

static void learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    (void)self;
    (void)batch;
    (void)n;
}

BAD_LEARNER(.instance_size = sizeof(struct late), .init = init, .act = act, .learn = learn,
            .answered = answered);
