#include <stdlib.h>
#include <string.h>

#include "engine/decision.h"
#include "sdk/check/unit.h"

#define SECOND UINT64_C(1000000000)
enum { PROBE_NS = 100000000, STRANGE_EVENT = P2P_EV_TICK + 1 };

/* ---- words ---- */

const char *action_text(struct p2p_action a, char out[80])
{
    enum { SIZE = 80 };
    static const char *const kinds[] = {"LOCAL", "FORWARD", "REJECT", "PROBE", "WAIT", "DONE"};

    switch (a.kind) {
    case P2P_FORWARD:
        snprintf(out, SIZE, "FORWARD to peer %u", a.a);
        break;
    case P2P_REJECT:
        snprintf(out, SIZE, "REJECT with HTTP status %u", a.a);
        break;
    case P2P_PROBE:
        snprintf(out, SIZE, "PROBE of %u with need %u", a.a & 0xffffu, a.a >> 16);
        break;
    case P2P_WAIT:
        snprintf(out, SIZE, "WAIT until %llu ns", (unsigned long long)a.t);
        break;
    default:
        if (a.kind <= P2P_DONE)
            snprintf(out, SIZE, "%s with a = %u", kinds[a.kind], a.a);
        else
            snprintf(out, SIZE, "an action of kind %u, which there is not", a.kind);
    }
    return out;
}

static const char *event_text(uint32_t event, char out[24])
{
    static const char *const names[] = {"ARRIVAL", "PROBED", "TIMER", "REFUSED", "TICK"};

    if (event <= P2P_EV_TICK)
        return names[event];
    snprintf(out, 24, "%u (unknown)", event);
    return out;
}

static void explain(const struct unit *u, const struct p2p_request *rq, enum misbehaviour wrong,
                    char *out, size_t size)
{
    switch (wrong) {
    case MISBEHAVED_PEER:
        snprintf(out, size, "the id of one of rq->peers; they are %u here%s", rq->n_peers,
                 rq->n_peers ? "" : ", so p2p_local() or p2p_reject(0)");
        break;
    case MISBEHAVED_PROBES:
        snprintf(out, size,
                 "1 to %u probes (.max_probes is %u, probes() wants %u) and no more "
                 "needed than asked",
                 rq->probe_cap, u->check->scheduler.max_probes, u->n_probes);
        break;
    case MISBEHAVED_DEADLINE:
        snprintf(out, size, "a time up to rq->deadline_ns, %llu ns here",
                 (unsigned long long)rq->deadline_ns);
        break;
    case MISBEHAVED_STEPS:
        snprintf(out, size, "LOCAL, REJECT or a FORWARD that is taken within %d calls",
                 ENGINE_MAX_STEPS);
        break;
    default:
        if (rq->event == P2P_EV_TICK)
            snprintf(out, size, "p2p_done(): a TICK has no job");
        else
            snprintf(out, size,
                     "LOCAL with a = 0 or P2P_NO_WAIT, FORWARD, REJECT with 0 or 400 to "
                     "599, PROBE or WAIT; for an event that it does not know, "
                     "p2p_local()");
    }
}

/* ---- one call of decide() ---- */

static void record(struct unit *u, uint32_t event, struct p2p_action a)
{
    struct trace *t = &u->trace;

    if (!t->most)
        return;
    if (!t->actions) {
        t->actions = calloc(t->most, sizeof(*t->actions));
        t->events = calloc(t->most, sizeof(*t->events));
        if (!t->actions || !t->events)
            check_fail(u->check, "", "out of memory");
    }
    if (t->n < t->most) {
        t->actions[t->n] = a;
        t->events[t->n++] = event;
    }
}

static void show_world(struct unit *u, struct p2p_request *rq)
{
    rq->now_ns = u->world.now;
    rq->node = &u->world.node;
    rq->peers = u->world.peers;
    rq->n_peers = u->world.n_peers;
}

/* What the plugin was lent to look at is as it was? */
static void compare_world(struct unit *u, const struct p2p_request *rq,
                          const struct p2p_request *was, const struct p2p_node *node,
                          const struct p2p_peer *peers)
{
    const char *right = "rq, rq->node and rq->peers are const; state goes to self or rq->state";

    if (memcmp(rq, was, sizeof(*rq)) != 0)
        check_fail(u->check, right, "%s() changed *rq", u->inside);
    if (memcmp(node, rq->node, sizeof(*node)) != 0)
        check_fail(u->check, right, "%s() changed *rq->node", u->inside);
    if (memcmp(peers, rq->peers, rq->n_peers * sizeof(*peers)) != 0)
        check_fail(u->check, right, "%s() changed rq->peers", u->inside);
}

static struct p2p_action call_decide(struct unit *u, struct p2p_request *rq)
{
    static struct p2p_peer peers[WORLD_PEERS];
    struct report *r = u->check->report;
    struct p2p_node node;
    struct p2p_request was;
    struct p2p_action a;

