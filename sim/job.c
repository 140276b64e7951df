/*
 * job.c - a job's way through the simulated nodes; the counterpart of the live node's
 * job.c and forward.c.
 *
 *   arrive ─► decision ─► run_here ─► (queue) ─► served ────────► finish
 *                ▲  └───► forward ─► transit ─► a job there ─► answered ─► finish
 *                └─ refused ◄────────────────────────────────────┘
 *
 * finish() is reached exactly once for every job at every node.  Where the network takes no
 * time, nothing is put into the queue: the peer's part happens within the call.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/result.h"
#include "sim/stage.h"

enum { CHUNK_JOBS = 1024 };

static struct job *job_of(struct decision *d)
{
    return (struct job *)((char *)d - offsetof(struct job, decision));
}

static void finish(struct job *j, enum visit_end end, uint32_t outcome);

/* ---- memory ---- */

static size_t job_bytes(const struct simulation *s)
{
    return ((sizeof(struct job) + 15u) & ~(size_t)15) + s->room;
}

static bool more_jobs(struct simulation *s)
{
    size_t each = job_bytes(s);
    char *chunk = calloc(CHUNK_JOBS, each);

    /* The first of a chunk is no job: it links the chunks. */
    if (!chunk) {
        s->no_memory = true;
        return false;
    }
    *(void **)(void *)chunk = s->chunks;
    s->chunks = chunk;
    for (size_t i = 1; i < CHUNK_JOBS; i++) {
        struct job *j = (struct job *)(void *)(chunk + i * each);

        j->decision.room.memory = (char *)j + each - s->room;
        j->decision.room.size = s->room;
        j->next = s->pool;
        s->pool = j;
    }
    return true;
}

void jobs_release(struct simulation *s)
{
    void *chunk, *next;

    for (chunk = s->chunks; chunk; chunk = next) {
        next = *(void **)chunk;
        free(chunk);
    }
    s->chunks = NULL;
    s->pool = NULL;
}

/* At node n, at this moment; NULL when memory is short. */
static struct job *job_new(struct node *n)
{
    struct simulation *s = n->sim;
    struct job *j;

    if (!s->pool && !more_jobs(s))
        return NULL;
    j = s->pool;
    s->pool = j->next;
    j->node = n;
    j->parent = j->child = NULL;
    j->stage = STAGE_DECIDING;
    j->measured = j->full = j->timer_set = j->may_have_run = j->answered = false;
    j->forwarded_to = j->ran_on = P2P_NONE;
    j->forwards = j->probes = 0;
    j->arrival_ns = j->since_ns = s->now_ns;
    j->wait_ns = j->run_ns = j->probe_ns = 0;
    j->decision.state = DECISION_IDLE;
    j->prev = NULL;
    j->next = n->open;
    if (j->next)
        j->next->prev = j;
    n->open = j;
    return j;
}

static void job_free(struct job *j)
{
    struct simulation *s = j->node->sim;

    j->token++;
    if (j->prev)
        j->prev->next = j->next;
    else
        j->node->open = j->next;
    if (j->next)
        j->next->prev = j->prev;
    j->next = s->pool;
    s->pool = j;
}

void job_served(struct job *j)
{
    const struct simulation *s = j->node->sim;

    slots_give(j);
    j->ran_on = j->node->view.id;
    j->node->jobs += measured_part(s, s->now_ns, s->now_ns + 1);
    slots_grant(j->node);
    finish(j, VISIT_RAN, P2P_OUT_RAN);
}

/* ---- the end ---- */

static enum job_end end_of(const struct job *j, enum visit_end end)
{
    switch (end) {
    case VISIT_RAN:
        return JOB_RAN;
    case VISIT_REFUSED:
        return j->full ? JOB_FULL : JOB_REJECTED;
    case VISIT_LATE:
        return JOB_LATE;
    case VISIT_FAILED:
    case VISIT_UNREACHABLE:
        break;
    }
    return JOB_FAILED;
}

static void record(const struct job *j, enum job_end end)
{
    struct simulation *s = j->node->sim;
    struct job_record r = {
        .id = j->id,
        .arrival_ns = j->arrival_ns,
        .end_ns = s->now_ns,
        .wait_ns = j->wait_ns,
        .run_ns = j->run_ns,
        .probe_ns = j->probe_ns,
        .node = j->node->view.id,
        .ran_on = j->ran_on,
        .function = j->function,
        .probes = j->probes,
        .forwards = j->forwards,
        .end = end,
        .has_deadline = j->deadline_ns > 0,
    };

    if (!j->measured || !s->result)
        return;
    s->open_measured--;
    result_job(s->result, &r);
}

