/*
 * pupil.c - schedulers that ask a learner, and learners that do what their parameters say.
 * Every call is logged with what was seen, which is how a test looks inside.
 */
#include <math.h>
#include <string.h>

#include <p2pfaas/plugin.h>

/* ---- schedulers ---- */

enum { RIGHT, NO_DIMS, MANY_DIMS, NO_ACTIONS, MANY_ACTIONS, NO_BOUNDS, CROSSED, ENDLESS };
static const char *const spaces[] = {"right",      "no_dims",      "many_dims",
                                     "no_actions", "many_actions", "no_bounds",
                                     "crossed",    "endless",      NULL};
enum { NEVER, IN_OUTCOME, IN_DECIDE };
static const char *const times[] = {"never", "in_outcome", "in_decide", NULL};
enum { TERMINAL, NEXT, NEXT_NAN };
static const char *const nexts[] = {"terminal", "next", "nan", NULL};

struct asker {
    int64_t dims, actions, mask, space, when, next;
    double high, first, reward;
    bool quiet;
    const struct p2p_host *host;
    float lo[8], hi[8];
};

static const struct p2p_param asker_params[] = {
    P2P_PARAM_INT(struct asker, dims, 2, 1, 8, "of the space"),
    P2P_PARAM_INT(struct asker, actions, 4, 1, 64, "of the space"),
    P2P_PARAM_NUM(struct asker, high, 10, 0, 1e6, "upper bound of every dimension"),
    P2P_PARAM_ENUM(struct asker, space, RIGHT, spaces, "what is wrong with it"),
    P2P_PARAM_INT(struct asker, mask, 0, -1e15, 1e15, "of the actions"),
    P2P_PARAM_NUM(struct asker, first, 1, -HUGE_VAL, HUGE_VAL, "of the state; infinite above 1e30"),
    P2P_PARAM_ENUM(struct asker, when, NEVER, times, "it rewards"),
    P2P_PARAM_NUM(struct asker, reward, 1, -HUGE_VAL, HUGE_VAL, "its reward; infinite above 1e30"),
    P2P_PARAM_ENUM(struct asker, next, TERMINAL, nexts, "the state that comes of it"),
    P2P_PARAM_BOOL(struct asker, quiet, 0, "says nothing"),
    P2P_PARAM_END};

static float to_float(double d)
{
    return fabs(d) > 1e30 ? (float)INFINITY : (float)d;
}

static void give_reward(const struct asker *a, uint64_t episode)
{
    float next[8];

    for (int k = 0; k < 8; k++)
        next[k] = a->next == NEXT_NAN ? NAN : to_float(a->first) + 10 + (float)k;
    a->host->reward(a->host, episode, to_float(a->reward), a->next == TERMINAL ? NULL : next);
}

static bool ask(const struct asker *a, struct p2p_choice *c)
{
    float state[8];

    for (int k = 0; k < 8; k++)
        state[k] = to_float(a->first) + (float)k;
    return a->host->act(a->host, state, (uint64_t)a->mask, c);
}

static struct p2p_action asker_decide(void *self, const struct p2p_request *rq)
{
    const struct asker *a = self;
    uint64_t *episode = rq->state;
    struct p2p_choice c = {.episode = 77, .action = 77};

    if (rq->event == P2P_EV_TICK)
        return p2p_done();
    if (!ask(a, &c)) {
        p2p_logf(a->host, P2P_LOG_INFO, "nobody to ask");
        return p2p_local();
    }
    *episode = c.episode;
    if (a->when == IN_DECIDE)
        give_reward(a, c.episode);
    if (!a->quiet)
        p2p_logf(a->host, P2P_LOG_INFO, "chose %u explored %u value %g", c.action, c.explored,
                 (double)c.value);
    return p2p_reject(400 + c.action);
}

static void asker_outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    const struct asker *a = self;
    const uint64_t *episode = rq->state;

    (void)out;
    if (*episode && a->when == IN_OUTCOME)
        give_reward(a, *episode);
}

static int asker_init(void *self, const struct p2p_host *host, char *err)
{
    struct asker *a = self;
    struct p2p_choice c;

    (void)err;
    a->host = host;
    for (int k = 0; k < 8; k++)
        a->hi[k] = (float)a->high;
    if (ask(a, &c))
        p2p_logf(host, P2P_LOG_ERROR, "asked too early");
    p2p_logf(host, P2P_LOG_INFO, "a init");
    return 0;
}

