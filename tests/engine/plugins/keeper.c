/*
 * keeper.c - schedulers that count their decisions and hand the count on.  What goes
 * wrong with that is a parameter; what they know is told in the log.
 */
#include <string.h>

#include <p2pfaas/plugin.h>

enum { RIGHT, SAVES_NOT, LOADS_NOT, FLOODS };
static const char *const ways[] = {"right", "saves_not", "loads_not", "floods", NULL};

struct keeper {
    int64_t way, live, fixed;
    const char *word;
    const struct p2p_host *host;
    int64_t known;
    int64_t *memory;
};

static const struct p2p_param params[] = {
    P2P_PARAM_ENUM(struct keeper, way, RIGHT, ways, "what goes wrong"),
    P2P_PARAM_(P2P_INT, P2P_PARAM_LIVE, struct keeper, live, 1, 0, 9, NULL, NULL, "may change"),
    P2P_PARAM_INT(struct keeper, fixed, 1, 0, 9, "may not"),
    P2P_PARAM_(P2P_STRING, P2P_PARAM_LIVE, struct keeper, word, 0, 0, 0, "", NULL, "may, almost"),
    P2P_PARAM_END};

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct keeper *k = self;

    (void)rq;
    k->known++;
    p2p_logf(k->host, P2P_LOG_INFO, "knows %d live %d fixed %d", (int)k->known, (int)k->live,
             (int)k->fixed);
    return p2p_local();
}

static bool save(void *self, struct p2p_stream *out)
{
    static const char block[1 << 20];
    const struct keeper *k = self;

    while (k->way == FLOODS)
        if (!p2p_put(out, block, sizeof(block)))
            return false;
    return p2p_put(out, &k->known, sizeof(k->known)) && k->way != SAVES_NOT;
}

static bool load(void *self, struct p2p_stream *in)
{
    struct keeper *k = self;
    char more;

    k->memory = k->host->alloc(k->host, sizeof(*k->memory));
    if (!k->memory || !p2p_get(in, k->memory, sizeof(*k->memory)) || p2p_get(in, &more, 1))
        return false;
    k->known = *k->memory;
    return k->way != LOADS_NOT;
}

static void params_changed(void *self)
{
    const struct keeper *k = self;

    p2p_logf(k->host, P2P_LOG_INFO, "changed to live %d", (int)k->live);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct keeper *k = self;

    (void)err;
    k->host = host;
    p2p_logf(host, P2P_LOG_INFO, "k init");
    return 0;
}

static void fini(void *self)
{
    const struct keeper *k = self;

    p2p_logf(k->host, P2P_LOG_INFO, "k fini");
}

#define KEEPER(n, format)                                                                          \
    {                                                                                              \
        .size = sizeof(struct p2p_scheduler), .name = n, .state_format = format, .params = params, \
        .instance_size = sizeof(struct keeper), .decide = decide, .init = init, .fini = fini,      \
        .save = save, .load = load, .params_changed = params_changed                               \
    }

static const struct p2p_scheduler keeper = KEEPER("keeper", "count 1");
static const struct p2p_scheduler heir = KEEPER("heir", "count 1");
static const struct p2p_scheduler stranger = KEEPER("stranger", "count 2");
static const struct p2p_scheduler *const all[] = {&keeper, &heir, &stranger, NULL};
P2P_MODULE_(all, NULL);