/* The node that forwarded it hears how it went. */
static void answer(struct job *j, enum visit_end end)
{
    struct job *p = j->parent;
    struct node *n = j->node;
    struct simulation *s = n->sim;
    uint64_t delay;

    p->child = NULL;
    p->probes += j->probes;
    p->forwards += j->forwards;
    p->probe_ns += j->probe_ns;
    /* What was too late before it ran can be decided again. */
    if (end == VISIT_LATE && !j->may_have_run)
        end = VISIT_REFUSED;
    if (end == VISIT_RAN || end == VISIT_LATE) {
        p->ran_on = j->ran_on;
        p->wait_ns = j->wait_ns;
        p->run_ns = j->run_ns;
    }
    if (!network_reach(n, p->node)) {
        later(p, s->now_ns + (uint64_t)s->scenario->network.probe_timeout, EV_ANSWER, VISIT_FAILED,
              0);
        return;
    }
    delay = network_transfer(s, n, p->node,
                             end == VISIT_RAN ? s->scenario->function[j->function].answer : 0);
    if (delay == 0)
        job_answered(p, end, node_tells(n));
    else
        later(p, s->now_ns + delay, EV_ANSWER, end, node_tells(n));
}

/* What the client of the live node would get. */
static uint32_t http_status(const struct job *j, enum visit_end end, uint32_t outcome)
{
    switch (outcome) {
    case P2P_OUT_FULL:
        return 500;
    case P2P_OUT_REJECTED:
        return j->refused_with;
    case P2P_OUT_CANCELLED:
        return 499;
    case P2P_OUT_FAILED:
        return end == VISIT_LATE ? 504 : 502;
    default:
        return 200;
    }
}

static void finish(struct job *j, enum visit_end end, uint32_t outcome)
{
    static const char *const end_name[] = {[VISIT_RAN] = "ran",
                                           [VISIT_REFUSED] = "refused",
                                           [VISIT_FAILED] = "failed",
                                           [VISIT_LATE] = "late",
                                           [VISIT_UNREACHABLE] = "unreachable"};
    uint64_t now = j->node->sim->now_ns;
    struct p2p_outcome out = {
        .status = outcome,
        .http_status = http_status(j, end, outcome),
        .peer = j->answered ? j->forwarded_to : P2P_NONE,
        .total_ns = now - j->arrival_ns,
        .queue_ns = j->wait_ns,
        .run_ns = j->run_ns,
    };

    j->token++;
    LOG(j, "end", j->ran_on, "%s", end_name[end]);
    /* A job that comes to a node that is down is not decided. */
    if (j->decision.state != DECISION_IDLE) {
        decision_end(&j->decision, &out);
        j->probes += out.n_probes;
        j->probe_ns += out.probe_ns;
    }
    if (j->parent)
        answer(j, end);
    else
        record(j, end_of(j, end));
    job_free(j);
}

static void abandon(struct job *j);

/* Nobody waits for it any more: what has not started is cancelled. */
static void orphan(struct job *j)
{
    j->parent = NULL;
    if (j->stage == STAGE_RUNNING)
        return;
    abandon(j);
    finish(j, VISIT_FAILED, P2P_OUT_CANCELLED);
}

/* Leaves whatever it is at; what it had taken is given back. */
static void abandon(struct job *j)
{
    struct node *n = j->node;

    switch ((enum stage)j->stage) {
    case STAGE_QUEUED:
        slots_leave(n, j);
        j->wait_ns = n->sim->now_ns - j->since_ns;
        node_load_changed(n);
        break;
    case STAGE_RUNNING:
        slots_give(j);
        break;
    case STAGE_FORWARDED:
        view_inflight(n, j->forwarded_to, -1);
        if (j->child)
            orphan(j->child);
        break;
    case STAGE_DECIDING:
        break;
    }
}

void job_late(struct job *j)
{
    bool ran = j->stage == STAGE_RUNNING;

    j->may_have_run |= j->stage == STAGE_FORWARDED;
    abandon(j);
    if (ran)
        slots_grant(j->node);
    finish(j, VISIT_LATE, P2P_OUT_FAILED);
}

void jobs_lose(struct node *n)
{
    while (n->open) {
        struct job *j = n->open;

        abandon(j);
        finish(j, VISIT_FAILED, P2P_OUT_CANCELLED);
    }
}

/* ---- what the decision asks for ---- */