    show_world(u, rq);
    was = *rq;
    node = *rq->node;
    memcpy(peers, rq->peers, rq->n_peers * sizeof(*peers));
    r->event = rq->event;
    u->deciding = rq->event == P2P_EV_TICK ? NULL : (struct job *)rq;
    unit_enter(u, "decide");
    if (u->watch)
        a = u->watch(u, rq);
    else
        a = u->check->scheduler.decide(u->self, rq);
    compare_world(u, rq, &was, &node, peers);
    unit_leave(u);
    u->deciding = NULL;
    record(u, rq->event, a);
    return a;
}

static void blame(struct unit *u, const struct job *j, enum misbehaviour wrong)
{
    const struct p2p_request *rq = &j->rq;
    char action[80], event[24], right[300];

    explain(u, rq, wrong, right, sizeof(right));
    check_fail(u->check, right,
               "decide() answers event %s with %s (%s), with %u peers, load %u of %u, queue %u of "
               "%u, hops %u, attempts %u",
               event_text(rq->event, event), action_text(j->action, action),
               misbehaviour_name(wrong), rq->n_peers, rq->node->load, rq->node->slots,
               rq->node->queue, rq->node->queue_limit, rq->hops, rq->attempts);
}

static void ask(struct unit *u, struct job *j, uint32_t event)
{
    struct p2p_request *rq = &j->rq;
    enum misbehaviour wrong = MISBEHAVED_STEPS;

    u->check->report->step = ++j->steps;
    rq->event = event;
    if (j->steps > ENGINE_MAX_STEPS)
        blame(u, j, wrong);
    j->action = call_decide(u, rq);
    wrong = decision_judge(rq, j->action, world_knows(&u->world, j->action.a));
    if (wrong != MISBEHAVED_KINDS)
        blame(u, j, wrong);
    switch (j->action.kind) {
    case P2P_PROBE:
        rq->n_probe = j->action.a & 0xffffu;
        j->probes += rq->n_probe;
        j->stage = STAGE_PROBING;
        break;
    case P2P_WAIT:
        j->stage = STAGE_WAITING;
        break;
    case P2P_FORWARD:
        j->stage = STAGE_FORWARDED;
        break;
    case P2P_REJECT:
        j->stage = STAGE_REFUSED;
        break;
    default:
        j->stage = STAGE_HERE;
    }
}

/* ---- what the world does ---- */

void job_new(struct unit *u, struct job *j)
{
    struct chance *c = &u->world.chance;
    struct p2p_request *rq = &j->rq;
    void *state = rq->state;
    struct p2p_probe *probe = rq->probe;
    uint64_t way = chance_below(c, 4);

    memset(state, 0, u->check->scheduler.decision_size);
    /* The slots are not cleared between jobs. */
    *rq = (struct p2p_request){.size = sizeof(*rq),
                               .host = &u->host,
                               .id = ++u->ids,
                               .arrival_ns = u->world.now,
                               .payload_len = chance_below(c, 3) ? chance_below(c, 1 << 20) : 0,
                               .function = (uint32_t)chance_below(c, WORLD_FUNCTIONS),
                               .from = P2P_NONE,
                               .probe = probe,
                               .probe_cap = u->n_probes,
                               .state = state};
    if (way == 0)
        rq->deadline_ns = u->world.now + chance_below(c, SECOND);
    else if (way == 1 && chance_percent(c, 20)) /* it is too late */
        rq->deadline_ns = u->world.now - chance_below(c, SECOND / 2);
    if (chance_percent(c, 30)) {
        rq->hops = 1 + (uint32_t)(chance_percent(c, 10) ? 1000 : chance_below(c, 3));
        rq->flags = P2P_RQ_EXTERNAL;
        rq->from = chance_percent(c, 90) ? world_any_peer(&u->world) : u->world.last_id;
    }
    j->steps = j->probes = 0;
    j->pending = 0;
    j->waited = false;
    j->action = (struct p2p_action){0};
    j->stage = STAGE_NEW;
}

static void answer_probes(struct unit *u, struct job *j)
{
    struct chance *c = &u->world.chance;
    struct p2p_request *rq = &j->rq;
    uint32_t need = j->action.a >> 16, ok = 0;
    bool stubborn = u->world.stubborn;

    if (need == 0)
        need = rq->n_probe;
    for (uint32_t i = 0; i < rq->n_probe; i++) {
        struct p2p_probe *p = &rq->probe[i];

        *p = (struct p2p_probe){.peer = p->peer, .status = P2P_PROBE_GONE};
        if (!world_has(&u->world, p->peer) || (!stubborn && chance_percent(c, 5)))
            continue;
        if (u->world.silent || (!stubborn && chance_percent(c, 15))) {
            p->status = P2P_PROBE_TIMEOUT;
            continue;
        }
        p->status = ok < need ? P2P_PROBE_OK : P2P_PROBE_PENDING;
        if (p->status == P2P_PROBE_PENDING)
            continue;
        ok++;
        p->slots = (uint32_t)chance_below(c, 9);
        p->rtt_ns = chance_below(c, PROBE_NS);
        if (stubborn)
            continue;
        p->load = chance_percent(c, 3) ? UINT32_MAX : (uint32_t)chance_below(c, 8);
        p->queue = chance_percent(c, 3) ? UINT32_MAX : (uint32_t)chance_below(c, 8);
    }
    u->world.now += chance_below(c, PROBE_NS);
}

