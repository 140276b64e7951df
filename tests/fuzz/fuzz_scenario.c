/*
 * fuzz_scenario.c - any bytes as a scenario, through a file in memory.  Lines behind
 * a line "--set" are overrides, "path=value".  What is taken is complete, and so is
 * what each point of its sweep makes of it; what is refused says why and leaves
 * nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/sweep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_OVERRIDES = 4, MOST_TEXT = 1 << 12, MOST_POINTS = 4 };

/* One file for all inputs, by the name under which it is opened. */
static int write_file(char path[32], const uint8_t *data, size_t size)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("scenario.yaml", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        return -1;
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return 0;
}

/* Cuts the overrides off; their texts are in `text`. */
static unsigned split(const uint8_t *data, size_t *size, char text[MOST_TEXT],
                      struct scenario_override *o)
{
    static const char mark[] = "\n--set\n";
    const uint8_t *at = memmem(data, *size, mark, sizeof(mark) - 1);
    char *rest = text, *line;
    unsigned n = 0;
    size_t length;

    if (!at)
        return 0;
    length = *size - (size_t)(at - data) - (sizeof(mark) - 1);
    if (length >= MOST_TEXT)
        return 0;
    memcpy(text, at + sizeof(mark) - 1, length);
    text[length] = '\0';
    *size = (size_t)(at - data);
    while (n < MOST_OVERRIDES && (line = strsep(&rest, "\n"))) {
        char *equals = strchr(line, '=');

        if (!equals)
            continue;
        *equals = '\0';
        o[n++] = (struct scenario_override){line, equals + 1, NULL};
    }
    return n;
}

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check_groups(const struct scenario *s)
{
    uint64_t nodes = 0;
    char place[300];

    must(s->n_groups >= 1 && s->n_groups <= SCENARIO_MAX_GROUPS);
    for (unsigned i = 0; i < s->n_groups; i++) {
        const struct group_config *g = &s->group[i];

        must(g->name[0] && strlen(g->name) <= SCENARIO_MAX_NAME && g->plugin[0] && g->speed > 0);
        must(g->count >= 1 && g->slots >= 1 && g->queue >= 0);
        must(g->n_parameters <= SCENARIO_MAX_PARAMETERS);
        for (unsigned k = 0; k < g->n_parameters; k++) {
            must(g->parameters[k].value && !g->parameters[k].name == g->by_order);
            scenario_place(s, g->parameters[k].line, place, sizeof(place));
        }
        must(g->arrivals.rate == 0 || g->arrivals.load == 0);
        must(g->arrivals.process != ARRIVALS_MMPP || g->arrivals.n_states >= 2);
        scenario_place(s, g->line, place, sizeof(place));
        scenario_place(s, g->plugin_line, place, sizeof(place));
        nodes += (uint64_t)g->count;
    }
    must(nodes == s->n_nodes && nodes <= SCENARIO_MAX_NODES);
}

static void check(const struct scenario *s)
{
    double weights = 0;

    check_groups(s);
    must(s->name[0] && s->plugins[0] && s->run.length > 0);
    must(s->n_functions >= 1 && s->n_functions <= SCENARIO_MAX_FUNCTIONS);
    for (unsigned i = 0; i < s->n_functions; i++) {
        must(s->function[i].name[0] && s->function[i].deadline >= 0);
        weights += s->function[i].weight;
    }
    must(weights > 0);
    must((s->network.model == DELAY_MATRIX) == (s->network.matrix != NULL));
    for (unsigned i = 0; i < s->n_faults; i++) {
        const struct fault_config *f = &s->fault[i];

        must(f->group && f->first >= 0 && f->count >= 0 && f->at < s->run.warm_up + s->run.length);
        must(f->until == 0 || f->until > f->at);
    }
}

static void read_one(const char *path, const struct scenario_override *o, unsigned n)
{
    static const struct scenario nothing;
    struct scenario s;
    char err[P2P_ERRLEN] = "";

    if (scenario_read(&s, path, o, n, err)) {
        must(err[0] && memchr(err, '\0', sizeof(err)));
        must(memcmp(&s, &nothing, sizeof(s)) == 0);
        return;
    }
    check(&s);
    scenario_release(&s);
    must(memcmp(&s, &nothing, sizeof(s)) == 0);
}

static void read_sweep(const char *path, struct scenario_override *o, unsigned n)
{
    static const struct sweep nothing;
    struct sweep s;
    char err[P2P_ERRLEN] = "", label[100];

    if (sweep_read(&s, path, o, n, err)) {
        must(err[0] && memchr(err, '\0', sizeof(err)));
        must(memcmp(&s, &nothing, sizeof(s)) == 0);
        return;
    }
    must(s.n_points >= 1 && s.n_points <= SWEEP_MAX_POINTS && s.n_axes <= SWEEP_MAX_AXES);
    for (unsigned i = 0; i < MOST_POINTS && i < s.n_points && s.n_axes; i++) {
        unsigned point = s.n_points - 1 - i, set = sweep_point(&s, point, o + n);

        must(set == s.n_axes);
        sweep_label(&s, point, label, sizeof(label));
        must(strlen(label) < sizeof(label));
        read_one(path, o, n + set);
    }
    sweep_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[MOST_TEXT];
    struct scenario_override o[MOST_OVERRIDES + SWEEP_MAX_AXES];
    char path[32];
    unsigned n = split(data, &size, text, o);

    if (write_file(path, data, size))
        return 0;
    read_one(path, o, n);
    read_sweep(path, o, n);
    return 0;
}