static void asker_fini(void *self)
{
    const struct asker *a = self;
    struct p2p_choice c;

    if (ask(a, &c))
        p2p_logf(a->host, P2P_LOG_ERROR, "asked too late");
    p2p_logf(a->host, P2P_LOG_INFO, "a fini");
}

static void asker_space(void *self, struct p2p_space *out)
{
    struct asker *a = self;

    out->n_dims = a->space == NO_DIMS ? 0 : a->space == MANY_DIMS ? 4097 : (uint32_t)a->dims;
    out->n_actions = a->space == NO_ACTIONS     ? 0
                     : a->space == MANY_ACTIONS ? 65
                                                : (uint32_t)a->actions;
    out->lo = a->space == CROSSED ? a->hi : a->lo;
    out->hi = a->space == CROSSED ? a->lo : a->hi;
    if (a->space == NO_BOUNDS)
        out->hi = NULL;
    if (a->space == ENDLESS)
        a->hi[a->dims - 1] = INFINITY;
}

#define ASKER(n, f, s)                                                                             \
    {                                                                                              \
        .size = sizeof(struct p2p_scheduler), .flags = (f), .name = (n), .params = asker_params,   \
        .instance_size = sizeof(struct asker), .decision_size = 8, .tick_ns = 1000,                \
        .decide = asker_decide, .outcome = asker_outcome, .init = asker_init, .fini = asker_fini,  \
        .space = (s)                                                                               \
    }

static const struct p2p_scheduler asker = ASKER("asker", 0, asker_space);
static const struct p2p_scheduler needy = ASKER("needy", P2P_SCHED_NEEDS_LEARNER, asker_space);
static const struct p2p_scheduler mute = ASKER("mute", P2P_SCHED_NEEDS_LEARNER, NULL);
static const struct p2p_scheduler loner = ASKER("loner", 0, NULL);
static const struct p2p_scheduler *const schedulers[] = {&asker, &needy, &mute, &loner, NULL};

/* ---- learners ---- */

enum { LOADS_NOT = 1, SAVES_NOT };
static const char *const ways[] = {"right", "loads_not", "saves_not", NULL};

struct pupil {
    int64_t action, most_dims, way, bulk, live;
    double value;
    bool quiet;
    const struct p2p_host *host;
    int64_t known;
    uint64_t *learned;
    int inside;
};

static const struct p2p_param pupil_params[] = {
    P2P_PARAM_INT(struct pupil, action, 0, 0, 100, "that it always chooses"),
    P2P_PARAM_NUM(struct pupil, value, 0.5, -HUGE_VAL, HUGE_VAL, "of it; infinite above 1e30"),
    P2P_PARAM_INT(struct pupil, most_dims, 8, 1, 8, "more are refused"),
    P2P_PARAM_ENUM(struct pupil, way, 0, ways, "what goes wrong"),
    P2P_PARAM_SIZE(struct pupil, bulk, 0, 0, 1e9, "bytes that are saved besides"),
    P2P_PARAM_(P2P_INT, P2P_PARAM_LIVE, struct pupil, live, 1, 0, 9, NULL, NULL, "may change"),
    P2P_PARAM_BOOL(struct pupil, quiet, 0, "says nothing"),
    P2P_PARAM_END};

static void enter(struct pupil *p)
{
    if (p->inside++)
        p2p_logf(p->host, P2P_LOG_ERROR, "entered twice");
}

static void pupil_act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct pupil *p = self;
    struct p2p_choice c;

    enter(p);
    if (p->host->act(p->host, state, mask, &c))
        p2p_logf(p->host, P2P_LOG_ERROR, "it asked itself");
    if (!p->quiet)
        p2p_logf(p->host, P2P_LOG_INFO, "asked %g %g mask %llu", (double)state[0], (double)state[1],
                 (unsigned long long)mask);
    /* The episode is not its to set. */
    *out = (struct p2p_choice){.episode = 99,
                               .action = (uint32_t)p->action,
                               .explored = 7,
                               .value = to_float(p->value),
                               .epsilon = 0.25F};
    p->inside--;
}