void sim_run_here(struct decision *d, bool may_wait, uint64_t rank)
{
    struct job *j = job_of(d);
    struct node *n = j->node;

    if (n->view.load < n->view.slots) {
        slots_run(j);
        node_load_changed(n);
    } else if (may_wait && n->view.queue < n->view.queue_limit) {
        enter_stage(j, STAGE_QUEUED);
        j->rank = rank;
        slots_queue(n, j);
        LOG(j, "queue", P2P_NONE, "%u wait", n->view.queue);
        node_load_changed(n);
        if (j->deadline_ns)
            later(j, UINT64_MAX, EV_DEADLINE, 0, 0);
    } else {
        j->full = true;
        LOG(j, "full", P2P_NONE, "%u run, %u wait", n->view.load, n->view.queue);
        finish(j, VISIT_REFUSED, P2P_OUT_FULL);
    }
}

void sim_refuse(struct decision *d, uint32_t http_status)
{
    struct job *j = job_of(d);

    j->refused_with = (uint16_t)(http_status ? http_status : 503);
    LOG(j, "refuse", P2P_NONE, "%u", j->refused_with);
    finish(j, VISIT_REFUSED, P2P_OUT_REJECTED);
}

/* ---- probes and timers ---- */

/* The timer of a probe is put only once it is known that an answer will not be in time. */
static void set_timer(struct job *j)
{
    if (j->timer_set)
        return;
    j->timer_set = true;
    later(j, j->timer_ns, EV_TIMER, 0, 0);
}

void sim_start_timer(struct decision *d, uint32_t round, uint64_t at)
{
    struct job *j = job_of(d);

    j->timer_ns = at;
    j->timer_round = round;
    j->timer_set = false;
    if (d->state == DECISION_WAITING) {
        LOG(j, "wait", P2P_NONE, "until %.9f", (double)at / 1e9);
        set_timer(j);
    }
}

void sim_stop_waiting(struct decision *d)
{
    job_of(d)->token++;
}

/* Its timer, which comes later, is stale then. */
void sim_wake(struct decision *d, uint32_t round)
{
    struct job *j = job_of(d);

    if (round == j->timer_round)
        later(j, j->node->sim->now_ns, EV_TIMER, 0, 0);
}

/* That event of a probe comes after `delay`, or is not worth waiting for. */
static void probe_later(struct job *j, uint64_t delay, enum event_kind kind, unsigned slot,
                        uint32_t arg)
{
    uint64_t at = j->node->sim->now_ns + delay;

    if (at > j->timer_ns)
        set_timer(j);
    else
        later(j, at, kind, slot, arg);
}

static void ask(struct job *j, unsigned slot)
{
    struct simulation *s = j->node->sim;
    const struct node *peer = &s->nodes[j->decision.rq.probe[slot].peer];
    uint64_t delay;

    LOG(j, "probe", peer->view.id, NULL);
    if (!network_reach(j->node, peer) || network_loses(s)) {
        set_timer(j);
        return;
    }
    delay = network_delay(s, j->node, peer) + (uint64_t)s->scenario->network.probe_cost;
    if (delay == 0)
        job_asked(j, slot);
    else
        probe_later(j, delay, EV_ASKED, slot, 0);
}

void sim_start_probes(struct decision *d, uint32_t round, uint32_t n)
{
    struct job *j = job_of(d);
    uint32_t token = j->token;

    (void)round;
    /* An answer at once may end the wait, and the job. */
    for (uint32_t i = 0; i < n && j->token == token; i++)
        if (d->rq.probe[i].status == P2P_PROBE_PENDING)
            ask(j, i);
}

void job_asked(struct job *j, unsigned slot)
{
    struct simulation *s = j->node->sim;
    struct node *peer = &s->nodes[j->decision.rq.probe[slot].peer];
    uint64_t delay;

    if (peer->downs || !network_reach(peer, j->node) || network_loses(s)) {
        set_timer(j);
        return;
    }
    delay = network_delay(s, peer, j->node);
    if (delay == 0)
        job_probed(j, slot, node_tells(peer));
    else
        probe_later(j, delay, EV_PROBED, slot, node_tells(peer));
}

void job_probed(struct job *j, unsigned slot, uint32_t load)
{
    struct decision *d = &j->decision;
    uint32_t peer = d->rq.probe[slot].peer;
    uint64_t rtt = j->node->sim->now_ns - d->probe_started_ns;

    LOG(j, "probed", peer, "%u run, %u wait", load >> 16, load & 0xffff);
    view_heard(j->node, peer, load, rtt);
    decision_probed(d, d->round, slot, P2P_PROBE_OK, load >> 16, load & 0xffff,
                    j->node->sim->nodes[peer].view.slots, rtt);
}

void job_timer(struct job *j)
{
    j->timer_set = false;
    decision_timer(&j->decision, j->timer_round);
}

/* ---- forwards ---- */

