#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/sim/support_arrivals.h"

struct arrival_config config_of(enum arrival_process process)
{
    return (struct arrival_config){
        .process = process, .scale = 1, .speedup = 1, .step = SECOND, .file = "", .durations = ""};
}

struct arrivals *loaded(const struct arrival_config *c, double rate, unsigned n_nodes)
{
    struct arrivals *a;
    char err[P2P_ERRLEN];

    if (arrivals_load(&a, c, rate, n_nodes, 1, err))
        fail_msg("%s", err);
    return a;
}

void refused(const struct arrival_config *c, double rate, const char *why)
{
    struct arrivals *a;
    char err[P2P_ERRLEN];

    assert_int_equal(arrivals_load(&a, c, rate, 1, 1, err), -1);
    assert_string_equal(err, why);
    assert_null(a);
}

void refused_file(const struct arrival_config *c, const char *why)
{
    char text[P2P_ERRLEN];

    snprintf(text, sizeof(text), "%s%s", c->file, why);
    refused(c, 0, text);
}

void count_windows(const struct arrivals *a, uint32_t node, uint64_t seed, double window_ns,
                   double *count, size_t n)
{
    struct arrival_cursor c;
    struct arrival job;
    struct random r;
    uint64_t before = 0;

    memset(count, 0, n * sizeof(*count));
    random_stream(&r, seed, node);
    arrival_cursor_init(&c, a, node, &r);
    while (arrival_next(&c, a, &r, &job) < (uint64_t)(window_ns * (double)n)) {
        assert_true(job.at_ns >= before);
        before = job.at_ns;
        count[(size_t)((double)job.at_ns / window_ns)]++;
    }
}

size_t all_jobs(const struct arrivals *a, uint32_t node, uint64_t seed, struct arrival *out,
                size_t most)
{
    struct arrival_cursor c;
    struct random r;
    size_t n = 0;

    random_stream(&r, seed, node);
    arrival_cursor_init(&c, a, node, &r);
    while (n < most && arrival_next(&c, a, &r, &out[n]) != ARRIVALS_NEVER)
        n++;
    return n;
}
