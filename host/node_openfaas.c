/*
 * node_openfaas.c - what the OpenFaaS gateway behind a node lists, the node offers.
 */
#include <stdlib.h>
#include <string.h>

#include "host/log.h"
#include "host/node.h"
#include "host/runtimes/openfaas_gateway.h"

/* A function that is offered already keeps its configuration; NULL when memory is short. */
static struct shared_config *offer_of(const struct function_offers *before, const char *name,
                                      bool *is_new)
{
    struct shared_config *c;
    char err[P2P_ERRLEN];

    for (unsigned i = 0; i < before->n; i++)
        if (strcmp(before->list[i]->config.function[0].name, name) == 0)
            return shared_config_ref(before->list[i]);
    c = calloc(1, sizeof(*c));
    if (!c || config_make_function(&c->config, name, FUNCTION_OPENFAAS, err)) {
        free(c);
        return NULL;
    }
    c->refs = 1;
    *is_new = true;
    return c;
}

static void release(struct function_offers *o)
{
    for (unsigned i = 0; i < o->n; i++)
        shared_config_unref(o->list[i]);
    free(o->list);
}

static void offer(struct node *n, const struct openfaas_list *list)
{
    const struct function_offers *before = &n->offers[FROM_GATEWAY];
    struct function_offers now = {.list = calloc(list->n + 1, sizeof(struct shared_config *))};
    char err[P2P_ERRLEN] = "out of memory";
    bool changed = list->n != before->n;

    while (now.list && now.n < list->n) {
        struct shared_config *c = offer_of(before, list->entry[now.n].name, &changed);

        if (!c)
            goto fail;
        now.list[now.n++] = c;
    }
    if (!now.list)
        goto fail;
    if (!changed) {
        release(&now);
    } else {
        if (node_offer(n, FROM_GATEWAY, now, err))
            goto fail;
        log_event(LOG_INFO, "functions of the OpenFaaS gateway changed",
                  LOG_INT("functions", list->n));
    }
    n->openfaas_refused = false;
    return;
fail:
    release(&now);
    if (!n->openfaas_refused)
        log_event(LOG_ERROR, "functions of the OpenFaaS gateway cannot be offered",
                  LOG_STR("why", err));
    n->openfaas_refused = true;
}

static void on_listed(void *ctx)
{
    struct node *n = ctx;

    if (n->stopping || !n->openfaas_offers)
        return;
    pthread_mutex_lock(&n->admin);
    offer(n, openfaas_listed(n->openfaas));
    pthread_mutex_unlock(&n->admin);
}

int node_openfaas_init(struct node *n, const struct openfaas_config *c, char err[P2P_ERRLEN])
{
    if (!c->gateway[0])
        return 0;
    n->openfaas = openfaas_new(&n->shards[0].reactor, c);
    if (!n->openfaas) {
        snprintf(err, P2P_ERRLEN, "openfaas: out of memory");
        return -1;
    }
    n->openfaas_offers = c->offer;
    n->shards[0].reactor.openfaas = n->openfaas;
    return 0;
}

void node_openfaas_start(struct node *n)
{
    if (n->openfaas)
        openfaas_start(n->openfaas, on_listed, n);
}

void node_openfaas_quiesce(struct node *n)
{
    if (n->openfaas)
        openfaas_end_removals(n->openfaas);
}

void node_openfaas_stop(struct node *n)
{
    if (n->openfaas)
        openfaas_stop(n->openfaas);
}
