#include "tests/sim/support_results.h"

#include <string.h>

void small_init(struct small *s)
{
    memset(s, 0, sizeof(*s));
    s->group[0] = (struct group_config){.name = "edge", .count = 3, .slots = 2, .speed = 1};
    s->group[1] = (struct group_config){.name = "hub", .count = 1, .slots = 4, .speed = 1};
    s->function[0].name = "quick";
    s->function[1].name = "video";
    s->function[1].deadline = 50 * (int64_t)MS;
    s->scenario = (struct scenario){
        .file = "small.yaml",
        .name = "small",
        .summary = "four nodes and what became of their jobs",
        .run = {.warm_up = 10 * (int64_t)SECOND,
                .length = 20 * (int64_t)SECOND,
                .batches = 20,
                .replications = 1},
        .group = s->group,
        .n_groups = 2,
        .function = s->function,
        .n_functions = 2,
        .n_nodes = 4,
    };
}

struct result *small_result(const struct small *s, unsigned shift_ms, unsigned drift_ms)
{
    struct result *r = result_new(&s->scenario);

    for (uint64_t i = 0; r && i < 2000; i++) {
        uint64_t batch = i / 100, tenth = i % 10;
        struct job_record job = {.id = i,
                                 .arrival_ns = 10 * SECOND + i * 10 * MS,
                                 .node = (uint32_t)i % s->scenario.n_nodes};

        job.ran_on = job.node;
        job.function = i % 5 == 0;
        job.has_deadline = job.function == 1;
        job.probes = (uint32_t)i % 2;
        job.forwards = i % 4 == 0;
        job.end = tenth == 3 ? JOB_FULL : JOB_RAN;
        job.end_ns = job.arrival_ns + (10 + 5 * (tenth < 9 ? tenth : 0)) * MS +
                     (batch % 2 * shift_ms + batch * drift_ms) * MS;
        job.run_ns = job.end == JOB_RAN ? 8 * MS : 0;
        job.wait_ns = job.end == JOB_RAN ? 2 * MS : 0;
        result_job(r, &job);
    }
    for (uint32_t n = 0; r && n < s->scenario.n_nodes; n++)
        result_node(r, n, (n + 1) * (2 * SECOND), 450);
    if (r && result_end(r, 30 * SECOND) == 0)
        return r;
    result_free(r);
    return NULL;
}
