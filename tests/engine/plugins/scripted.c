/*
 * scripted.c - schedulers that do what their parameters say.
 *
 * `script` is a list of actions, one for each call of a decision; the last one is
 * given again and again.  A letter, then numbers with "/" between them:
 *
 *   L flags   F peer   R status   P count/need/timeout/first-peer   W nanoseconds-from-now
 *   A absolute-nanoseconds   D   X kind/a/t
 *
 * Every call is logged with what was seen, which is how a test looks inside.
 */
#include <stdlib.h>
#include <string.h>

#include <p2pfaas/plugin.h>

struct scripted {
    const char *script, *tick;
    int64_t mark;
    bool refuse_to_start;
    int64_t memory;
    const struct p2p_host *host;
    uint64_t *decided, *outcomes;
    double *last_id;
};

static const struct p2p_param params[] = {
    P2P_PARAM_STRING(struct scripted, script, "L", "what to answer"),
    P2P_PARAM_INT(struct scripted, mark, 0, 0, 1000000, "told in each line of the log"),
    P2P_PARAM_STRING(struct scripted, tick, "D", "what to answer a tick"),
    P2P_PARAM_BOOL(struct scripted, refuse_to_start, 0, "init fails"),
    P2P_PARAM_SIZE(struct scripted, memory, 0, 0, 1e12, "bytes that init asks for"),
    P2P_PARAM_END};

static const struct p2p_alias aliases[] = {{"ScriptedScheduler", 2, 0}, {NULL, 0, 0}};

static uint64_t number(const char **at)
{
    char *end;
    uint64_t n = strtoull(*at, &end, 10);

    *at = *end == '/' ? end + 1 : end;
    return n;
}

static struct p2p_action probe(const struct p2p_request *rq, const char *at)
{
    uint32_t count = (uint32_t)number(&at), need = (uint32_t)number(&at);
    uint64_t timeout = number(&at);
    uint32_t first = (uint32_t)number(&at);

    for (uint32_t i = 0; i < count && i < rq->probe_cap; i++)
        rq->probe[i].peer = (first ? first : 1) + i;
    return p2p_ask(count, need, timeout);
}

static struct p2p_action read_action(const struct p2p_request *rq, const char *at)
{
    uint32_t kind;

    switch (*at++) {
    case 'F':
        return p2p_forward((uint32_t)number(&at));
    case 'R':
        return p2p_reject((uint32_t)number(&at));
    case 'P':
        return probe(rq, at);
    case 'W':
        return p2p_wait_until(rq->now_ns + number(&at));
    case 'A':
        return p2p_wait_until(number(&at));
    case 'D':
        return p2p_done();
    case 'X':
        kind = (uint32_t)number(&at);
        return p2p_action_(kind, (uint32_t)number(&at), 0);
    default:
        return p2p_action_(P2P_LOCAL, (uint32_t)number(&at), 0);
    }
}

/* "arrival", or "probed 1:ok/5 2:timeout". */
static void tell(const struct scripted *s, const struct p2p_request *rq)
{
    static const char *const events[] = {"arrival", "probed", "timer", "refused", "tick"};
    static const char *const states[] = {"pending", "ok", "timeout", "gone"};
    char line[400];
    int at = snprintf(line, sizeof(line), "%d %s", (int)s->mark, events[rq->event]);

    if (rq->event == P2P_EV_REFUSED)
        at += snprintf(line + at, sizeof(line) - (size_t)at, " %u", rq->attempts);
    for (uint32_t i = 0; rq->event == P2P_EV_PROBED && i < rq->n_probe && at < 360; i++) {
        const struct p2p_probe *p = &rq->probe[i];

        at += snprintf(line + at, sizeof(line) - (size_t)at, " %u:%s", p->peer, states[p->status]);
        if (p->status == P2P_PROBE_OK)
            at += snprintf(line + at, sizeof(line) - (size_t)at, "/%u", p->load + p->queue);
    }
    p2p_logf(s->host, P2P_LOG_INFO, "%s", line);
}

