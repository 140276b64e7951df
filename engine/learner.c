#include "engine/learner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/private.h"

/* ---- spaces ---- */

int space_check(const struct p2p_space *s, const char *name, char err[P2P_ERRLEN])
{
    if (s->n_dims == 0 || s->n_dims > LEARNER_MOST_DIMS || s->n_actions == 0 ||
        s->n_actions > LEARNER_MOST_ACTIONS) {
        snprintf(err, P2P_ERRLEN,
                 "%s: its space has %u dimensions and %u actions; allowed: 1 to %d and 1 to %d",
                 name, s->n_dims, s->n_actions, LEARNER_MOST_DIMS, LEARNER_MOST_ACTIONS);
        return -1;
    }
    if (!s->lo || !s->hi) {
        snprintf(err, P2P_ERRLEN, "%s: its space has no bounds; both lo and hi are required", name);
        return -1;
    }
    for (uint32_t k = 0; k < s->n_dims; k++)
        if (!isfinite(s->lo[k]) || !isfinite(s->hi[k]) || s->lo[k] > s->hi[k]) {
            snprintf(err, P2P_ERRLEN,
                     "%s: dimension %u of its space goes from %g to %g; allowed: finite numbers, "
                     "the lower one first",
                     name, k, (double)s->lo[k], (double)s->hi[k]);
            return -1;
        }
    return 0;
}

bool space_alike(const struct p2p_space *a, const struct p2p_space *b)
{
    return a->n_dims == b->n_dims && a->n_actions == b->n_actions;
}

bool space_same(const struct p2p_space *a, const struct p2p_space *b)
{
    if (!space_alike(a, b))
        return false;
    for (uint32_t k = 0; k < a->n_dims; k++)
        if (a->lo[k] < b->lo[k] || a->lo[k] > b->lo[k] || a->hi[k] < b->hi[k] ||
            a->hi[k] > b->hi[k])
            return false;
    return true;
}

static int copy_space(struct learner *l, const struct p2p_space *space, char *err)
{
    uint32_t n = space->n_dims;

    l->bounds = calloc(n, 2 * sizeof(*l->bounds));
    if (!l->bounds) {
        snprintf(err, P2P_ERRLEN, "%s: out of memory", l->g.name);
        return -1;
    }
    memcpy(l->bounds, space->lo, n * sizeof(*l->bounds));
    memcpy(l->bounds + n, space->hi, n * sizeof(*l->bounds));
    l->space = (struct p2p_space){.size = sizeof(l->space),
                                  .n_dims = n,
                                  .n_actions = space->n_actions,
                                  .lo = l->bounds,
                                  .hi = l->bounds + n};
    return 0;
}

/* ---- services ---- */

static struct learner *at_work(const struct p2p_host *h)
{
    struct learner *l = h->ctx;

    return l->g.started && !l->g.may_alloc && l->engine ? l : NULL;
}

static bool host_http(const struct p2p_host *h, const struct p2p_http_request *request)
{
    struct learner *l = at_work(h);

    return l && l->ops.answered && l->g.world->http(l->g.world_ctx, l->g.generation, request);
}

static bool host_choose(const struct p2p_host *h, uint64_t episode, const struct p2p_choice *choice)
{
    struct learner *l = at_work(h);

    return l && learning_choose(l, episode, choice);
}

/* ---- life ---- */

struct learner *learner_new(const struct world *world, void *ctx, struct catalog_learner *hit,
                            const struct selection *s, char err[P2P_ERRLEN])
{
    struct learner *l = calloc(1, sizeof(*l));
    uint32_t size = hit->learner->size;
    struct guest_ops ops;

    if (!l) {
        module_unref(hit->module);
        snprintf(err, P2P_ERRLEN, "%s: out of memory", s->name);
        return NULL;
    }
    memcpy(&l->ops, hit->learner, size < sizeof(l->ops) ? size : sizeof(l->ops));
    ops = (struct guest_ops){.name = l->ops.name,
                             .state_format = l->ops.state_format,
                             .params = l->ops.params,
                             .instance_size = l->ops.instance_size,
                             .fini = l->ops.fini,
                             .save = l->ops.save,
                             .load = l->ops.load,
                             .params_changed = l->ops.params_changed};
    if (guest_init(&l->g, world, ctx, hit->module, &ops, s, NULL, err)) {
        learner_free(l);
        return NULL;
    }
    l->g.host.http = host_http;
    l->g.host.choose = host_choose;
    return l;
}

int learner_start(struct learner *l, const struct p2p_space *space, char err[P2P_ERRLEN])
{
    char why[P2P_ERRLEN] = "";
    int rc;

    if (copy_space(l, space, err))
        return -1;
    guest_starting(&l->g);
    rc = l->ops.init ? l->ops.init(l->g.self, &l->g.host, &l->space, why) : 0;
    why[sizeof(why) - 1] = '\0';
    return guest_started(&l->g, rc, why, err);
}

void learner_free(struct learner *l)
{
    guest_end(&l->g);
    episodes_free(l->episodes);
    free(l->bounds);
    free(l);
}
