#include "sim/tally.h"

#include <math.h>
#include <string.h>

static void moments_add(struct moments *m, double x)
{
    double delta = x - m->mean;

    m->n++;
    m->mean += delta / (double)m->n;
    m->squares += delta * (x - m->mean);
}

static void moments_merge(struct moments *m, const struct moments *from)
{
    double n = (double)m->n + (double)from->n, delta = from->mean - m->mean;

    if (from->n == 0)
        return;
    m->squares += from->squares + delta * delta * (double)m->n * (double)from->n / n;
    m->mean += delta * (double)from->n / n;
    m->n += from->n;
}

void tally_release(struct tally *t)
{
    histogram_release(&t->histogram);
    memset(t, 0, sizeof(*t));
}

bool tally_add(struct tally *t, const struct job_record *job, bool in_deadline)
{
    t->ended[job->end]++;
    t->probes += job->probes;
    t->forwards += job->forwards;
    t->busy_ns += (double)job->run_ns;
    if (job->has_deadline) {
        t->with_deadline++;
        t->in_deadline += in_deadline;
    }
    if (job->end != JOB_RAN)
        return true;
    t->run_ns += (double)job->run_ns;
    moments_add(&t->response, (double)(job->end_ns - job->arrival_ns));
    moments_add(&t->wait, (double)job->wait_ns);
    return histogram_add(&t->histogram, job->end_ns - job->arrival_ns);
}

bool tally_merge(struct tally *t, const struct tally *from)
{
    for (unsigned i = 0; i < JOB_ENDS; i++)
        t->ended[i] += from->ended[i];
    t->with_deadline += from->with_deadline;
    t->in_deadline += from->in_deadline;
    t->probes += from->probes;
    t->forwards += from->forwards;
    t->run_ns += from->run_ns;
    t->busy_ns += from->busy_ns;
    moments_merge(&t->response, &from->response);
    moments_merge(&t->wait, &from->wait);
    return histogram_merge(&t->histogram, &from->histogram);
}

uint64_t tally_jobs(const struct tally *t)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < JOB_ENDS; i++)
        n += t->ended[i];
    return n;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

double tally_metric(const struct tally *t, enum metric m, double seconds, double slots)
{
    double jobs = (double)tally_jobs(t), ran = (double)t->ended[JOB_RAN];

    switch (m) {
    case METRIC_LOSS:
        return ratio(jobs - ran, jobs);
    case METRIC_MEAN:
        return ran > 0 ? t->response.mean / 1e9 : NAN;
    case METRIC_P50:
        return histogram_quantile(&t->histogram, 0.5) / 1e9;
    case METRIC_P95:
        return histogram_quantile(&t->histogram, 0.95) / 1e9;
    case METRIC_P99:
        return histogram_quantile(&t->histogram, 0.99) / 1e9;
    case METRIC_WAIT:
        return ran > 0 ? t->wait.mean / 1e9 : NAN;
    case METRIC_RUN:
        return ratio(t->run_ns / 1e9, ran);
    case METRIC_PROBES:
        return ratio((double)t->probes, jobs);
    case METRIC_FORWARDS:
        return ratio((double)t->forwards, jobs);
    case METRIC_IN_DEADLINE:
        return ratio((double)t->in_deadline, (double)t->with_deadline);
    case METRIC_UTILISATION:
        return ratio(t->busy_ns / 1e9, seconds * slots);
    case METRIC_THROUGHPUT:
        return ratio(ran, seconds);
    default:
        return NAN;
    }
}
