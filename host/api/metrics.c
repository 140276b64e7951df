/*
 * metrics.c - GET /metrics: Prometheus text exposition format 0.0.4.
 */
#include <math.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/metrics.h"
#include "host/node.h"
#include "host/route.h"
#include "host/runtimes/openfaas_gateway.h"
#include "host/utf8.h"

static uint64_t sum(const struct node *n, enum counter c)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < n->n_shards; i++)
        total += n->shards[i].metrics.count[c];
    return total;
}

void metrics_say(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP p2pfaas_%s %s\n# TYPE p2pfaas_%s %s\n", name, help, name, type);
}

void metrics_single(struct buf *b, const char *name, const char *type, const char *help,
                    double value)
{
    metrics_say(b, name, type, help);
    buf_printf(b, "p2pfaas_%s %.17g\n", name, value);
}

/* Rows of other shards with the same labels are added to the first's. */
static uint64_t cell_total(const struct node *n, uint32_t id, int code, enum ran_where where)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < n->n_shards; i++) {
        const struct function_metrics *f = n->shards[i].metrics.function[id];

        for (const struct request_cell *c = f ? f->cells : NULL; c; c = c->next)
            if (c->code == code && c->where == where)
                total += c->count;
    }
    return total;
}

static bool seen_before(const struct node *n, unsigned shard, uint32_t id,
                        const struct request_cell *cell)
{
    for (unsigned i = 0; i < shard; i++) {
        const struct function_metrics *f = n->shards[i].metrics.function[id];

        for (const struct request_cell *c = f ? f->cells : NULL; c; c = c->next)
            if (c->code == cell->code && c->where == cell->where)
                return true;
    }
    return false;
}

static void requests_of(struct buf *b, struct node *n, uint32_t id)
{
    for (unsigned i = 0; i < n->n_shards; i++) {
        const struct function_metrics *f = n->shards[i].metrics.function[id];

        for (const struct request_cell *c = f ? f->cells : NULL; c; c = c->next)
            if (!seen_before(n, i, id, c))
                buf_printf(b,
                           "p2pfaas_requests_total{function=\"%s\",code=\"%d\",ran=\"%s\"} %llu\n",
                           function_name(&n->names, id), c->code, ran_where_name(c->where),
                           (unsigned long long)cell_total(n, id, c->code, c->where));
    }
}

static void histogram_of(struct buf *b, struct node *n, uint32_t id)
{
    const char *name = function_name(&n->names, id);
    uint64_t count = 0, total_ns = 0;
    bool any = false;

    for (unsigned i = 0; i < n->n_shards; i++)
        any |= n->shards[i].metrics.function[id] != NULL;
    if (!any)
        return;
    for (unsigned k = 0; k < METRICS_BUCKETS; k++) {
        char bound[32] = "+Inf";

        for (unsigned i = 0; i < n->n_shards; i++) {
            const struct function_metrics *f = n->shards[i].metrics.function[id];

            count += f ? f->bucket[k] : 0;
            total_ns += f && k == 0 ? f->total_ns : 0;
        }
        if (isfinite(metrics_bucket_seconds[k]))
            snprintf(bound, sizeof(bound), "%g", metrics_bucket_seconds[k]);
        buf_printf(b, "p2pfaas_request_seconds_bucket{function=\"%s\",le=\"%s\"} %llu\n", name,
                   bound, (unsigned long long)count);
    }
    buf_printf(b, "p2pfaas_request_seconds_sum{function=\"%s\"} %.9f\n", name,
               (double)total_ns / 1e9);
    buf_printf(b, "p2pfaas_request_seconds_count{function=\"%s\"} %llu\n", name,
               (unsigned long long)count);
}

static void cold_starts_of(struct buf *b, struct node *n, uint32_t id)
{
    static const char *const phases[COLD_PHASES] = {"create", "start", "ready", "answer"};
    const char *name = function_name(&n->names, id);
    uint64_t count = 0, ns[COLD_PHASES] = {0};

    for (unsigned i = 0; i < n->n_shards; i++) {
        const struct function_metrics *f = n->shards[i].metrics.function[id];

        count += f ? f->cold_starts : 0;
        for (unsigned k = 0; f && k < COLD_PHASES; k++)
            ns[k] += f->cold_ns[k];
    }
    for (unsigned k = 0; count > 0 && k < COLD_PHASES; k++)
        buf_printf(b,
                   "p2pfaas_cold_start_seconds_sum{function=\"%s\",phase=\"%s\"} %.9f\n"
                   "p2pfaas_cold_start_seconds_count{function=\"%s\",phase=\"%s\"} %llu\n",
                   name, phases[k], (double)ns[k] / 1e9, name, phases[k],
                   (unsigned long long)count);
}

