/*
 * unit_outside.c - what is outside of the node: whom a learner asks over HTTP, and the
 * learner that a scheduler waits for.
 */
#include <math.h>
#include <string.h>

#include "sdk/check/fence.h"
#include "sdk/check/unit.h"

/* ---- a learner's requests ---- */

static bool is_inside(const struct unit *u)
{
    return u->inside && (strcmp(u->inside, "act") == 0 || strcmp(u->inside, "learn") == 0 ||
                         strcmp(u->inside, "answered") == 0);
}

bool outside_http(const struct p2p_host *h, const struct p2p_http_request *rq)
{
    struct unit *u = h->ctx;
    struct outside *o = &u->outside;

    if (!is_inside(u))
        unit_fault(u, "http() is called from act(), learn() and answered() only",
                   "it calls http()");
    if (!u->check->learner.answered)
        unit_fault(u, "answered() hears the end of each request",
                   "it calls http() and has no answered()");
    if (!rq->method || !rq->url || strncmp(rq->url, "http://", 7) != 0 || rq->timeout_ns == 0)
        unit_fault(u, "a method, a URL that begins with http://, and a time limit above 0",
                   "http() gets method \"%s\", URL \"%.80s\", time limit %llu",
                   rq->method ? rq->method : "NULL", rq->url ? rq->url : "NULL",
                   (unsigned long long)rq->timeout_ns);
    if (u->fault[0] || rq->body_len > P2P_HTTP_MAX || o->n_sent == UNIT_SENT ||
        chance_percent(&u->world.chance, 10))
        return false;
    o->sent[o->n_sent++] = rq->tag;
    return true;
}

static void judge(struct unit *u, const struct p2p_choice *c, uint64_t mask)
{
    if (c->action >= u->space.n_actions || (mask && !(mask >> c->action & 1)))
        unit_fault(u, "an action below n_actions whose bit is in the mask; 0 allows all",
                   "choose() tells action %u of %u, mask 0x%llx", c->action, u->space.n_actions,
                   (unsigned long long)mask);
    if (!isfinite(c->value))
        unit_fault(u, "a finite number", "choose() tells the value %g", (double)c->value);
}

bool outside_choose(const struct p2p_host *h, uint64_t episode, const struct p2p_choice *choice)
{
    struct unit *u = h->ctx;
    struct outside *o = &u->outside;

    if (!is_inside(u))
        unit_fault(u, "choose() is called from act(), learn() and answered() only",
                   "it calls choose()");
    if (o->acting && o->acting == episode) {
        o->acting = 0;
        if (choice)
            judge(u, choice, o->mask);
        return true;
    }
    for (unsigned i = 0; i < o->n_awaited; i++) {
        if (o->awaited[i].episode != episode)
            continue;
        if (choice)
            judge(u, choice, o->awaited[i].mask);
        o->awaited[i] = o->awaited[--o->n_awaited];
        return true;
    }
    return false;
}

void outside_begin_act(struct unit *u, uint64_t episode, uint64_t mask)
{
    u->outside.acting = episode;
    u->outside.mask = mask;
}

bool outside_end_act(struct unit *u, const struct p2p_choice *choice)
{
    struct outside *o = &u->outside;
    bool pending = choice->action == P2P_PENDING;

    /* Those that are awaited for long were given up by their jobs. */
    if (pending && o->acting) {
        unsigned at = o->n_awaited < UNIT_SENT ? o->n_awaited++ : 0;

        o->awaited[at].episode = o->acting;
        o->awaited[at].mask = o->mask;
    }
    o->acting = 0;
    return pending;
}

/* ---- the answers to them ---- */

/* As the learner may wish, or anything else. */
static void write_body(struct unit *u, char *body, size_t size)
{
    struct chance *c = &u->world.chance;

    if (chance_percent(c, 60)) {
        memset(body, ' ', size);
        body[0] = (char)('0' + chance_below(c, 10));
    } else {
        for (size_t i = 0; i < size; i++)
            body[i] = (char)chance_below(c, 256);
    }
}

static void answer(struct unit *u, uint64_t tag)
{
    static const uint32_t statuses[] = {0, 200, 200, 200, 200, 204, 404, 500};
    static const char *const headers[] = {"", "X-P2pfaas-Eps: 0.5\r\n", "X-P2pfaas-Eps: x\r\n",
                                          "Server: any\r\nx-p2pfaas-eps:9\r\n", "no colon\r\n"};
    struct chance *c = &u->world.chance;
    struct p2p_http_answer a = {.size = sizeof(a),
                                .status = statuses[chance_below(c, 8)],
                                .tag = tag,
                                .took_ns = chance_below(c, 1000000000),
                                .error = "",
                                .headers = ""};
    static const char lone[1];
    size_t size = chance_below(c, 4) ? 1 + chance_below(c, 8) : 0;
    void *body = NULL;

    if (a.status == 0) {
        a.error = "did not answer in time";
    } else {
        a.headers = headers[chance_below(c, 5)];
        body = size ? fence_new(&lone, size, "the body of an answer") : NULL;
        if (body)
            write_body(u, body, size);
        a.body = body;
        a.body_len = body ? size : 0;
    }
    unit_enter(u, "answered");
    u->check->learner.answered(u->self, &a);
    unit_leave(u);
    fence_free(&lone);
}

void outside_answer(struct unit *u, unsigned percent)
{
    struct outside *o = &u->outside;

    /* In any order; those that follow from an answer come the next time. */
    for (unsigned left = o->n_sent; left > 0; left--) {
        unsigned at = (unsigned)chance_below(&u->world.chance, o->n_sent);
        uint64_t tag = o->sent[at];

        if (!chance_percent(&u->world.chance, percent))
            continue;
        o->sent[at] = o->sent[--o->n_sent];
        answer(u, tag);
    }
}

/* ---- the learner that a scheduler waits for ---- */

bool outside_pending(struct unit *u, struct p2p_choice *out, bool *is_false)
{
    struct job *j = u->deciding;

    *is_false = false;
    if (!j || !(u->check->scheduler.flags & P2P_SCHED_AWAITS_LEARNER))
        return false;
    if (j->pending && j->waited) {
        /* It comes, or none does. */
        *is_false = chance_percent(&u->random, 50);
        out->episode = j->pending;
        j->pending = 0;
        j->waited = false;
        return false;
    }
    if (!j->pending && !chance_percent(&u->random, 30))
        return false;
    if (!j->pending)
        j->pending = ++u->episodes;
    *out = (struct p2p_choice){.episode = j->pending, .action = P2P_PENDING};
    return true;
}
