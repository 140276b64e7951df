/*
 * teller.c - schedulers that tell: with each job, or each tick, `times` messages of
 * `bytes` bytes to the node at `to`.  A teller counts what it hears; a mute one does not
 * listen.
 */
#include <string.h>

#include <p2pfaas/plugin.h>

struct teller {
    const char *to;
    int64_t bytes, times;
    bool on_tick, forward, answer;
    const struct p2p_host *host;
    uint64_t *told, *untold, *heard, *heard_bytes, *wrong;
    double *run_seconds, *queue_seconds;
};

static const struct p2p_param params[] = {
    P2P_PARAM_STRING(struct teller, to, "", "whom to tell; empty: nobody"),
    P2P_PARAM_INT(struct teller, bytes, 8, 0, 4096, "length of a message"),
    P2P_PARAM_INT(struct teller, times, 1, 0, 100000, "messages a job"),
    P2P_PARAM_BOOL(struct teller, on_tick, 0, "tell with ticks, not with jobs"),
    P2P_PARAM_BOOL(struct teller, forward, 0, "jobs go to that node too"),
    P2P_PARAM_BOOL(struct teller, answer, 0, "answer what is heard"),
    P2P_PARAM_END};

static unsigned char expected(uint32_t i)
{
    return (unsigned char)(i * 7 + 13);
}

static void tell(const struct teller *s)
{
    unsigned char message[4096];
    uint32_t peer = s->host->peer_id(s->host, s->to);

    for (uint32_t i = 0; i < sizeof(message); i++)
        message[i] = expected(i);
    for (int64_t i = 0; s->to[0] && i < s->times; i++)
        ++*(s->host->tell(s->host, peer, message, (uint32_t)s->bytes) ? s->told : s->untold);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    const struct teller *s = self;

    if (rq->event == P2P_EV_TICK) {
        if (s->on_tick)
            tell(s);
        return p2p_done();
    }
    if (rq->event == P2P_EV_ARRIVAL && !s->on_tick && rq->from == P2P_NONE)
        tell(s);
    return s->forward && rq->attempts == 0 ? p2p_forward(s->host->peer_id(s->host, s->to))
                                           : p2p_local();
}

static void outcome(void *self, const struct p2p_request *rq, const struct p2p_outcome *out)
{
    const struct teller *s = self;

    (void)rq;
    *s->run_seconds = (double)out->run_ns / 1e9;
    *s->queue_seconds = (double)out->queue_ns / 1e9;
}

static void heard(void *self, const struct p2p_request *rq, const void *message, uint32_t len)
{
    const struct teller *s = self;
    const unsigned char *bytes = message;
    const char *from = s->host->peer_name(s->host, rq->from);
    bool right = from && (uintptr_t)message % 8 == 0;

    for (uint32_t i = 0; i < len; i++)
        right = right && bytes[i] == expected(i);
    *s->wrong += !right;
    *s->heard_bytes += len;
    if (++*s->heard == 1)
        p2p_logf(s->host, P2P_LOG_INFO, "heard of %s", from ? from : "nobody");
    if (s->answer)
        s->host->tell(s->host, rq->from, message, len);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct teller *s = self;

    (void)err;
    s->host = host;
    s->told = host->counter(host, "told", "messages sent");
    s->untold = host->counter(host, "untold", "messages not sent");
    s->heard = host->counter(host, "heard", "messages heard");
    s->heard_bytes = host->counter(host, "heard_bytes", "their bytes");
    s->wrong = host->counter(host, "wrong", "messages that are not as they were sent");
    s->run_seconds = host->gauge(host, "run_seconds", "of the last job");
    s->queue_seconds = host->gauge(host, "queue_seconds", "of the last job");
    return 0;
}

static void fini(void *self)
{
    tell(self);
}

static const struct p2p_scheduler teller = {.size = sizeof(teller),
                                            .name = "teller",
                                            .version = "1",
                                            .summary = "tells and listens",
                                            .params = params,
                                            .tick_ns = 20000000,
                                            .instance_size = sizeof(struct teller),
                                            .decide = decide,
                                            .outcome = outcome,
                                            .init = init,
                                            .fini = fini,
                                            .heard = heard};
static const struct p2p_scheduler mute = {.size = sizeof(mute),
                                          .name = "mute",
                                          .version = "1",
                                          .summary = "tells and does not listen",
                                          .params = params,
                                          .instance_size = sizeof(struct teller),
                                          .decide = decide,
                                          .outcome = outcome,
                                          .init = init};
static const struct p2p_scheduler *const all[] = {&teller, &mute, NULL};
P2P_MODULE_(all, NULL);