static void write_requests(struct buf *b, struct node *n)
{
    metrics_say(b, "requests_total", "counter",
                "invocations answered, by function, HTTP status and where they ran");
    for (uint32_t id = 0; id < CONFIG_MAX_FUNCTIONS; id++)
        requests_of(b, n, id);
    metrics_say(b, "request_seconds", "histogram", "from a complete request to its answer");
    for (uint32_t id = 0; id < CONFIG_MAX_FUNCTIONS; id++)
        histogram_of(b, n, id);
    metrics_say(
        b, "cold_start_seconds", "summary",
        "of the calls that waited for a container or a program: until it was created, started, "
        "ready, and had answered");
    for (uint32_t id = 0; id < CONFIG_MAX_FUNCTIONS; id++)
        cold_starts_of(b, n, id);
}

static void count_refused(void *ctx, const struct catalog_row *row)
{
    *(unsigned *)ctx += row->error != NULL;
}

static void write_plugins(struct buf *b, struct node *n)
{
    unsigned refused = 0;

    metrics_single(b, "plugin_modules", "gauge", "plugin modules mapped", module_count());
    catalog_each(n->catalog, count_refused, &refused);
    metrics_single(b, "plugin_files_refused", "gauge",
                   "files in the plugin folder that cannot be used", refused);
}

static void write_slots_of_functions(struct buf *b, const struct shard *s)
{
    const struct function_table *t = s->functions;
    const struct slot_share *share = s->node->share;

    metrics_say(b, "function_slots", "gauge", "jobs of a function that may run at once here");
    for (unsigned i = 0; i < t->n; i++)
        if (share[t->entries[i].function->id].limit)
            buf_printf(b, "p2pfaas_function_slots{function=\"%s\"} %u\n",
                       t->entries[i].config->name, share[t->entries[i].function->id].limit);
    metrics_say(b, "function_slots_running", "gauge", "jobs of a function running now");
    for (unsigned i = 0; i < t->n; i++)
        buf_printf(b, "p2pfaas_function_slots_running{function=\"%s\"} %u\n",
                   t->entries[i].config->name, share[t->entries[i].function->id].running);
}

