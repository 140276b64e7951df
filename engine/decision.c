#include "engine/decision.h"

#include <stdlib.h>
#include <string.h>

#include "engine/private.h"

/* What is to be done once the world's lock is left. */
struct next_move {
    struct p2p_action action;
    struct instance *done; /* to be freed */
};

/* ---- memory of one decision ---- */

/* State first, zeroed, then the probe slots, which the plugin fills; both 16-aligned.
 * -1 when memory is short. */
static int give_memory(struct decision *d, const struct instance *i)
{
    size_t state = decision_state_bytes(i), total = decision_bytes(i);
    unsigned char *at = d->room.memory;

    d->heap = NULL;
    if (total > d->room.size) {
        at = d->heap = calloc(1, total);
        if (!at)
            return -1;
    } else if (state) {
        memset(at, 0, state);
    }
    d->rq.state = at;
    d->rq.probe = (struct p2p_probe *)(void *)(at + state);
    d->rq.probe_cap = i->n_probes;
    return 0;
}

/* ---- the rules ---- */

enum misbehaviour decision_judge(const struct p2p_request *rq, struct p2p_action a, bool known_peer)
{
    uint32_t count = a.a & 0xffffu, need = a.a >> 16;

    if (rq->event == P2P_EV_TICK)
        return a.kind == P2P_DONE ? MISBEHAVED_KINDS : MISBEHAVED_ACTION;
    switch (a.kind) {
    case P2P_LOCAL:
        return a.a & ~(uint32_t)P2P_NO_WAIT ? MISBEHAVED_ACTION : MISBEHAVED_KINDS;
    case P2P_FORWARD:
        return known_peer ? MISBEHAVED_KINDS : MISBEHAVED_PEER;
    case P2P_REJECT:
        return a.a == 0 || (a.a >= 400 && a.a <= 599) ? MISBEHAVED_KINDS : MISBEHAVED_ACTION;
    case P2P_PROBE:
        return count == 0 || count > rq->probe_cap || need > count ? MISBEHAVED_PROBES
                                                                   : MISBEHAVED_KINDS;
    case P2P_WAIT:
        return rq->deadline_ns && a.t > rq->deadline_ns ? MISBEHAVED_DEADLINE : MISBEHAVED_KINDS;
    default:
        return MISBEHAVED_ACTION;
    }
}

/* Under lock. */
static enum misbehaviour judge(const struct decision *d, struct p2p_action a)
{
    const struct engine *e = d->engine;

    return decision_judge(&d->rq, a,
                          a.kind == P2P_FORWARD && e->world->peer_name(e->ctx, a.a) != NULL);
}

/* A peer that went down since the plugin saw it cannot take the job. */
static bool has_left(const struct decision *d, struct p2p_action a)
{
    return a.kind == P2P_FORWARD && !d->engine->world->peer_up(d->engine->ctx, a.a);
}

static struct p2p_action fall_back(struct engine *e)
{
    e->stats.fallbacks++;
    return e->settings.fallback == ENGINE_FALLBACK_REJECT ? p2p_reject(0) : p2p_local();
}

static bool is_final(struct p2p_action a)
{
    return a.kind == P2P_LOCAL || a.kind == P2P_REJECT;
}

/* Marks the slots to be asked; true when somebody has to be waited for. */
static bool open_probes(struct decision *d, struct p2p_action a)
{
    const struct engine *e = d->engine;
    uint32_t count = a.a & 0xffffu, need = a.a >> 16;

    d->rq.n_probe = count;
    d->probes_open = 0;
    d->probes_needed = need ? need : count;
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_probe *p = &d->rq.probe[i];
        bool up = e->world->peer_up(e->ctx, p->peer);

        *p = (struct p2p_probe){.peer = p->peer, .status = up ? P2P_PROBE_PENDING : P2P_PROBE_GONE};
        d->probes_open += up;
    }
    d->probes_total += count;
    return d->probes_open > 0;
}

static struct p2p_action ask_once(struct decision *d)
{
    struct engine *e = d->engine;
    struct instance *i = d->instance;
    struct p2p_action a;

    if (d->override) {
        uint64_t random = d->override == OVERRIDE_FORWARD ? e->world->seed(e->ctx) : 0;

        return override_decide(d->override, &d->rq, random);
    }
    i->deciding = d;
    a = i->ops.decide(i->g.self, &d->rq);
    i->deciding = NULL;
    return a;
}

/* Asks the plugin until there is something to do outside.  Entered with the
 * world's lock held and the request refreshed. */