static void pupil_learn(void *self, const struct p2p_transition *t, uint32_t n)
{
    struct pupil *p = self;

    enter(p);
    p->known += n;
    *p->learned += n;
    for (uint32_t i = 1; i < n; i++)
        if (t[i].episode == t[i - 1].episode)
            p2p_logf(p->host, P2P_LOG_ERROR, "one episode twice");
    if (!p->quiet)
        p2p_logf(p->host, P2P_LOG_INFO, "learns %u: %g -%u-> %g, then %g; knows %lld", n,
                 (double)t[0].state[0], t[0].action, (double)t[0].reward,
                 t[0].next ? (double)t[0].next[0] : -1, (long long)p->known);
    p->inside--;
}

static void pupil_values(void *self, const float *state, float *out)
{
    const struct pupil *p = self;

    for (int a = 0; a < 4; a++)
        out[a] = state[0] + (float)a * 10 + (float)p->known;
}

/* As many states as it learned transitions. */
static bool pupil_known(void *self, uint64_t at, float *state)
{
    const struct pupil *p = self;

    state[0] = state[1] = (float)at;
    return at < (uint64_t)p->known;
}

static bool pupil_save(void *self, struct p2p_stream *out)
{
    struct pupil *p = self;
    char block[4096];

    memset(block, (int)p->known, sizeof(block));
    if (!p2p_put(out, &p->known, sizeof(p->known)))
        return false;
    for (int64_t left = p->bulk; left > 0; left -= (int64_t)sizeof(block))
        if (!p2p_put(out, block, sizeof(block)))
            return false;
    return p->way != SAVES_NOT;
}

static bool pupil_load(void *self, struct p2p_stream *in)
{
    struct pupil *p = self;
    char block[4096];
    int64_t n;

    if (!p2p_get(in, &p->known, sizeof(p->known)))
        return false;
    while ((n = in->read(in, block, sizeof(block))) > 0)
        for (int64_t i = 0; i < n; i++)
            if (block[i] != (char)p->known)
                return false;
    if (p->way == LOADS_NOT)
        return false;
    p2p_logf(p->host, P2P_LOG_INFO, "loaded, knows %lld", (long long)p->known);
    return true;
}

static int pupil_init(void *self, const struct p2p_host *host, const struct p2p_space *space,
                      char *err)
{
    struct pupil *p = self;

    p->host = host;
    p->learned = host->counter(host, "learned", "transitions");
    if (space->n_dims > p->most_dims) {
        snprintf(err, P2P_ERRLEN, "%u dimensions are too many", space->n_dims);
        return -1;
    }
    p2p_logf(host, P2P_LOG_INFO, "p init %ux%u up to %g", space->n_dims, space->n_actions,
             (double)space->hi[space->n_dims - 1]);
    return 0;
}

static void pupil_fini(void *self)
{
    const struct pupil *p = self;

    p2p_logf(p->host, P2P_LOG_INFO, "p fini knows %lld", (long long)p->known);
}

static void pupil_changed(void *self)
{
    const struct pupil *p = self;

    p2p_logf(p->host, P2P_LOG_INFO, "changed to live %d", (int)p->live);
}

#define PUPIL(n, f, s, l)                                                                          \
    {                                                                                              \
        .size = sizeof(struct p2p_learner), .name = (n), .version = "1.2", .state_format = (f),    \
        .params = pupil_params, .instance_size = sizeof(struct pupil), .act = pupil_act,           \
        .learn = pupil_learn, .init = pupil_init, .fini = pupil_fini, .save = (s), .load = (l),    \
        .params_changed = pupil_changed, .values = pupil_values, .known = pupil_known              \
    }

static const struct p2p_learner pupil = PUPIL("pupil", "lessons 1", pupil_save, pupil_load);
static const struct p2p_learner heir = PUPIL("heir", "lessons 1", pupil_save, pupil_load);
static const struct p2p_learner alien = PUPIL("alien", "lessons 2", pupil_save, pupil_load);
static const struct p2p_learner forgetful = PUPIL("forgetful", NULL, NULL, NULL);
static const struct p2p_learner *const learners[] = {&pupil, &heir, &alien, &forgetful, NULL};
P2P_MODULE_(schedulers, learners);