static void write_node(struct buf *b, struct node *n)
{
    metrics_single(b, "streams", "gauge", "logs that are being read", n->streams);
    metrics_say(b, "probes_total", "counter", "peers asked for their load");
    buf_printf(b,
               "p2pfaas_probes_total{answer=\"ok\"} %llu\n"
               "p2pfaas_probes_total{answer=\"timeout\"} %llu\n"
               "p2pfaas_probes_total{answer=\"gone\"} %llu\n",
               (unsigned long long)sum(n, COUNT_PROBES_OK),
               (unsigned long long)sum(n, COUNT_PROBES_TIMEOUT),
               (unsigned long long)sum(n, COUNT_PROBES_GONE));
    metrics_say(b, "forwards_total", "counter",
                "jobs sent to peers, and those that came back unrun");
    buf_printf(b,
               "p2pfaas_forwards_total{what=\"sent\"} %llu\n"
               "p2pfaas_forwards_total{what=\"refused\"} %llu\n"
               "p2pfaas_forwards_total{what=\"failed\"} %llu\n"
               "p2pfaas_forwards_total{what=\"unfit\"} %llu\n",
               (unsigned long long)sum(n, COUNT_FORWARDS_SENT),
               (unsigned long long)sum(n, COUNT_FORWARDS_REFUSED),
               (unsigned long long)sum(n, COUNT_FORWARDS_FAILED),
               (unsigned long long)sum(n, COUNT_FORWARDS_UNFIT));
    metrics_say(
        b, "messages_total", "counter",
        "what schedulers tell each other: sent, and of those refused (nobody there listens) or "
        "lost (no answer); dropped, too many were under way; heard and unheard, from peers");
    buf_printf(b,
               "p2pfaas_messages_total{what=\"sent\"} %llu\n"
               "p2pfaas_messages_total{what=\"refused\"} %llu\n"
               "p2pfaas_messages_total{what=\"lost\"} %llu\n"
               "p2pfaas_messages_total{what=\"dropped\"} %llu\n"
               "p2pfaas_messages_total{what=\"heard\"} %llu\n"
               "p2pfaas_messages_total{what=\"unheard\"} %llu\n",
               (unsigned long long)sum(n, COUNT_MESSAGES_SENT),
               (unsigned long long)sum(n, COUNT_MESSAGES_REFUSED),
               (unsigned long long)sum(n, COUNT_MESSAGES_LOST),
               (unsigned long long)n->messages.dropped,
               (unsigned long long)sum(n, COUNT_MESSAGES_HEARD),
               (unsigned long long)sum(n, COUNT_MESSAGES_UNHEARD));
    metrics_single(b, "peer_requests_total", "counter", "invocations that came from peers",
                   (double)sum(n, COUNT_PEER_REQUESTS));
    metrics_single(b, "cold_starts_total", "counter",
                   "invocations that waited for their program to start",
                   (double)sum(n, COUNT_COLD_STARTS));
    metrics_single(b, "clients_gone_total", "counter", "jobs cancelled because the client hung up",
                   (double)sum(n, COUNT_CLIENTS_GONE));
    metrics_single(b, "bad_requests_total", "counter", "requests refused before there was a job",
                   (double)sum(n, COUNT_BAD_REQUESTS));
    metrics_single(b, "slots", "gauge", "functions that may run at once", n->slots.limit);
    metrics_single(b, "slots_running", "gauge", "functions running now", n->slots.running);
    metrics_single(b, "queue_limit", "gauge", "jobs that may wait for a slot",
                   n->slots.queue_limit);
    metrics_single(b, "queue_length", "gauge", "jobs waiting for a slot", n->slots.queued);
    metrics_single(b, "body_bytes_held", "gauge", "bytes of request bodies",
                   (double)n->memory_held);
    metrics_single(b, "reloads_total", "counter", "configurations applied after SIGHUP",
                   n->reloads);
    metrics_single(b, "reloads_failed_total", "counter", "configurations refused after SIGHUP",
                   n->reload_failures);
}

