#include "sim/metric.h"

#include <string.h>

const struct metric_info metric_info[METRICS] = {
    [METRIC_LOSS] = {"loss", "loss", UNIT_SHARE},
    [METRIC_MEAN] = {"mean", "response, mean", UNIT_SECONDS},
    [METRIC_P50] = {"p50", "response, p50", UNIT_SECONDS},
    [METRIC_P95] = {"p95", "response, p95", UNIT_SECONDS},
    [METRIC_P99] = {"p99", "response, p99", UNIT_SECONDS},
    [METRIC_WAIT] = {"wait", "wait for a slot", UNIT_SECONDS},
    [METRIC_RUN] = {"run", "run time", UNIT_SECONDS},
    [METRIC_PROBES] = {"probes", "probes a job", UNIT_COUNT},
    [METRIC_FORWARDS] = {"forwards", "forwards a job", UNIT_COUNT},
    [METRIC_IN_DEADLINE] = {"in_deadline", "in deadline", UNIT_SHARE},
    [METRIC_JAIN] = {"jain", "fairness of load", UNIT_INDEX},
    [METRIC_JAIN_LOSS] = {"jain_loss", "fairness of loss", UNIT_INDEX},
    [METRIC_UTILISATION] = {"utilisation", "utilisation", UNIT_SHARE},
    [METRIC_THROUGHPUT] = {"throughput", "throughput", UNIT_RATE},
    [METRIC_REWARD] = {"reward", "reward, mean", UNIT_INDEX},
    [METRIC_CHOICES] = {"choices", "choices a job", UNIT_COUNT},
    [METRIC_MISBEHAVED] = {"misbehaved", "misbehaviours", UNIT_COUNT},
};

enum metric metric_find(const char *name)
{
    enum metric m = 0;

    while (m < METRICS && strcmp(metric_info[m].name, name) != 0)
        m++;
    return m;
}
