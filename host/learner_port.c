/*
 * learner_port.c - learner.port, where the learner answers as that of the original P2PFaaS does.
 */
#include "host/log.h"
#include "host/node.h"
#include "host/route.h"

enum { CONNECTIONS = 256 };

int node_learner_listen(struct node *n, char err[P2P_ERRLEN])
{
    const struct config *c = &n->config->config;
    struct shard *s = &n->shards[0];
    struct engine_learner learner;
    struct endpoint at;
    int fd;

    /* One that works outside is asked there, which may be at this very port. */
    engine_learner_describe(n->engine, &learner);
    if (!c->learner.plugin[0] || c->learner.port == 0 || learner.outside)
        return 0;
    if (endpoint_parse(&at, c->node.listen, (uint16_t)c->learner.port, err))
        return -1;
    fd = listener_open(&at, false, "learner.port, which 0 switches off", err);
    if (fd < 0 ||
        listener_start(&s->listener[SHARD_LEARNER], s, &learner_routes, fd, CONNECTIONS, err))
        return -1;
    log_event(LOG_INFO, "the learner is served as the original's", LOG_STR("address", at.text));
    return 0;
}