static void write_learner(struct buf *b, struct node *n)
{
    struct learner_stats s;

    engine_learner_stats(n->engine, &s);
    metrics_single(b, "learner_choices_total", "counter",
                   "choices of learners, each opens an episode", (double)s.choices);
    metrics_single(b, "learner_episodes", "gauge", "choices that wait for their reward",
                   (double)s.open);
    metrics_say(
        b, "learner_episodes_ended_total", "counter",
        "episodes that ended rewarded, without a reward in time, or because too many were open");
    buf_printf(b,
               "p2pfaas_learner_episodes_ended_total{how=\"rewarded\"} %llu\n"
               "p2pfaas_learner_episodes_ended_total{how=\"expired\"} %llu\n"
               "p2pfaas_learner_episodes_ended_total{how=\"crowded\"} %llu\n",
               (unsigned long long)s.rewards[REWARD_TAKEN], (unsigned long long)s.expired,
               (unsigned long long)s.crowded);
    metrics_say(b, "learner_rewards_dropped_total", "counter", "rewards that were not taken");
    for (unsigned i = REWARD_TAKEN + 1; i < REWARD_VERDICTS; i++)
        buf_printf(b, "p2pfaas_learner_rewards_dropped_total{why=\"%s\"} %llu\n",
                   reward_verdict_name((enum reward_verdict)i), (unsigned long long)s.rewards[i]);
    metrics_single(b, "learner_choices_awaited", "gauge",
                   "choices that a learner outside of the node still has to make",
                   (double)s.awaited);
    metrics_say(
        b, "learner_awaited_total", "counter",
        "how those ended: chosen; none, the learner has no answer; late, the time to wait was "
        "over; stale, not possible any more; left, the job ended before; unawaited, by a "
        "scheduler that does not wait");
    for (unsigned i = 0; i < PENDING_ENDS; i++)
        buf_printf(b, "p2pfaas_learner_awaited_total{end=\"%s\"} %llu\n",
                   pending_end_name((enum pending_end)i), (unsigned long long)s.pending[i]);
    metrics_say(b, "learner_requests_total", "counter",
                "requests of learners: sent, and of those lost (no answer); refused, not sent");
    buf_printf(b,
               "p2pfaas_learner_requests_total{what=\"sent\"} %llu\n"
               "p2pfaas_learner_requests_total{what=\"lost\"} %llu\n"
               "p2pfaas_learner_requests_total{what=\"refused\"} %llu\n",
               (unsigned long long)n->learner_http.sent, (unsigned long long)n->learner_http.lost,
               (unsigned long long)n->learner_http.refused);
    metrics_single(b, "learner_batches_total", "counter", "times that learners learned",
                   (double)s.batches);
    metrics_single(b, "learner_transitions_total", "counter", "rewarded choices that were learned",
                   (double)s.transitions);
    metrics_single(b, "learner_selections_total", "counter", "learners selected since the start",
                   (double)s.selections);
    metrics_single(b, "learner_selections_failed_total", "counter",
                   "selections of learners refused", (double)s.failed_selections);
    metrics_single(b, "learner_instances", "gauge",
                   "learners, the current and those of retired schedulers", s.instances);
    metrics_single(b, "learner_rewards_bad_total", "counter",
                   "rewards from outside that could not be read or used",
                   (double)n->learner.bad_rewards);
    metrics_single(b, "learner_saves_total", "counter", "times that the learner was saved",
                   n->learner.saves);
    metrics_single(b, "learner_saves_failed_total", "counter", "times that it could not be",
                   n->learner.save_failures);
}

static void write_learner_metric(void *ctx, const char *name, const char *help, bool is_gauge,
                                 double value)
{
    char full[METRICS_OWN_NAME], clean[METRICS_OWN_HELP];

    metrics_own("learner", name, help, full, clean);
    metrics_single(ctx, full, is_gauge ? "gauge" : "counter", clean, value);
}

static void write_discovery_metric(void *ctx, const char *name, const char *help, bool is_gauge,
                                   double value)
{
    char full[64];

    snprintf(full, sizeof(full), "discovery_%.40s%s", name, is_gauge ? "" : "_total");
    metrics_single(ctx, full, is_gauge ? "gauge" : "counter", help, value);
}

static void write_peers(struct buf *b, struct node *n)
{
    uint32_t up, down;

    peers_count(&n->peers, &up, &down);
    metrics_say(b, "peers", "gauge", "other nodes that are known");
    buf_printf(b, "p2pfaas_peers{state=\"up\"} %u\np2pfaas_peers{state=\"down\"} %u\n", up, down);
}

static void write_openfaas(struct buf *b, struct node *n)
{
    struct openfaas_stats s;

    if (!n->openfaas)
        return;
    openfaas_stats(n->openfaas, &s);
    metrics_single(b, "openfaas_up", "gauge",
                   "1: the OpenFaaS gateway told its functions when last asked", s.up);
    metrics_single(b, "openfaas_functions", "gauge",
                   "functions of its last list that this node can call", s.listed);
    metrics_say(b, "openfaas_lists_total", "counter", "times that it was asked for its functions");
    buf_printf(b,
               "p2pfaas_openfaas_lists_total{answer=\"ok\"} %llu\n"
               "p2pfaas_openfaas_lists_total{answer=\"failed\"} %llu\n",
               (unsigned long long)s.lists, (unsigned long long)s.lists_failed);
    metrics_say(b, "openfaas_deployments_total", "counter",
                "times that a function was deployed there");
    buf_printf(b,
               "p2pfaas_openfaas_deployments_total{answer=\"ok\"} %llu\n"
               "p2pfaas_openfaas_deployments_total{answer=\"failed\"} %llu\n",
               (unsigned long long)s.deployed, (unsigned long long)s.deployments_failed);
}

