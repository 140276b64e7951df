#include "host/job.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host/ingress.h"
#include "host/log.h"
#include "host/original.h"
#include "host/own_scheduler.h"
#include "host/wire.h"
#include "host/world.h"

enum {
    POOLED_JOBS = 512,
    PEER_HEADER_BYTES = 2048, /* beyond limits.headers */
    URI_BYTES = 64 << 10,
    OWN_ANSWER_BYTES = 4096,
    TRANSLATION_KEEP = 4096,
    NAME_SHOWN = 63 /* bytes of an unknown function's name */
};
static const uint64_t GONE_AFTER_NS = 100000000; /* a job this old has its client looked at */

/* ---- memory ---- */

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events);
static void on_wait_over(struct ev_loop *loop, ev_timer *w, int events);
static void on_woken(struct task *t);

static void job_clear(struct job *j)
{
    http_request_clear(&j->x.request);
    http_response_clear(&j->x.response);
    j->x.request.body.limit = j->x.response.body.limit = j->x.shard->limits.body;
    buf_clear(&j->x.uri);
    headers_clear(&j->peer_headers);
    buf_trim(&j->translation, TRANSLATION_KEEP);
    j->translated = false;
    j->x.connection = NULL;
    j->x.state = EXCHANGE_NEW;
    j->x.route = NULL;
    j->x.stream = NULL;
    j->x.rest = "";
    j->x.drained = 0;
    j->x.held = 0;
    j->x.later.waits = false;
    j->x.later.gone = NULL;
    j->x.later.held = NULL;
    j->x.close = j->x.suspended = j->x.original = j->x.proven = j->x.nominates = false;
    j->stage = JOB_IDLE;
    j->function = NULL;
    j->probes = NULL;
    j->abandoned = j->may_have_run = false;
    j->decision.state = DECISION_IDLE;
    j->choice.made = false;
    j->override = OVERRIDE_NONE;
    j->hops = 0;
    j->from = P2P_NONE;
    j->forwarded_to = P2P_NONE;
    j->queued_ns = j->run_ns = j->queue_ns = 0;
}

struct job *job_new(struct shard *s)
{
    struct job *j = s->idle_jobs;

    if (j) {
        s->idle_jobs = j->next;
        s->n_idle_jobs--;
        return j;
    }
    j = calloc(1, sizeof(*j));
    if (!j)
        return NULL;
    j->x.shard = s;
    buf_init(&j->x.uri, URI_BYTES);
    http_request_init(&j->x.request, &s->limits);
    http_response_init(&j->x.response, &s->limits);
    headers_init(&j->peer_headers, s->limits.headers + PEER_HEADER_BYTES);
    buf_init(&j->translation, original_limit(s->limits.body));
    ev_timer_init(&j->deadline, on_deadline, 0, 0);
    ev_timer_init(&j->wait, on_wait_over, 0, 0);
    j->woken.run = on_woken;
    j->deadline.data = j->wait.data = j;
    j->decision.room = (struct decision_room){.memory = j->memory,
                                              .size = sizeof(j->memory),
                                              .scheduler = j->scheduler,
                                              .choice = &j->choice};
    job_clear(j);
    return j;
}

static void destroy(struct job *j)
{
    http_request_release(&j->x.request);
    http_response_release(&j->x.response);
    buf_release(&j->x.uri);
    headers_release(&j->peer_headers);
    buf_release(&j->translation);
    free(j);
}

void job_free(struct job *j)
{
    struct shard *s = j->x.shard;

    function_unref(j->function);
    j->function = NULL;
    j->left = j->is_woken;
    if (j->left)
        return;
    if (s->n_idle_jobs >= POOLED_JOBS || s->reactor.ending) {
        destroy(j);
        return;
    }
    job_clear(j);
    j->next = s->idle_jobs;
    s->idle_jobs = j;
    s->n_idle_jobs++;
}

void jobs_release(struct shard *s)
{
    struct job *j;

    while ((j = s->idle_jobs)) {
        s->idle_jobs = j->next;
        destroy(j);
    }
    s->n_idle_jobs = 0;
}

static void link_open(struct job *j)
{
    struct shard *s = j->x.shard;

    j->prev = NULL;
    j->next = s->open_jobs;
    if (j->next)
        j->next->prev = j;
    s->open_jobs = j;
    s->n_open++;
}

static void unlink_open(struct job *j)
{
    struct shard *s = j->x.shard;

    if (j->prev)
        j->prev->next = j->next;
    else
        s->open_jobs = j->next;
    if (j->next)
        j->next->prev = j->prev;
    s->n_open--;
}

