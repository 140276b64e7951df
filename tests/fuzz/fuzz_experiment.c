/*
 * fuzz_experiment.c - any bytes as an experiment, through a file in memory.  A line behind a
 * line "--set" is an override, "path=value".  What is taken can be planned, and what is
 * refused says why and leaves nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_TEXT = 1 << 12, MOST_CALLS = 200 };

static void must(int condition)
{
    if (!condition)
        abort();
}

/* One file for all inputs, by the name under which it is opened. */
static int write_file(char path[32], const uint8_t *data, size_t size)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("experiment.yaml", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        return -1;
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return 0;
}

static unsigned split(const uint8_t *data, size_t *size, char text[MOST_TEXT],
                      struct scenario_override *o)
{
    static const char mark[] = "\n--set\n";
    const uint8_t *at = memmem(data, *size, mark, sizeof(mark) - 1);
    size_t length = at ? *size - (size_t)(at - data) - (sizeof(mark) - 1) : MOST_TEXT;
    char *equals;

    if (length >= MOST_TEXT)
        return 0;
    memcpy(text, at + sizeof(mark) - 1, length);
    text[length] = '\0';
    *size = (size_t)(at - data);
    equals = strchr(text, '=');
    if (!equals)
        return 0;
    *equals = '\0';
    *o = (struct scenario_override){.path = text, .value = equals + 1};
    return 1;
}

static void plan(const struct experiment *e)
{
    static struct plan p;
    char err[P2P_ERRLEN] = "";
    const struct planned *next;
    uint64_t last = 0;

    if (plan_init(&p, e, err)) {
        must(err[0]);
        return;
    }
    for (unsigned i = 0; i < MOST_CALLS && (next = plan_next(&p)); i++) {
        must(next->at_ns >= last && next->at_ns < p.end_ns);
        must(next->node < e->n_nodes && next->payload < e->n_payloads);
        last = next->at_ns;
        plan_take(&p, next);
    }
    plan_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct experiment nothing;
    static char text[MOST_TEXT];
    struct scenario_override o;
    struct experiment e;
    char path[32], err[P2P_ERRLEN] = "";
    unsigned n = split(data, &size, text, &o);

    if (write_file(path, data, size))
        return 0;
    if (experiment_read(&e, path, &o, n, err)) {
        must(err[0] && memchr(err, '\0', sizeof(err)));
        must(memcmp(&e, &nothing, sizeof(e)) == 0);
        return 0;
    }
    must(e.n_nodes > 0 && e.n_payloads > 0 && e.name[0]);
    plan(&e);
    experiment_release(&e);
    must(memcmp(&e, &nothing, sizeof(e)) == 0);
    return 0;
}
