/*
 * fuzz_traces.c - the first byte selects a reader, the rest is its file; for the trace of 2019
 * text behind a line "--durations" is that of the durations.  What is taken must bring jobs
 * in order of time; what is refused must say why and leave nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/arrivals.h"
#include "sim/distribution.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_NODES = 3, DRAWS = 200 };

struct memory_file {
    int fd;
    char path[32];
};

static void must(int condition)
{
    if (!condition)
        abort();
}

/* One file for all inputs, by the name under which it is opened. */
static const char *write_file(struct memory_file *f, const void *data, size_t size)
{
    if (f->fd == 0) {
        f->fd = memfd_create("trace.csv", MFD_CLOEXEC);
        snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
    }
    must(f->fd > 0 && ftruncate(f->fd, 0) == 0);
    must(pwrite(f->fd, data, size, 0) == (ssize_t)size);
    return f->path;
}

static void must_explain(const char err[P2P_ERRLEN])
{
    must(err[0] && strnlen(err, P2P_ERRLEN) < P2P_ERRLEN);
}

static void values(const char *file)
{
    const struct distribution_config c = {.kind = DISTRIBUTION_FILE, .file = file};
    char err[P2P_ERRLEN] = "";
    struct distribution d;
    struct random r;

    random_seed(&r, 1);
    if (distribution_init(&d, &c, err)) {
        must_explain(err);
        return;
    }
    must(distribution_mean(&d) >= 1);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t ns = distribution_draw(&d, &r);

        must(ns >= 1 && ns <= DISTRIBUTION_MAX_NS);
    }
    distribution_release(&d);
}

static void jobs_of_a_node(const struct arrivals *a, uint32_t node)
{
    struct arrival_cursor c;
    struct arrival job;
    struct random r;
    uint64_t before = 0;

    random_stream(&r, 1, node);
    arrival_cursor_init(&c, a, node, &r);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t at = arrival_next(&c, a, &r, &job);

        must(at >= before && at == job.at_ns);
        must(job.function == P2P_NONE || job.function < 4);
        before = at;
    }
}

static void arrivals(const struct arrival_config *c)
{
    char err[P2P_ERRLEN] = "";
    struct arrivals *a;

    if (arrivals_load(&a, c, 0, N_NODES, 1, err)) {
        must(a == NULL);
        must_explain(err);
        return;
    }
    for (uint32_t node = 0; node < N_NODES; node++)
        jobs_of_a_node(a, node);
    arrivals_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "\n--durations\n";
    static struct memory_file first, second;
    struct arrival_config c = {.scale = 1.5, .speedup = 3, .step = 1000000000, .n_functions = 4};
    const uint8_t *more;
    size_t n;

    if (size < 1)
        return 0;
    more = memmem(data, size, mark, sizeof(mark) - 1);
    n = (more ? (size_t)(more - data) : size) - 1;
    c.file = write_file(&first, data + 1, n);
    if (more) {
        more += sizeof(mark) - 1;
        c.durations = write_file(&second, more, size - (size_t)(more - data));
    }
    switch (data[0] % 4) {
    case 0:
        values(c.file);
        return 0;
    case 1:
        c.process = ARRIVALS_CSV;
        break;
    case 2:
        c.process = ARRIVALS_AZURE_2019;
        break;
    default:
        c.process = ARRIVALS_AZURE_2021;
    }
    arrivals(&c);
    return 0;
}