/* The step that a decision is at lies in the first bytes of its state. */
static const char *next_step(const struct scripted *s, const struct p2p_request *rq)
{
    const char *at = s->script;
    uint32_t *step = rq->state, n = (*step)++;

    while (n-- > 0 && strchr(at, ' '))
        at = strchr(at, ' ') + 1;
    return at;
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct scripted *s = self;

    tell(s, rq);
    if (rq->event == P2P_EV_TICK)
        return read_action(rq, s->tick);
    ++*s->decided;
    return read_action(rq, next_step(s, rq));
}

/* As decide, and every byte of a large state must be zero at first. */
static struct p2p_action decide_roomy(void *self, const struct p2p_request *rq)
{
    const struct scripted *s = self;
    unsigned char *bytes = rq->state;

    if (rq->event == P2P_EV_ARRIVAL)
        for (int i = 0; i < 4096; i++)
            if (bytes[i])
                p2p_logf(s->host, P2P_LOG_ERROR, "dirty");
    memset(bytes + 8, 0xff, 4096 - 8);
    return decide(self, rq);
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    static const char *const how[] = {"ran",  "forwarded", "rejected",
                                      "full", "cancelled", "failed"};
    const struct scripted *s = self;
    const uint32_t *step = rq->state;

    ++*s->outcomes;
    *s->last_id = (double)rq->id;
    p2p_logf(s->host, P2P_LOG_INFO, "%d outcome %s probes=%u/%llu hops=%u steps=%u", (int)s->mark,
             how[out->status], out->n_probes, (unsigned long long)out->probe_ns, out->hops, *step);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct scripted *s = self;
    unsigned char *memory = s->memory ? host->alloc(host, (size_t)s->memory) : NULL;

    s->host = host;
    s->decided = host->counter(host, "decided", "calls for a job");
    s->outcomes = host->counter(host, "outcomes", "calls of outcome");
    s->last_id = host->gauge(host, "last_id", "of the job that ended last");
    if (s->memory && !memory) {
        snprintf(err, P2P_ERRLEN, "no memory");
        return -1;
    }
    if (s->refuse_to_start) {
        snprintf(err, P2P_ERRLEN, "told to fail");
        return -1;
    }
    p2p_logf(host, P2P_LOG_INFO, "%d init", (int)s->mark);
    return 0;
}

static void fini(void *self)
{
    const struct scripted *s = self;

    p2p_logf(s->host, P2P_LOG_INFO, "%d fini", (int)s->mark);
}

static const struct p2p_scheduler scripted = {.size = sizeof(scripted),
                                              .name = "scripted",
                                              .params = params,
                                              .aliases = aliases,
                                              .tick_ns = 1000,
                                              .instance_size = sizeof(struct scripted),
                                              .decision_size = 4,
                                              .max_probes = 8,
                                              .decide = decide,
                                              .outcome = outcome,
                                              .init = init,
                                              .fini = fini};
/* Hears of no outcomes and of no ticks. */
static const struct p2p_scheduler quiet = {.size = sizeof(quiet),
                                           .name = "quiet",
                                           .params = params,
                                           .instance_size = sizeof(struct scripted),
                                           .decision_size = 4,
                                           .max_probes = 8,
                                           .decide = decide,
                                           .init = init,
                                           .fini = fini};
/* Too large for the memory inside a decision. */
static const struct p2p_scheduler roomy = {.size = sizeof(roomy),
                                           .name = "roomy",
                                           .params = params,
                                           .instance_size = sizeof(struct scripted),
                                           .decision_size = 4096,
                                           .max_probes = 64,
                                           .decide = decide_roomy,
                                           .outcome = outcome,
                                           .init = init,
                                           .fini = fini};
static const struct p2p_scheduler learning = {.size = sizeof(learning),
                                              .flags = P2P_SCHED_NEEDS_LEARNER,
                                              .name = "learning",
                                              .params = params,
                                              .instance_size = sizeof(struct scripted),
                                              .decision_size = 4,
                                              .decide = decide,
                                              .init = init,
                                              .fini = fini};
static const struct p2p_scheduler *const all[] = {&scripted, &quiet, &roomy, &learning, NULL};
P2P_MODULE_(all, NULL);