static void write_access(struct buf *b, const struct access *a)
{
    metrics_say(b, "auth_refused_total", "counter",
                "messages of peers and discovery that were not taken");
    for (unsigned i = AUTH_UNSIGNED; i < AUTH_VERDICTS; i++)
        buf_printf(b, "p2pfaas_auth_refused_total{why=\"%s\"} %llu\n",
                   auth_verdict_name((enum auth_verdict)i), (unsigned long long)a->messages[i]);
    metrics_say(b, "auth_answers_refused_total", "counter", "answers of peers that were not taken");
    for (unsigned i = AUTH_UNSIGNED; i <= AUTH_FORGED; i++)
        buf_printf(b, "p2pfaas_auth_answers_refused_total{why=\"%s\"} %llu\n",
                   auth_verdict_name((enum auth_verdict)i), (unsigned long long)a->answers[i]);
    metrics_say(b, "access_refused_total", "counter",
                "callers that may not do what they asked for");
    for (unsigned i = 0; i < ACCESS_REFUSALS; i++)
        buf_printf(b, "p2pfaas_access_refused_total{why=\"%s\"} %llu\n",
                   access_refusal_name((enum access_refusal)i), (unsigned long long)a->refusals[i]);
}

static void write_async(struct buf *b, const struct async *a)
{
    static const struct {
        const char *name, *help;
    } gauges[ASYNC_GAUGES] = {
        [ASYNC_QUEUED] = {"async_queued", "kept calls that wait to run"},
        [ASYNC_RETRYING] = {"async_retrying", "of those, tried before"},
        [ASYNC_RUNNING] = {"async_running", "kept calls that run"},
        [ASYNC_CALLBACKS] = {"async_callbacks", "kept calls that ran, their callbacks still open"},
        [ASYNC_BYTES] = {"async_bytes", "of kept calls that are not over"},
        [ASYNC_KEPT_BYTES] = {"async_kept_bytes", "of the results of those that are"}};
    static const struct {
        const char *name, *help;
    } counts[ASYNC_COUNTS] = {
        [ASYNC_ACCEPTED] = {"async_accepted_total", "calls accepted to run later"},
        [ASYNC_REFUSED] = {"async_refused_total", "calls not accepted: too many, or the disk"},
        [ASYNC_DONE] = {"async_done_total", "kept calls that a function answered"},
        [ASYNC_FAILED] = {"async_failed_total", "kept calls that failed for good"},
        [ASYNC_CANCELLED] = {"async_cancelled_total", "kept calls that were cancelled"},
        [ASYNC_RETRIES] = {"async_retries_total", "runs after which another was planned"},
        [ASYNC_NO_ROOM] = {"async_no_room_total",
                           "times that a kept call found no room to run, or no such function"},
        [ASYNC_TOLD] = {"async_callbacks_total", "callbacks that were delivered"},
        [ASYNC_NOT_TOLD] = {"async_callbacks_failed_total", "callbacks that were given up"},
        [ASYNC_CALLBACK_RETRIES] = {"async_callback_retries_total",
                                    "tries of a callback after which another was planned"},
        [ASYNC_COMMITS] = {"async_commits_total", "times that changes went to the disk"},
        [ASYNC_COMMITS_FAILED] = {"async_commits_failed_total", "times that the disk refused"}};

    for (int i = 0; i < ASYNC_GAUGES; i++)
        metrics_single(b, gauges[i].name, "gauge", gauges[i].help, (double)a->gauge[i]);
    for (int i = 0; i < ASYNC_COUNTS; i++)
        metrics_single(b, counts[i].name, "counter", counts[i].help, (double)a->count[i]);
}

void api_metrics(struct exchange *x)
{
    struct node *n = x->shard->node;
    struct buf *b = &x->response.body;

    write_requests(b, n);
    metrics_schedulers(b, x->shard);
    write_plugins(b, n);
    write_learner(b, n);
    write_node(b, n);
    write_slots_of_functions(b, x->shard);
    write_peers(b, n);
    write_openfaas(b, n);
    write_access(b, &n->access);
    write_async(b, &n->async);
    discovery_measure(n, write_discovery_metric, b);
    metrics_of_schedulers(b, x->shard);
    engine_learner_metrics(n->engine, write_learner_metric, b);
    headers_add(&x->response.headers, "Content-Type", "text/plain; version=0.0.4");
    x->response.status = MHD_HTTP_OK;
}
