#include "tests/engine/support_learner.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char file[96], other_file[96];

static int add(const struct fake *f, const char *name, char to[96])
{
    char from[4096];

    snprintf(from, sizeof(from), "%s/%s.so", getenv("P2P_TEST_PLUGINS"), name);
    snprintf(to, 96, "%s/%s.so", f->folder, name);
    return symlink(from, to);
}

int pupil_setup(void **state)
{
    struct fake *f;

    if (fake_setup(state))
        return -1;
    f = *state;
    if (add(f, "pupil", file) || add(f, "outsider", other_file))
        return -1;
    return catalog_scan(f->catalog, NULL, NULL, f->err) == 2 ? 0 : -1;
}

int pupil_teardown(void **state)
{
    unlink(file);
    unlink(other_file);
    return fake_teardown(state);
}

int pupil_try_select(struct fake *f, const char *name, ...)
{
    const char *names[8], *values[8];
    struct selection s = {.name = name, .names = names, .values = values};
    va_list ap;

    va_start(ap, name);
    while (s.n < 8 && (names[s.n] = va_arg(ap, const char *)))
        values[s.n++] = va_arg(ap, const char *);
    va_end(ap);
    return engine_select_learner(f->engine, &s, f->err);
}

uint64_t pupil_ask(struct fake *f)
{
    struct fake_job j;
    uint64_t episode;

    memset(j.memory, 0, sizeof(j.memory));
    fake_begin(f, &j, 0);
    memcpy(&episode, j.memory, sizeof(episode));
    fake_end(&j, P2P_OUT_RAN);
    return episode;
}

void pupil_learn(struct fake *f)
{
    f->now += UINT64_C(100000000);
    engine_learn(f->engine);
}

struct learner_stats pupil_stats(struct fake *f)
{
    struct learner_stats stats;

    engine_learner_stats(f->engine, &stats);
    return stats;
}

struct engine_learner pupil_now(struct fake *f)
{
    struct engine_learner now;

    engine_learner_describe(f->engine, &now);
    return now;
}
