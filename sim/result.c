#include "sim/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/estimate.h"

enum {
    MOST_PART_TALLIES = 2048, /* some 15 KiB each */
    FEW_BATCHES = 10,
    MOST_COUNTERS = 4096,
};
static const double tied_together = 0.3; /* correlation of batch means that follow each other */

static unsigned part_count(const struct result *r, enum part kind)
{
    return kind == PART_GROUP ? r->scenario->n_groups : r->scenario->n_functions;
}

static struct tally *parts_of(const struct result *r, enum part kind)
{
    return kind == PART_GROUP ? r->group : r->function;
}

/* Of each part: its batches, then their sum. */
static struct tally *part_tallies(const struct result *r, enum part kind)
{
    return calloc((size_t)part_count(r, kind) * (r->part_batches + 1), sizeof(struct tally));
}

static struct tally *part_at(const struct result *r, enum part kind, unsigned i, unsigned batch)
{
    return &parts_of(r, kind)[(size_t)i * (r->part_batches + 1) + batch];
}

struct result *result_new(const struct scenario *s)
{
    struct result *r = calloc(1, sizeof(*r));
    unsigned parts = s->n_groups > s->n_functions ? s->n_groups : s->n_functions;
    uint32_t first = 0;

    if (!r)
        return NULL;
    r->scenario = s;
    r->from_ns = (uint64_t)s->run.warm_up;
    r->to_ns = r->from_ns + (uint64_t)s->run.length;
    r->n_batches = s->run.batches > 0 ? (unsigned)s->run.batches : 1;
    r->batch_ns = (uint64_t)s->run.length / r->n_batches;
    r->batch_ns += r->batch_ns == 0;
    r->part_batches = (uint64_t)parts * r->n_batches <= MOST_PART_TALLIES ? r->n_batches : 1;
    r->batch = calloc(r->n_batches, sizeof(*r->batch));
    r->node = calloc(s->n_nodes ? s->n_nodes : 1, sizeof(*r->node));
    r->first_node = calloc(s->n_groups + 1, sizeof(*r->first_node));
    if (s->n_groups > 1)
        r->group = part_tallies(r, PART_GROUP);
    if (s->n_functions > 1)
        r->function = part_tallies(r, PART_FUNCTION);
    if (!r->batch || !r->node || !r->first_node || (s->n_groups > 1 && !r->group) ||
        (s->n_functions > 1 && !r->function)) {
        result_free(r);
        return NULL;
    }
    for (unsigned g = 0; g < s->n_groups; g++) {
        r->first_node[g] = first;
        first += (uint32_t)s->group[g].count;
    }
    r->first_node[s->n_groups] = first;
    return r;
}

static void parts_free(struct result *r, enum part kind)
{
    struct tally *t = parts_of(r, kind);

    for (size_t i = 0; t && i < (size_t)part_count(r, kind) * (r->part_batches + 1); i++)
        tally_release(&t[i]);
    free(t);
}

void result_free(struct result *r)
{
    if (!r)
        return;
    for (unsigned i = 0; r->batch && i < r->n_batches; i++)
        tally_release(&r->batch[i]);
    parts_free(r, PART_GROUP);
    parts_free(r, PART_FUNCTION);
    for (unsigned i = 0; i < r->n_counters; i++) {
        free(r->counter[i].scheduler);
        free(r->counter[i].name);
    }
    tally_release(&r->all);
    free(r->counter);
    free(r->batch);
    free(r->node);
    free(r->first_node);
    free(r);
}