/* ---- the end ---- */

void job_finish(struct job *j, uint32_t outcome, enum ran_where where)
{
    struct shard *s = j->x.shard;
    uint64_t now = where == RAN_HERE ? j->run.ended_ns : clock_ns();
    struct p2p_outcome out = {
        .size = sizeof(out),
        .status = outcome,
        .http_status = (uint32_t)j->x.response.status,
        .peer = where == RAN_ON_PEER ? j->forwarded_to : P2P_NONE,
        .total_ns = now - j->arrival_ns,
        .queue_ns = j->queue_ns,
        .run_ns = j->run_ns,
    };

    ev_timer_stop(s->reactor.loop, &j->deadline);
    ev_timer_stop(s->reactor.loop, &j->wait);
    job_forget_probes(j);
    out.has_reward = where != RAN_NOWHERE && wire_read_reward(j, &out.reward);
    wire_finish(j, where, outcome, out.total_ns);
    if (j->decision.state != DECISION_IDLE)
        decision_end(&j->decision, &out);
    metrics_request(&s->metrics, j->function ? j->function->id : 0, j->x.response.status, where,
                    out.total_ns);
    j->stage = JOB_DONE;
    unlink_open(j);
    j->x.close |= s->node->stopping;
    ingress_answer(&j->x);
    shard_end_if_idle(s);
}

/* Room for the node's own words, whatever the function's limit is. */
static void clear_answer(struct job *j)
{
    http_response_clear(&j->x.response);
    j->x.response.body.limit = j->x.shard->limits.body;
    if (j->x.response.body.limit < OWN_ANSWER_BYTES)
        j->x.response.body.limit = OWN_ANSWER_BYTES;
}

/* The node's own words about a job, with the id under which its client knows it. */
static void say(struct job *j, int status, int code, const char *message)
{
    const char *id = wire_tracing_id(j);

    clear_answer(j);
    if (id[0])
        exchange_error(&j->x, status, code, "%s [%.128s]", message, id);
    else
        exchange_error(&j->x, status, code, "%s", message);
}

void job_fail(struct job *j, uint32_t outcome, int status, int code, const char *format, ...)
{
    char message[800];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    say(j, status, code, message);
    job_finish(j, outcome, RAN_NOWHERE);
}

static void give_up(struct job *j, enum ran_where where)
{
    clear_answer(j);
    exchange_error(&j->x, j->abandon_status, j->abandon_code, "%s", j->abandon_why);
    job_finish(j, j->abandon_outcome, where);
}

void job_abandon(struct job *j, uint32_t outcome, int status, int code, const char *why)
{
    if (j->abandoned || j->stage == JOB_DONE)
        return;
    j->abandoned = true;
    j->abandon_outcome = outcome;
    j->abandon_status = status;
    j->abandon_code = code;
    snprintf(j->abandon_why, sizeof(j->abandon_why), "%s", why);
    switch (j->stage) {
    case JOB_QUEUED:
        if (!slots_leave(&j->x.shard->node->slots, &j->waiter))
            return; /* the slot is on its way; on_slot ends the job */
        break;
    case JOB_RUNNING:
        j->function->runtime->cancel(&j->run); /* on_ran ends the job */
        return;
    case JOB_FORWARDED:
        j->may_have_run |= j->call.sent;
        upstream_cancel(&j->call);
        peers_inflight(&j->x.shard->node->peers, j->forwarded_to, -1);
        break;
    case JOB_IDLE:
    case JOB_DECIDING:
    case JOB_DONE:
        break;
    }
    give_up(j, RAN_NOWHERE);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    static const char *const doing[] = {[JOB_DECIDING] = "the scheduler decided",
                                        [JOB_QUEUED] = "it waited for a slot",
                                        [JOB_RUNNING] = "it ran here",
                                        [JOB_FORWARDED] = "a peer had it"};
    struct job *j = w->data;
    char why[P2P_ERRLEN];

    (void)events;
    if (timer_is_early(loop, w, j->deadline_ns))
        return;
    snprintf(why, sizeof(why), "function '%s': its deadline passed while %s",
             j->function->config->name, doing[j->stage]);
    job_abandon(j, P2P_OUT_FAILED, 504, 504, why);
}

void job_client_gone(struct job *j)
{
    if (j->stage == JOB_RUNNING || j->abandoned)
        return;
    metrics_count(&j->x.shard->metrics, COUNT_CLIENTS_GONE);
    job_abandon(j, P2P_OUT_CANCELLED, 499, 499, "the client hung up");
}