void sim_forward(struct decision *d, uint32_t to)
{
    struct job *j = job_of(d);
    struct simulation *s = j->node->sim;
    const struct network_config *c = &s->scenario->network;
    const struct node *peer = &s->nodes[to];
    uint64_t delay;

    enter_stage(j, STAGE_FORWARDED);
    j->forwarded_to = to;
    if (d->rq.hops >= (uint32_t)c->max_hops) {
        j->stage = STAGE_DECIDING;
        decision_refused(d);
        return;
    }
    j->forwards++;
    view_inflight(j->node, to, 1);
    LOG(j, "forward", to, NULL);
    if (!network_reach(j->node, peer)) {
        later(j, s->now_ns + (uint64_t)c->probe_timeout, EV_ANSWER, VISIT_UNREACHABLE, 0);
        return;
    }
    delay =
        network_transfer(s, j->node, peer, (int64_t)d->rq.payload_len) + (uint64_t)c->forward_cost;
    if (delay == 0)
        job_transit(j);
    else
        later(j, s->now_ns + delay, EV_TRANSIT, 0, 0);
}

static void begin(struct job *j, uint32_t hops, uint32_t from)
{
    struct decision_job dj = {
        .id = ++j->node->sim->decisions, /* a job that comes back is another to the scheduler */
        .arrival_ns = j->arrival_ns,
        .deadline_ns = j->deadline_ns,
        .payload_len = (uint64_t)j->node->sim->scenario->function[j->function].payload,
        .function = j->function + 1u,
        .hops = hops,
        .from = from,
        .flags = from == P2P_NONE ? 0 : P2P_RQ_EXTERNAL,
    };

    LOG(j, "arrive", from, "%u run, %u wait", j->node->view.load, j->node->view.queue);
    decision_begin(j->node->engine, &j->decision, &dj);
}

/* A little less than was left when it was forwarded, so that the peer's own "too late" comes
 * in time. */
static uint64_t deadline_there(const struct job *j)
{
    enum { SHARE = 10, MOST_NS = 100000000 };
    uint64_t left = j->deadline_ns - j->since_ns;

    if (!j->deadline_ns)
        return 0;
    return j->node->sim->now_ns + 1 + left - (left / SHARE < MOST_NS ? left / SHARE : MOST_NS);
}

void job_transit(struct job *j)
{
    struct simulation *s = j->node->sim;
    struct node *peer = &s->nodes[j->forwarded_to];
    struct job *child;

    if (peer->downs) {
        later(j, s->now_ns + (uint64_t)s->scenario->network.probe_timeout, EV_ANSWER,
              VISIT_UNREACHABLE, 0);
        return;
    }
    child = job_new(peer);
    if (!child)
        return;
    child->parent = j;
    child->id = j->id;
    child->function = j->function;
    child->service_ns = j->service_ns;
    child->deadline_ns = deadline_there(j);
    j->child = child;
    if (child->deadline_ns > j->deadline_ns)
        later(j, UINT64_MAX, EV_DEADLINE, 0, 0);
    begin(child, j->decision.rq.hops + 1, j->node->view.id);
}

void job_answered(struct job *j, enum visit_end end, uint32_t load)
{
    view_inflight(j->node, j->forwarded_to, -1);
    if (end == VISIT_RAN || end == VISIT_REFUSED || end == VISIT_LATE)
        view_heard(j->node, j->forwarded_to, load, 0);
    j->answered = end == VISIT_RAN || end == VISIT_LATE;
    switch (end) {
    case VISIT_RAN:
        finish(j, end, P2P_OUT_FORWARDED);
        return;
    case VISIT_REFUSED:
    case VISIT_UNREACHABLE:
        LOG(j, "refused", j->forwarded_to, NULL);
        enter_stage(j, STAGE_DECIDING);
        decision_refused(&j->decision);
        return;
    case VISIT_FAILED:
    case VISIT_LATE:
        finish(j, end, P2P_OUT_FAILED);
        return;
    }
}

/* ---- arrival ---- */

void job_arrive(struct node *n, const struct arrival *a)
{
    struct simulation *s = n->sim;
    const struct sim_function_config *f;
    struct job *j = job_new(n);

    if (!j)
        return;
    j->id = ++s->next_job;
    j->function = (uint16_t)a->function;
    f = &s->scenario->function[j->function];
    j->service_ns = a->service_ns;
    j->deadline_ns = f->deadline ? s->now_ns + (uint64_t)f->deadline : 0;
    j->measured = s->now_ns >= s->measure_from_ns && s->now_ns < s->measure_to_ns;
    s->open_measured += j->measured;
    if (n->downs) {
        finish(j, VISIT_FAILED, P2P_OUT_FAILED);
        return;
    }
    begin(j, 0, P2P_NONE);
}