unsigned result_group_of(const struct result *r, uint32_t node)
{
    unsigned low = 0, high = r->scenario->n_groups;

    while (high - low > 1) {
        unsigned middle = (low + high) / 2;

        if (r->first_node[middle] <= node)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void node_job(struct node_result *n, const struct job_record *job)
{
    n->arrived++;
    if (job->end == JOB_RAN) {
        n->answered++;
        n->response_ns += job->end_ns - job->arrival_ns;
    } else {
        n->lost++;
    }
}

static bool met_deadline(const struct result *r, const struct job_record *job)
{
    int64_t deadline = 0;

    if (!job->has_deadline || job->end != JOB_RAN)
        return false;
    if (job->function < r->scenario->n_functions)
        deadline = r->scenario->function[job->function].deadline;
    return deadline <= 0 || job->end_ns - job->arrival_ns <= (uint64_t)deadline;
}

void result_job(struct result *r, const struct job_record *job)
{
    bool met = met_deadline(r, job), kept;
    unsigned batch, part;

    if (job->arrival_ns < r->from_ns || job->arrival_ns >= r->to_ns)
        return;
    batch = (unsigned)((job->arrival_ns - r->from_ns) / r->batch_ns);
    if (batch >= r->n_batches) /* what the division left over */
        batch = r->n_batches - 1;
    if (batch > r->latest)
        r->latest = batch;
    kept = tally_add(&r->batch[batch], job, met);
    part = batch < r->part_batches ? batch : 0;
    if (r->group)
        kept &= tally_add(part_at(r, PART_GROUP, result_group_of(r, job->node), part), job, met);
    if (r->function && job->function < r->scenario->n_functions)
        kept &= tally_add(part_at(r, PART_FUNCTION, job->function, part), job, met);
    if (job->node < r->scenario->n_nodes)
        node_job(&r->node[job->node], job);
    r->no_memory |= !kept;
}

void result_node(struct result *r, uint32_t node, uint64_t busy_ns, uint64_t jobs)
{
    struct node_result *n = &r->node[node];

    n->busy_ns = busy_ns;
    n->ran_here = jobs < UINT32_MAX ? (uint32_t)jobs : UINT32_MAX;
}

void result_learned(struct result *r, uint64_t choices, uint64_t rewards, double reward)
{
    r->choices = choices;
    r->rewards = rewards;
    r->reward = reward;
}

static void count(struct result *r, const char *scheduler, const char *name, uint64_t n)
{
    struct counter *c;

    for (unsigned i = 0; i < r->n_counters; i++) {
        c = &r->counter[i];
        if (strcmp(c->name, name) == 0 && !c->scheduler == !scheduler &&
            (!scheduler || strcmp(c->scheduler, scheduler) == 0)) {
            c->n += n;
            return;
        }
    }
    if (n == 0 || r->n_counters >= MOST_COUNTERS)
        return;
    c = realloc(r->counter, (r->n_counters + 1) * sizeof(*c));
    if (!c) {
        r->no_memory = true;
        return;
    }
    r->counter = c;
    c += r->n_counters++;
    *c = (struct counter){scheduler ? strdup(scheduler) : NULL, strdup(name), n};
    if (!c->name || !c->scheduler != !scheduler) {
        free(c->name);
        free(c->scheduler);
        r->n_counters--;
        r->no_memory = true;
    }
}

void result_count(struct result *r, const char *name, uint64_t n)
{
    count(r, NULL, name, n);
}

void result_misbehaved(struct result *r, const char *scheduler, const char *kind, uint64_t n)
{
    count(r, scheduler, kind, n);
}

bool result_precise_enough(const struct result *r, double target)
{
    double *means;
    struct estimate e;
    double together;

    /* Some of the latest batch are still on their way. */
    if (r->latest < FEW_BATCHES)
        return false;
    means = calloc(r->latest, sizeof(*means));
    if (!means)
        return false;
    for (unsigned i = 0; i < r->latest; i++)
        means[i] = tally_metric(&r->batch[i], METRIC_MEAN, 0, 0);
    e = estimate_of(means, r->latest, 0.95);
    together = estimate_correlation(means, r->latest);
    free(means);
    return e.n >= FEW_BATCHES && e.half_width < target * e.value && !(together > tied_together);
}

static bool sum_parts(struct result *r, enum part kind)
{
    bool good = true;

    for (unsigned i = 0; i < result_parts(r, kind); i++)
        for (unsigned b = 0; b < r->part_batches; b++)
            good &= tally_merge(part_at(r, kind, i, r->part_batches), part_at(r, kind, i, b));
    return good;
}

int result_end(struct result *r, uint64_t now_ns)
{
    if (now_ns < r->to_ns)
        r->to_ns = now_ns > r->from_ns ? now_ns : r->from_ns;
    r->complete = (unsigned)((r->to_ns - r->from_ns) / r->batch_ns);
    if (r->complete > r->n_batches)
        r->complete = r->n_batches;
    for (unsigned i = 0; i < r->n_batches; i++)
        r->no_memory |= !tally_merge(&r->all, &r->batch[i]);
    r->no_memory |= !sum_parts(r, PART_GROUP) || !sum_parts(r, PART_FUNCTION);
    return r->no_memory ? -1 : 0;
}

double result_seconds(const struct result *r)
{
    return (double)(r->to_ns - r->from_ns) / 1e9;
}

static double slots_of(const struct result *r)
{
    double slots = 0;

    for (unsigned g = 0; g < r->scenario->n_groups; g++)
        slots += (double)r->scenario->group[g].count * (double)r->scenario->group[g].slots;
    return slots;
}

double node_metric(const struct result *r, uint32_t node, enum metric m)
{
    const struct node_result *n = &r->node[node];
    double slots = (double)r->scenario->group[result_group_of(r, node)].slots;

    switch (m) {
    case METRIC_MEAN:
        return n->answered ? (double)n->response_ns / 1e9 / n->answered : NAN;
    case METRIC_LOSS:
        return n->arrived ? (double)n->lost / n->arrived : NAN;
    case METRIC_UTILISATION:
        return slots > 0 && r->to_ns > r->from_ns
                   ? (double)n->busy_ns / 1e9 / (slots * result_seconds(r))
                   : NAN;
    default:
        return NAN;
    }
}

/* Jain's index, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has all. */
static double fairness(const struct result *r, bool of_loss)
{
    double sum = 0, squares = 0, n = 0;

    for (unsigned g = 0; g < r->scenario->n_groups; g++) {
        for (uint32_t i = r->first_node[g]; i < r->first_node[g + 1]; i++) {
            double x = node_metric(r, i, of_loss ? METRIC_LOSS : METRIC_UTILISATION);

            if (isnan(x))
                continue;
            sum += x;
            squares += x * x;
            n++;
        }
    }
    if (n == 0)
        return NAN;
    return squares > 0 ? sum * sum / (n * squares) : 1;
}

static double busy_share(const struct result *r, unsigned first_group, unsigned last_group)
{
    double busy = 0, slots = 0;

    for (unsigned g = first_group; g <= last_group; g++) {
        for (uint32_t i = r->first_node[g]; i < r->first_node[g + 1]; i++)
            busy += (double)r->node[i].busy_ns;
        slots += (double)r->scenario->group[g].count * (double)r->scenario->group[g].slots;
    }
    return slots > 0 && r->to_ns > r->from_ns ? busy / 1e9 / (slots * result_seconds(r)) : NAN;
}

static double misbehaviours(const struct result *r)
{
    double n = 0;

    for (unsigned i = 0; i < r->n_counters; i++)
        n += r->counter[i].scheduler ? (double)r->counter[i].n : 0;
    return n;
}

double result_metric(const struct result *r, enum metric m)
{
    double jobs;

    switch (m) {
    case METRIC_JAIN:
        return fairness(r, false);
    case METRIC_JAIN_LOSS:
        return fairness(r, true);
    case METRIC_UTILISATION:
        return r->scenario->n_groups ? busy_share(r, 0, r->scenario->n_groups - 1) : NAN;
    case METRIC_REWARD:
        return r->rewards ? r->reward / (double)r->rewards : NAN;
    case METRIC_CHOICES:
        jobs = (double)tally_jobs(&r->all);
        return r->choices && jobs > 0 ? (double)r->choices / jobs : NAN;
    case METRIC_MISBEHAVED:
        return misbehaviours(r);
    default:
        return tally_metric(&r->all, m, result_seconds(r), slots_of(r));
    }
}

double result_batch_metric(const struct result *r, unsigned batch, enum metric m)
{
    return tally_metric(&r->batch[batch], m, (double)r->batch_ns / 1e9, slots_of(r));
}

unsigned result_parts(const struct result *r, enum part kind)
{
    return parts_of(r, kind) ? part_count(r, kind) : 0;
}

double result_part_batch_metric(const struct result *r, enum part kind, unsigned i, unsigned batch,
                                enum metric m)
{
    if (m == METRIC_UTILISATION)
        return NAN;
    return tally_metric(part_at(r, kind, i, batch), m, (double)r->batch_ns / 1e9, 0);
}

double result_part_metric(const struct result *r, enum part kind, unsigned i, enum metric m)
{
    if (m == METRIC_UTILISATION)
        return kind == PART_GROUP ? busy_share(r, i, i) : NAN;
    return tally_metric(part_at(r, kind, i, r->part_batches), m, result_seconds(r), 0);
}

uint64_t result_part_jobs(const struct result *r, enum part kind, unsigned i)
{
    return tally_jobs(part_at(r, kind, i, r->part_batches));
}
