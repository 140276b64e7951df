/*
 * asks.c - asks the host for all that it can tell, wherever a plugin runs.
 */
#include <p2pfaas/plugin.h>

struct asks {
    int64_t rounds;
    const struct p2p_host *host;
};

static const struct p2p_param params[] = {
    P2P_PARAM_INT(struct asks, rounds, 1, 1, 1000000, "how often it asks at once"), P2P_PARAM_END};

static const char *or_none(const char *text)
{
    return text ? text : "none";
}

static void ask(const struct asks *a, const char *where)
{
    const struct p2p_host *h = a->host;

    for (int64_t i = 0; i < a->rounds; i++) {
        uint32_t id = h->peer_id(h, "127.0.0.1:81");

        h->peer_name(h, id);
        h->address(h, id);
    }
    p2p_logf(h, P2P_LOG_INFO, "%s: %s at %s, here %s, function %s, at %llu", where,
             or_none(h->peer_name(h, 1)), or_none(h->address(h, 1)),
             or_none(h->address(h, P2P_NONE)), or_none(h->function_name(h, 2)),
             (unsigned long long)h->now(h));
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)rq;
    ask(self, "decide");
    return p2p_local();
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct asks *a = self;

    (void)err;
    a->host = host;
    ask(a, "in init");
    return 0;
}

static void fini(void *self)
{
    ask(self, "in fini");
}

static uint32_t probes(const void *self)
{
    ask(self, "probes");
    return 1;
}

static bool save(void *self, struct p2p_stream *out)
{
    ask(self, "save");
    return p2p_put(out, "x", 1);
}

static bool load(void *self, struct p2p_stream *in)
{
    char x;

    ask(self, "load");
    return p2p_get(in, &x, 1);
}

static const struct p2p_scheduler asks_ops = {.size = sizeof(asks_ops),
                                              .name = "asks",
                                              .version = "1.0",
                                              .summary = "asks for all that it can be told",
                                              .state_format = "asks-1",
                                              .params = params,
                                              .instance_size = sizeof(struct asks),
                                              .max_probes = 1,
                                              .decide = decide,
                                              .init = init,
                                              .fini = fini,
                                              .probes = probes,
                                              .save = save,
                                              .load = load};

P2P_SCHEDULER_PLUGIN(asks_ops);