void job_end(struct unit *u, struct job *j, uint32_t status)
{
    void (*outcome)(void *, const struct p2p_request *, const struct p2p_outcome *) =
        u->check->scheduler.outcome;
    struct p2p_outcome out = {.size = sizeof(out),
                              .status = status,
                              .http_status = 200,
                              .peer = P2P_NONE,
                              .total_ns = u->world.now - j->rq.arrival_ns,
                              .n_probes = j->probes,
                              .hops = j->rq.hops};

    j->stage = STAGE_OVER;
    if (!outcome)
        return;
    if (status == P2P_OUT_FORWARDED) {
        out.peer = j->action.a;
        out.hops++;
    } else if (status != P2P_OUT_RAN) {
        out.http_status = status == P2P_OUT_CANCELLED ? 0 : 503;
    }
    out.run_ns = status == P2P_OUT_RAN ? out.total_ns / 2 : 0;
    show_world(u, &j->rq);
    unit_enter(u, "outcome");
    outcome(u->self, &j->rq, &out);
    unit_leave(u);
}

static void end_here(struct unit *u, struct job *j)
{
    uint64_t way = chance_below(&u->world.chance, 10);
    const struct p2p_node *n = &u->world.node;
    bool full = n->load >= n->slots && (n->queue >= n->queue_limit || j->action.a & P2P_NO_WAIT);

    job_end(u, j, full ? P2P_OUT_FULL : way == 0 ? P2P_OUT_FAILED : P2P_OUT_RAN);
}

bool job_step(struct unit *u, struct job *j)
{
    struct mock_world *w = &u->world;

    world_drift(w);
    if (u->strange && chance_percent(&w->chance, u->strange) && j->stage < STAGE_HERE) {
        ask(u, j, STRANGE_EVENT + (uint32_t)chance_below(&w->chance, 1000));
        j->steps--; /* the plugin did not ask for it */
        return true;
    }
    if (j->stage != STAGE_NEW && !w->stubborn && chance_percent(&w->chance, 3)) {
        job_end(u, j, P2P_OUT_CANCELLED);
        return false;
    }
    switch (j->stage) {
    case STAGE_NEW:
        ask(u, j, P2P_EV_ARRIVAL);
        return true;
    case STAGE_PROBING:
        answer_probes(u, j);
        ask(u, j, P2P_EV_PROBED);
        return true;
    case STAGE_WAITING:
        if (w->now < j->action.t)
            w->now = j->action.t;
        j->waited = j->pending && j->action.t == 0;
        ask(u, j, P2P_EV_TIMER);
        return true;
    case STAGE_FORWARDED:
        if (!world_has(w, j->action.a) || chance_percent(&w->chance, w->refusing)) {
            j->rq.attempts++;
            ask(u, j, P2P_EV_REFUSED);
            return true;
        }
        job_end(u, j, chance_percent(&w->chance, 10) ? P2P_OUT_FAILED : P2P_OUT_FORWARDED);
        return false;
    case STAGE_HERE:
        end_here(u, j);
        return false;
    default:
        job_end(u, j, P2P_OUT_REJECTED);
        return false;
    }
}

/* Nothing but its own limit ends it. */
static void longest_job(struct unit *u, struct job *j)
{
    world_draw_stubborn(&u->world);
    job_new(u, j);
    while (job_step(u, j))
        ;
    world_draw(&u->world);
}

void unit_work(struct unit *u, unsigned n)
{
    struct chance *c = &u->world.chance;
    unsigned begun = 0, open = 0;

    while (begun < n || open > 0) {
        struct job *j = &u->jobs[chance_below(c, UNIT_JOBS)];

        if (j->stage == STAGE_OVER && begun < n) {
            /* A world lasts for a job or two; those that are open see it change. */
            if (open == 0 || chance_percent(c, 50))
                world_draw(&u->world);
            u->check->report->world++;
            begun++;
            if (chance_percent(c, 10)) {
                longest_job(u, j);
                continue;
            }
            job_new(u, j);
            open++;
        } else if (j->stage != STAGE_OVER && !job_step(u, j)) {
            open--;
        }
        if (u->check->scheduler.tick_ns && chance_percent(c, 5))
            unit_tick(u);
    }
}

void unit_tick(struct unit *u)
{
    struct job j = {
        .rq = {.size = sizeof(j.rq), .event = P2P_EV_TICK, .host = &u->host, .from = P2P_NONE}};
    enum misbehaviour wrong;

    u->check->report->step = 0;
    j.action = call_decide(u, &j.rq);
    wrong = decision_judge(&j.rq, j.action, false);
    if (wrong != MISBEHAVED_KINDS)
        blame(u, &j, wrong);
}