static struct p2p_action ask(struct decision *d, uint32_t event)
{
    struct engine *e = d->engine;

    for (;;) {
        enum misbehaviour wrong = MISBEHAVED_STEPS;
        struct p2p_action a = {0};

        if (d->steps++ < ENGINE_MAX_STEPS) {
            d->rq.event = event;
            a = ask_once(d);
            wrong = judge(d, a);
        }
        if (wrong == MISBEHAVED_KINDS && has_left(d, a)) {
            d->rq.attempts++;
            event = P2P_EV_REFUSED;
            continue;
        }
        if (wrong != MISBEHAVED_KINDS) {
            e->stats.misbehaved[wrong]++;
            return fall_back(e);
        }
        e->stats.decisions[a.kind]++;
        if (a.kind == P2P_PROBE && !open_probes(d, a))
            event = P2P_EV_PROBED; /* all of them have gone */
        else if (pending_awaits(d, a))
            return a;
        else if (a.kind == P2P_WAIT && a.t <= d->rq.now_ns)
            event = P2P_EV_TIMER;
        else
            return a;
    }
}

/* ---- what follows from an action, without the lock ---- */

static uint64_t probe_end(const struct decision *d, uint64_t asked, uint64_t most)
{
    uint64_t wait = asked && asked < most ? asked : most;
    uint64_t end = d->rq.now_ns + wait;

    return d->rq.deadline_ns && end > d->rq.deadline_ns ? d->rq.deadline_ns : end;
}

static void act(struct decision *d, struct next_move m, uint64_t probe_timeout)
{
    const struct world *w = d->engine->world;
    struct p2p_action a = m.action;

    if (m.done)
        instance_free(m.done);
    d->round++;
    switch (a.kind) {
    case P2P_PROBE:
        d->state = DECISION_PROBING;
        d->probe_started_ns = d->rq.now_ns;
        w->start_timer(d, d->round, probe_end(d, a.t, probe_timeout));
        w->start_probes(d, d->round, d->rq.n_probe);
        return;
    case P2P_WAIT:
        d->state = DECISION_WAITING;
        w->start_timer(d, d->round, a.t);
        return;
    case P2P_FORWARD:
        d->state = DECISION_FORWARDED;
        w->forward(d, a.a);
        return;
    case P2P_REJECT:
        d->state = DECISION_REJECTED;
        w->refuse(d, a.a);
        return;
    default:
        d->state = DECISION_LOCAL;
        w->run_here(d, !(a.a & P2P_NO_WAIT), a.t);
    }
}

/* The lock is held; it is left here.  `d->instance` may have been taken away. */
static void decide_and_leave(struct decision *d, uint32_t event)
{
    struct engine *e = d->engine;
    uint64_t probe_timeout = e->settings.probe_timeout_ns;
    struct next_move m = {{0}, NULL};

    if (d->override) {
        m.action = ask(d, event);
    } else if (d->instance) {
        m.action = ask(d, event);
        d->decide_ns += e->world->now(e->ctx) - d->rq.now_ns;
        if (is_final(m.action) || m.action.kind == P2P_FORWARD)
            pending_drop(d);
        else if (pending_awaits(d, m.action))
            m.action.t = pending_wait(d, d->round + 1, probe_timeout);
        /* Nothing more will be asked of a scheduler that hears no outcomes. */
        if (is_final(m.action) && !d->instance->ops.outcome) {
            m.done = engine_unpin(e, d->instance, d);
            d->pinned = false;
        }
    } else {
        m.action = fall_back(e);
        d->pinned = false;
    }
    e->world->leave(e->ctx);
    act(d, m, probe_timeout);
}

/* ---- events ---- */

static void name_scheduler(struct decision *d, const char *name)
{
    if (d->room.scheduler)
        snprintf(d->room.scheduler, DECISION_SCHEDULER, "%s", name);
}