void jobs_sweep(struct shard *s)
{
    uint64_t now = clock_ns();
    struct job *j, *next;

    for (j = s->open_jobs; j; j = next) {
        next = j->next;
        if (now - j->arrival_ns >= GONE_AFTER_NS && j->stage != JOB_RUNNING &&
            ingress_client_gone(&j->x))
            job_client_gone(j);
    }
}

/* ---- here ---- */

static void on_ran(struct run *run, enum run_result result)
{
    struct job *j = run->owner;
    struct shard *s = j->x.shard;
    enum ran_where where = run->may_have_run ? RAN_HERE : RAN_NOWHERE;

    j->run_ns = run->ended_ns - run->started_ns;
    j->may_have_run |= run->may_have_run;
    j->function->runs--;
    slots_give(&s->node->slots, j->waiter.share);
    if (run->cold)
        metrics_count(&s->metrics, COUNT_COLD_STARTS);
    metrics_cold_start(&s->metrics, j->function->id, &run->cold_start);
    if (j->abandoned) {
        give_up(j, where);
    } else if (result == RUN_ANSWERED) {
        job_finish(j, P2P_OUT_RAN, RAN_HERE);
    } else {
        const char *id = wire_tracing_id(j);

        log_event(LOG_WARN, "function failed", LOG_STR("function", j->function->config->name),
                  LOG_INT("status", run->status), LOG_STR("error", run->err),
                  LOG_STR(id[0] ? "tracing_id" : NULL, id));
        say(j, run->status, CODE_GENERIC, run->err);
        job_finish(j, P2P_OUT_FAILED, where);
    }
}

/* An answer may be as large as the function's own limit, or the node's. */
static void limit_answer(struct job *j)
{
    size_t node = j->x.shard->limits.body, own = (size_t)j->function->config->output;

    j->x.response.body.limit = own && own < node ? own : node;
}

static void run_here(struct job *j, uint64_t now)
{
    struct run *run = &j->run;

    j->stage = JOB_RUNNING;
    run->program = j->function->program;
    run->reactor = &j->x.shard->reactor;
    run->request = &j->x.request;
    run->started_ns = now;
    run->timeout_ns = (uint64_t)j->function->config->timeout;
    run->done = on_ran;
    run->owner = j;
    run->response = &j->x.response;
    run->status = 0;
    run->err[0] = '\0';
    run->may_have_run = run->cold = false;
    run->cold_start = (struct cold_start){0};
    run->state = NULL;
    http_response_clear(&j->x.response);
    limit_answer(j);
    j->function->runs++;
    j->function->runtime->start(run);
}

static void on_slot(struct slot_waiter *w)
{
    struct job *j = (struct job *)((char *)w - offsetof(struct job, waiter));

    uint64_t now = clock_ns();

    j->queue_ns = now - j->queued_ns;
    if (j->abandoned) {
        slots_give(&j->x.shard->node->slots, w->share);
        give_up(j, RAN_NOWHERE);
        return;
    }
    run_here(j, now);
}

/* ---- what the decision asks for ---- */

static void fail_full(struct job *j, bool may_wait)
{
    const struct slots *s = &j->x.shard->node->slots;
    const struct slot_share *own = j->waiter.share;
    char share[120] = "";

    if (own->limit)
        snprintf(share, sizeof(share), ", %u of %u of function '%s'", own->running, own->limit,
                 j->function->config->name);
    job_fail(j, P2P_OUT_FULL, 500, CODE_NOT_SCHEDULED,
             "Job cannot be scheduled: %u of %u slots run%s and %u of %u places in the queue are "
             "taken%s",
             s->running, s->limit, share, s->queued, s->queue_limit,
             may_wait ? "" : "; the scheduler does not let it wait");
}

void world_run_here(struct decision *d, bool may_wait, uint64_t rank)
{
    struct job *j = job_of(d);
    struct node *n = j->x.shard->node;

    j->waiter.home = &j->x.shard->reactor;
    j->waiter.granted = on_slot;
    j->waiter.share = &n->share[j->function->id];
    j->waiter.rank = rank;
    if (!j->function->program) {
        job_fail(j, P2P_OUT_FAILED, 502, CODE_GENERIC, "%s", j->function->error);
        return;
    }
    j->stage = JOB_QUEUED;
    j->queued_ns = d->rq.now_ns; /* it was decided just now */
    switch (slots_take(&n->slots, &j->waiter, may_wait)) {
    case SLOT_TAKEN:
        run_here(j, j->queued_ns);
        break;
    case SLOT_QUEUED:
        break;
    case SLOT_NONE:
        fail_full(j, may_wait);
        break;
    }
}

