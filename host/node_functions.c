/*
 * node_functions.c - which functions a node has: those of plugins.yaml, those that were
 * deployed, those of a gateway behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "host/log.h"
#include "host/node.h"
#include "host/runtimes/openfaas_gateway.h"

static void function_closed(void *ctx)
{
    struct node *n = ctx;

    n->programs--;
    if (n->closing && n->programs == 0)
        ev_break(n->shards[0].reactor.loop, EVBREAK_ALL);
}

struct function_table *node_make_functions(struct node *n, struct shared_config *file,
                                           char err[P2P_ERRLEN])
{
    struct function_offers from[FUNCTION_ORIGINS];
    bool is_reload = file != n->config;
    struct function_table *t;

    memcpy(from, n->offers, sizeof(from));
    from[FROM_FILE] = (struct function_offers){&file, 1};
    t = function_table_new(from, n->functions, is_reload, &n->names, &n->shards[0].reactor,
                           function_closed, n, err);
    if (t && node_try_schedulers(n, t, is_reload, err)) {
        function_table_unref(t);
        return NULL;
    }
    return t;
}

/* Each shard changes to the new table on its own thread. */
static void tell_shards(struct node *n)
{
    for (unsigned i = 0; i < n->n_shards; i++) {
        struct shard *s = &n->shards[i];

        if (!s->functions) {
            s->functions = function_table_ref(n->functions);
            continue;
        }
        if (!s->functions_posted)
            reactor_post(&s->reactor, &s->functions_changed);
        s->functions_posted = true;
    }
}

/* What is gone or was defined anew is no more deployed at the gateway, however long its calls
 * take to end. */
static void forget_deployments(struct node *n, const struct function_table *old)
{
    for (unsigned i = 0; n->openfaas && old && i < old->n; i++) {
        const struct function *f = old->entries[i].function;
        const char *name = f->config->name;

        if (function_table_find(n->functions, name, strlen(name)) != f)
            openfaas_forget(n->openfaas, f->config);
    }
}

void node_take_functions(struct node *n, struct function_table *t)
{
    struct function_table *old = n->functions;

    node_select_schedulers(n, t);
    for (unsigned i = 0; i < t->n; i++)
        slots_limit_share(&n->slots, &n->share[t->entries[i].function->id],
                          (uint32_t)t->entries[i].config->slots);
    /* Programs are counted from here until they are closed. */
    for (unsigned i = 0; i < t->n; i++) {
        struct function *f = t->entries[i].function;
        bool is_new = !f->counted;

        n->programs += is_new;
        f->counted = true;
        if (is_new && f->error[0])
            log_event(LOG_ERROR, "function cannot be run", LOG_STR("function", f->config->name),
                      LOG_STR("why", f->error));
    }
    async_take_functions(&n->async, t);
    if (t->left_out > (old ? old->left_out : 0))
        log_event(LOG_WARN,
                  "functions of the OpenFaaS gateway are left out: it has listed too many names "
                  "since the node started",
                  LOG_INT("left out", t->left_out), LOG_INT("names", FUNCTION_NAMES_OF_GATEWAY));
    n->functions = t;
    forget_deployments(n, old);
    function_table_unref(old);
    tell_shards(n);
}

static void release(struct function_offers *o)
{
    for (unsigned i = 0; i < o->n; i++)
        shared_config_unref(o->list[i]);
    free(o->list);
    *o = (struct function_offers){0};
}

int node_offer(struct node *n, enum function_origin origin, struct function_offers offers,
               char err[P2P_ERRLEN])
{
    struct function_offers before = n->offers[origin];
    struct function_table *table;

    n->offers[origin] = offers;
    table = node_make_functions(n, n->config, err);
    if (!table) {
        n->offers[origin] = before;
        return -1;
    }
    node_take_functions(n, table);
    release(&before);
    discovery_changed(n);
    return 0;
}

void node_release_offers(struct node *n)
{
    for (int o = 0; o < FUNCTION_ORIGINS; o++)
        release(&n->offers[o]);
}