void decision_begin(struct engine *e, struct decision *d, const struct decision_job *job)
{
    struct instance *i;

    d->engine = e;
    d->state = DECISION_DECIDING;
    d->rq = (struct p2p_request){
        .size = sizeof(d->rq),
        .id = job->id,
        .arrival_ns = job->arrival_ns,
        .deadline_ns = job->deadline_ns,
        .payload_len = job->payload_len,
        .function = job->function,
        .hops = job->hops,
        .from = job->from,
        .flags = job->flags,
        .task_type = job->task_type,
    };
    d->round = 0;
    d->steps = 0;
    d->probes_open = d->probes_needed = d->probes_total = 0;
    d->probe_ns = d->decide_ns = 0;
    d->heap = NULL;
    d->instance = NULL;
    d->pending = NULL;
    d->pinned = false;
    d->override = job->override;
    if (d->room.choice)
        d->room.choice->made = false;
    name_scheduler(d, d->override ? override_scheduler(d->override) : "");
    e->world->enter(e->ctx, &d->rq);
    i = d->override ? NULL : e->current;
    if (i && give_memory(d, i) == 0) {
        engine_pin(i, d);
        d->pinned = true;
        d->rq.host = &i->g.host;
        name_scheduler(d, i->g.full);
    }
    decide_and_leave(d, P2P_EV_ARRIVAL);
}

/* Takes up a decision that waited for probes or time. */
static void resume(struct decision *d, uint32_t event)
{
    struct engine *e = d->engine;

    d->round++;
    e->world->stop_waiting(d);
    e->world->enter(e->ctx, &d->rq);
    if (d->state == DECISION_PROBING)
        d->probe_ns += d->rq.now_ns - d->probe_started_ns;
    d->state = DECISION_DECIDING;
    pending_resume(d);
    decide_and_leave(d, event);
}

void decision_probed(struct decision *d, uint32_t round, uint32_t slot, uint32_t status,
                     uint32_t load, uint32_t queue, uint32_t slots, uint64_t rtt_ns)
{
    struct p2p_probe *p;

    if (d->state != DECISION_PROBING || round != d->round || slot >= d->rq.n_probe)
        return;
    p = &d->rq.probe[slot];
    if (p->status != P2P_PROBE_PENDING)
        return;
    p->status = status;
    if (status == P2P_PROBE_OK) {
        p->load = load;
        p->queue = queue;
        p->slots = slots;
        p->rtt_ns = rtt_ns;
        d->probes_needed -= d->probes_needed > 0;
    }
    d->probes_open--;
    if (d->probes_open == 0 || d->probes_needed == 0)
        resume(d, P2P_EV_PROBED);
}

void decision_timer(struct decision *d, uint32_t round)
{
    if (round != d->round)
        return;
    if (d->state == DECISION_WAITING) {
        resume(d, P2P_EV_TIMER);
    } else if (d->state == DECISION_PROBING) {
        for (uint32_t i = 0; i < d->rq.n_probe; i++)
            if (d->rq.probe[i].status == P2P_PROBE_PENDING)
                d->rq.probe[i].status = P2P_PROBE_TIMEOUT;
        resume(d, P2P_EV_PROBED);
    }
}

void decision_refused(struct decision *d)
{
    struct engine *e = d->engine;

    if (d->state != DECISION_FORWARDED)
        return;
    d->state = DECISION_DECIDING;
    d->rq.attempts++;
    e->world->enter(e->ctx, &d->rq);
    decide_and_leave(d, P2P_EV_REFUSED);
}

void decision_end(struct decision *d, struct p2p_outcome *out)
{
    struct engine *e = d->engine;
    struct instance *done = NULL;

    if (d->state == DECISION_PROBING || d->state == DECISION_WAITING)
        e->world->stop_waiting(d);
    d->state = DECISION_IDLE;
    d->round++;
    out->size = sizeof(*out);
    out->n_probes = d->probes_total;
    out->probe_ns = d->probe_ns;
    out->hops = d->rq.hops + (out->status == P2P_OUT_FORWARDED);
    if (d->pinned) {
        e->world->enter(e->ctx, &d->rq);
        if (d->instance) {
            pending_drop(d);
            if (d->instance->ops.outcome)
                d->instance->ops.outcome(d->instance->g.self, &d->rq, out);
            done = engine_unpin(e, d->instance, d);
        }
        e->world->leave(e->ctx);
        d->pinned = false;
    }
    if (done)
        instance_free(done);
    free(d->heap);
    d->heap = NULL;
}

void decision_note_choice(struct decision *d, const struct p2p_choice *choice, const float *state,
                          uint32_t n)
{
    struct decision_choice *c = d->room.choice;

    if (!c)
        return;
    c->made = true;
    c->episode = choice->episode;
    c->action = choice->action;
    c->epsilon = choice->epsilon;
    c->n_state = n;
    if (n <= DECISION_MOST_STATE)
        memcpy(c->state, state, n * sizeof(*state));
}

const char *decision_scheduler(const struct decision *d)
{
    return d->room.scheduler ? d->room.scheduler : "";
}
