#include "engine/instance.h"

#include <stdlib.h>
#include <string.h>

#include "engine/private.h"

static struct instance *instance_of(const struct p2p_host *h)
{
    return h->ctx;
}

static bool host_act(const struct p2p_host *h, const float *state, uint64_t mask,
                     struct p2p_choice *out)
{
    return learning_act(instance_of(h), state, mask, out);
}

static void host_reward(const struct p2p_host *h, uint64_t episode, float reward, const float *next)
{
    learning_reward(instance_of(h), episode, reward, next);
}

static bool host_tell(const struct p2p_host *h, uint32_t peer, const void *message, uint32_t len)
{
    struct guest *g = &instance_of(h)->g;

    if (!g->started || g->may_alloc || len == 0 || len > P2P_MESSAGE_MAX)
        return false;
    return g->world->tell(g->world_ctx, peer, g->ops.name, message, len);
}

static int ask_space(struct instance *i, char *err)
{
    if (!i->ops.space)
        return 0;
    i->has_space = true;
    i->space.size = sizeof(i->space);
    i->ops.space(i->g.self, &i->space);
    return space_check(&i->space, i->g.name, err);
}

int instance_start(struct instance *i, char err[P2P_ERRLEN])
{
    char why[P2P_ERRLEN] = "";
    int rc;

    guest_starting(&i->g);
    rc = i->ops.init ? i->ops.init(i->g.self, &i->g.host, why) : 0;
    why[sizeof(why) - 1] = '\0';
    if (rc == 0)
        i->n_probes = i->ops.probes ? i->ops.probes(i->g.self) : i->ops.max_probes;
    if (i->n_probes > i->ops.max_probes)
        i->n_probes = i->ops.max_probes;
    if (guest_started(&i->g, rc, why, err))
        return -1;
    return ask_space(i, err);
}

struct instance *instance_new(const struct world *world, void *ctx, struct catalog_hit *hit,
                              const struct selection *s, char err[P2P_ERRLEN])
{
    struct instance *i = calloc(1, sizeof(*i));
    uint32_t size = hit->scheduler->size;
    struct guest_ops ops;

    if (!i) {
        module_unref(hit->module);
        snprintf(err, P2P_ERRLEN, "%s: out of memory", s->name);
        return NULL;
    }
    memcpy(&i->ops, hit->scheduler, size < sizeof(i->ops) ? size : sizeof(i->ops));
    ops = (struct guest_ops){.name = i->ops.name,
                             .state_format = i->ops.state_format,
                             .params = i->ops.params,
                             .instance_size = i->ops.instance_size,
                             .fini = i->ops.fini,
                             .save = i->ops.save,
                             .load = i->ops.load,
                             .params_changed = i->ops.params_changed};
    if (guest_init(&i->g, world, ctx, hit->module, &ops, s, hit->alias, err)) {
        instance_free(i);
        return NULL;
    }
    i->g.host.act = host_act;
    i->g.host.reward = host_reward;
    i->g.host.tell = host_tell;
    return i;
}

void instance_free(struct instance *i)
{
    guest_end(&i->g);
    if (i->orphan)
        learner_free(i->orphan);
    free(i);
}
