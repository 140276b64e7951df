#include "tests/plugins/mock_learner.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct learner *shell_of(const struct p2p_module *module, const char *settings)
{
    struct learner *l = calloc(1, sizeof(*l));
    const struct p2p_scheduler *list[2] = {NULL, NULL};
    struct p2p_module fake = *module;

    assert_non_null(l);
    l->ops = module->learners[0];
    l->shell = (struct p2p_scheduler){.size = sizeof(l->shell),
                                      .name = l->ops->name,
                                      .params = l->ops->params,
                                      .instance_size = l->ops->instance_size,
                                      .fini = l->ops->fini};
    list[0] = &l->shell;
    fake.schedulers = list;
    l->m = mock_new(&fake, settings);
    return l;
}

struct p2p_space learner_box(uint32_t dims, uint32_t actions, float low, float high)
{
    static float lo[8], hi[8];

    for (unsigned i = 0; i < 8; i++) {
        lo[i] = low;
        hi[i] = high;
    }
    return (struct p2p_space){sizeof(struct p2p_space), dims, actions, 0, lo, hi};
}

/* Bounds are given in blocks of their own, and taken away afterwards. */
static int start(struct learner *l, const struct p2p_space *space, char *err)
{
    size_t size = space->n_dims * sizeof(float);
    struct p2p_space copy = *space;
    float *lo = malloc(size + 1), *hi = malloc(size + 1);
    int rc;

    assert_true(lo && hi);
    memcpy(lo, space->lo, size);
    memcpy(hi, space->hi, size);
    copy.lo = lo;
    copy.hi = hi;
    l->n_dims = space->n_dims;
    rc = l->ops->init(l->m->self, &l->m->host, &copy, err);
    free(lo);
    free(hi);
    return rc;
}

struct learner *learner_new(const struct p2p_module *module, const struct p2p_space *space,
                            const char *settings)
{
    struct learner *l = shell_of(module, settings);
    char err[P2P_ERRLEN] = "";

    if (start(l, space, err))
        fail_msg("%s: init failed: %s", l->ops->name, err);
    return l;
}

void learner_refused(const struct p2p_module *module, const struct p2p_space *space,
                     const char *settings, char err[P2P_ERRLEN])
{
    struct learner *l = shell_of(module, settings);

    err[0] = '\0';
    assert_int_equal(start(l, space, err), -1);
    l->shell.fini = NULL;
    learner_free(l);
}

void learner_free(struct learner *l)
{
    mock_free(l->m);
    free(l);
}

struct p2p_choice learner_act(struct learner *l, const float *state, uint64_t mask)
{
    struct p2p_choice choice = {.episode = ++l->episode};

    l->ops->act(l->m->self, state, mask, &choice);
    assert_int_equal(choice.episode, l->episode);
    return choice;
}

void learner_learn(struct learner *l, const float *state, uint32_t action, float reward,
                   const float *next)
{
    struct p2p_transition t = {
        .episode = ++l->episode, .state = state, .next = next, .action = action, .reward = reward};

    l->ops->learn(l->m->self, &t, 1);
}

void learner_set(struct learner *l, const char *name, double value)
{
    for (const struct p2p_param *p = l->ops->params; p->name; p++) {
        char *at = (char *)l->m->self + p->offset;
        int64_t integer = (int64_t)value;

        if (strcmp(p->name, name) != 0)
            continue;
        assert_true(p->flags & P2P_PARAM_LIVE);
        memcpy(at, p->type == P2P_NUM ? (void *)&value : (void *)&integer, 8);
        l->ops->params_changed(l->m->self);
        return;
    }
    fail_msg("no parameter %s", name);
}

static const struct mock_metric *metric(const struct learner *l, const char *name)
{
    for (unsigned i = 0; i < l->m->n_metrics; i++)
        if (strcmp(l->m->metric[i].name, name) == 0)
            return &l->m->metric[i];
    fail_msg("no metric %s", name);
    return NULL;
}

double learner_gauge(const struct learner *l, const char *name)
{
    return metric(l, name)->gauge;
}

uint64_t learner_count(const struct learner *l, const char *name)
{
    return metric(l, name)->counter;
}

/* ---- bytes ---- */

static int64_t bytes_write(struct p2p_stream *s, const void *from, uint64_t n)
{
    struct bytes *b = s->ctx;

    if (b->fails_at && b->n + n > b->fails_at)
        return -1;
    b->data = realloc(b->data, b->n + n + 1);
    assert_non_null(b->data);
    memcpy(b->data + b->n, from, n);
    b->n += n;
    return (int64_t)n;
}

static int64_t bytes_read(struct p2p_stream *s, void *to, uint64_t n)
{
    struct bytes *b = s->ctx;

    if (n > b->n - b->at)
        n = b->n - b->at;
    if (n)
        memcpy(to, b->data + b->at, n);
    b->at += n;
    return (int64_t)n;
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

struct p2p_stream bytes_writer(struct bytes *b)
{
    b->n = 0;
    return (struct p2p_stream){.ctx = b, .write = bytes_write};
}

struct p2p_stream bytes_reader(struct bytes *b)
{
    b->at = 0;
    return (struct p2p_stream){.ctx = b, .read = bytes_read};
}
