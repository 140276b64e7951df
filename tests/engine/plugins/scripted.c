/*
 * scripted.c - schedulers that do what their parameters say.
 *
 * `script` is a list of actions, one for each call of a decision; the last one is
 * given again and again.  A letter, then numbers with "/" between them:
 *
 *   L flags   F peer   R status   P count/need/timeout/first-peer   W nanoseconds-from-now
 *   A absolute-nanoseconds   D   X kind/a/t
 *   T peer/bytes: tells, then as L      N: logs names and addresses, then as L
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
    int64_t memory, wants;
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
static const struct p2p_param talker_params[] = {
    P2P_PARAM_STRING(struct scripted, script, "L", "what to answer"),
    P2P_PARAM_INT(struct scripted, mark, 0, 0, 1000000, "told in each line of the log"),
    P2P_PARAM_INT(struct scripted, wants, 0, 0, 100, "probe slots to ask for"), P2P_PARAM_END};

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

static struct p2p_action tell(const struct p2p_request *rq, const char *at)
{
    static const char bytes[2 * P2P_MESSAGE_MAX] = "hello";
    uint32_t peer = (uint32_t)number(&at), len = (uint32_t)number(&at);
    bool told = rq->host->tell(rq->host, peer, bytes, len);

    p2p_logf(rq->host, P2P_LOG_INFO, "told %u: %s", peer, told ? "yes" : "no");
    return p2p_local();
}

static const char *or_null(const char *text)
{
    return text ? text : "NULL";
}

static struct p2p_action name_all(const struct p2p_request *rq)
{
    const struct p2p_host *h = rq->host;

    p2p_logf(h, P2P_LOG_INFO, "function %s, none %s; here %s, peer %s, none %s",
             or_null(h->function_name(h, rq->function)), or_null(h->function_name(h, 99)),
             or_null(h->address(h, P2P_NONE)), or_null(h->address(h, 1)),
             or_null(h->address(h, 99)));
    return p2p_local();
}

static struct p2p_action read_action(const struct p2p_request *rq, const char *at)
{
    uint32_t kind, a;

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
        a = (uint32_t)number(&at);
        return p2p_action_(kind, a, number(&at));
    case 'T':
        return tell(rq, at);
    case 'N':
        return name_all(rq);
    default:
        return p2p_action_(P2P_LOCAL, (uint32_t)number(&at), 0);
    }
}

/* "arrival", or "probed 1:ok/5 2:timeout". */
static void log_event(const struct scripted *s, const struct p2p_request *rq)
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

    log_event(s, rq);
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
    p2p_logf(s->host, P2P_LOG_INFO,
             "%d outcome %s probes=%u/%llu hops=%u steps=%u http=%u peer=%d id=%llu", (int)s->mark,
             how[out->status], out->n_probes, (unsigned long long)out->probe_ns, out->hops, *step,
             out->http_status, (int)out->peer, (unsigned long long)rq->id);
}

/* A message that begins with '!' is answered, twice as long. */
static void heard(void *self, const struct p2p_request *rq, const void *message, uint32_t len)
{
    static const char answer[2 * P2P_MESSAGE_MAX];
    const struct scripted *s = self;
    const unsigned char *bytes = message;

    p2p_logf(s->host, P2P_LOG_INFO, "%d heard %u bytes '%c'-'%c' of %u%s, sees %u peers at %llu",
             (int)s->mark, len, bytes[0], bytes[len - 1], rq->from,
             (uintptr_t)message % 8 || rq->host != s->host || rq->state || rq->probe ? " WRONG"
                                                                                     : "",
             rq->n_peers, (unsigned long long)rq->now_ns);
    if (bytes[0] == '!')
        s->host->tell(s->host, rq->from, answer, 2 * len);
}

static uint32_t probes(const void *self)
{
    const struct scripted *s = self;

    return (uint32_t)s->wants;
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
    if (host->tell(host, 1, "early", 5))
        p2p_logf(host, P2P_LOG_ERROR, "told in init");
    p2p_logf(host, P2P_LOG_INFO, "%d init", (int)s->mark);
    return 0;
}

static void fini(void *self)
{
    const struct scripted *s = self;

    if (s->host->tell(s->host, 1, "late", 4))
        p2p_logf(s->host, P2P_LOG_ERROR, "told in fini");
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
/* Listens, and says how many probe slots it wants. */
static const struct p2p_scheduler talker = {.size = sizeof(talker),
                                            .name = "talker",
                                            .params = talker_params,
                                            .instance_size = sizeof(struct scripted),
                                            .decision_size = 4,
                                            .max_probes = 8,
                                            .decide = decide,
                                            .init = init,
                                            .fini = fini,
                                            .probes = probes,
                                            .heard = heard};
static const struct p2p_scheduler *const all[] = {&scripted, &quiet,  &roomy,
                                                  &learning, &talker, NULL};
P2P_MODULE_(all, NULL);