void world_refuse(struct decision *d, uint32_t http_status)
{
    job_fail(job_of(d), P2P_OUT_REJECTED, http_status ? (int)http_status : 503, CODE_REJECTED,
             "Job has been deliberately rejected");
}

static void on_wait_over(struct ev_loop *loop, ev_timer *w, int events)
{
    struct job *j = w->data;

    (void)loop;
    (void)events;
    decision_timer(&j->decision, j->wait_round);
}

void world_start_timer(struct decision *d, uint32_t round, uint64_t at)
{
    struct job *j = job_of(d);
    struct ev_loop *loop = j->x.shard->reactor.loop;
    uint64_t now = clock_ns();

    ev_timer_stop(loop, &j->wait);
    ev_now_update(loop);
    ev_timer_set(&j->wait, at > now ? (double)(at - now) / 1e9 : 0, 0);
    j->wait_round = round;
    ev_timer_start(loop, &j->wait);
}

void world_stop_waiting(struct decision *d)
{
    struct job *j = job_of(d);

    ev_timer_stop(j->x.shard->reactor.loop, &j->wait);
    job_forget_probes(j);
}

static void on_woken(struct task *t)
{
    struct job *j = (struct job *)((char *)t - offsetof(struct job, woken));

    j->is_woken = false; /* before the round is read: a later wake is posted anew */
    if (j->left)
        job_free(j);
    else
        decision_timer(&j->decision, j->woken_round);
}

/* Under the peers' lock, while the decision waits; a wake comes once a round. */
void world_wake(struct decision *d, uint32_t round)
{
    struct job *j = job_of(d);

    j->woken_round = round;
    if (!atomic_exchange(&j->is_woken, true))
        reactor_post(&j->x.shard->reactor, &j->woken);
}

/* ---- arrival ---- */

/* The function's name is the first segment of what follows the route; the rest,
 * with the query, is passed on as it came. */
static struct function *find_function(struct job *j)
{
    size_t n = strcspn(j->x.rest, "/?");
    struct function *f =
        function_table_resolve(j->x.shard->functions, j->x.rest, n, j->x.shard->node->domain);

    if (!f || buf_puts(&j->x.request.target, j->x.rest + n) || !buf_text(&j->x.request.target))
        return NULL;
    return function_ref(f);
}

static void fail_unknown(struct job *j)
{
    int n = (int)strcspn(j->x.rest, "/?");
    char known[512];

    function_table_names(j->x.shard->functions, known, sizeof(known));
    job_fail(j, P2P_OUT_FAILED, 404, 404, "no function '%.*s' here; known: %s",
             n < NAME_SHOWN ? n : NAME_SHOWN, j->x.rest,
             known[0] ? known : "none, see functions: in plugins.yaml");
}

static void set_deadline(struct job *j)
{
    struct ev_loop *loop = j->x.shard->reactor.loop;
    uint64_t limit = j->arrival_ns + (uint64_t)j->function->config->deadline;

    if (j->deadline_ns == 0 || j->deadline_ns > limit)
        j->deadline_ns = limit;
    ev_timer_set(&j->deadline, (double)(j->deadline_ns - j->arrival_ns) / 1e9, 0);
    ev_timer_start(loop, &j->deadline);
}

void job_start(struct job *j, bool from_peer)
{
    struct shard *s = j->x.shard;
    struct decision_job dj = {0};

    j->stage = JOB_DECIDING;
    j->arrival_ns = clock_ns();
    j->deadline_ns = 0;
    j->from_peer = from_peer;
    link_open(j);
    if (from_peer) {
        metrics_count(&s->metrics, COUNT_PEER_REQUESTS);
        wire_read_request(j);
    }
    if (s->node->stopping) {
        job_fail(j, P2P_OUT_REJECTED, 503, 503, "the node is stopping");
        return;
    }
    j->function = find_function(j);
    if (!j->function) {
        fail_unknown(j);
        return;
    }
    set_deadline(j);
    dj.id = s->next_job++ | (uint64_t)s->index << 48;
    dj.arrival_ns = j->arrival_ns;
    dj.deadline_ns = j->deadline_ns;
    dj.payload_len = j->x.request.body.len;
    dj.function = j->function->id;
    dj.hops = j->hops;
    dj.from = j->from;
    dj.flags = from_peer ? P2P_RQ_EXTERNAL : 0;
    if (wire_read_task_type(j, &dj.task_type))
        dj.flags |= P2P_RQ_TYPED;
    dj.override = j->override;
    decision_begin(engine_of(s->node, j->function), &j->decision, &dj);
}
