/*
 * scale.c - POST /system/scale-function/NAME: so many replicas of a function are wanted.
 *
 *   {"serviceName":"resize","replicas":3,"namespace":"openfaas-fn"}
 *
 * 202 says that the wish is taken; what came of it shows later.  Of a function of plugins.yaml
 * more than replicas_max is a 400, of a deployed one it is as many as that.
 */
#include <math.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/api.h"
#include "host/later.h"
#include "host/log.h"
#include "host/node.h"
#include "host/route.h"

enum { MOST_REPLICAS = 1000000, NAME_SHOWN = 63 };

struct function *api_scalable(struct exchange *x)
{
    struct shard *s = x->shard;
    size_t len = strcspn(x->rest, "/?");
    struct function *f = function_table_resolve(s->functions, x->rest, len, s->node->domain);
    char known[512];

    function_table_names(s->functions, known, sizeof(known));
    if (!f)
        exchange_error(
            x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND, "no function '%.*s' here; known: %s",
            (int)(len < NAME_SHOWN ? len : NAME_SHOWN), x->rest, known[0] ? known : "none");
    else if (!f->program)
        exchange_error(x, MHD_HTTP_BAD_GATEWAY, CODE_GENERIC, "function '%s' cannot be run: %s",
                       f->config->name, f->error);
    else if (!f->runtime->scale)
        exchange_error(x, MHD_HTTP_NOT_IMPLEMENTED, MHD_HTTP_NOT_IMPLEMENTED,
                       "function '%s' has the runtime %s, which cannot be scaled", f->config->name,
                       f->runtime->name);
    else
        return function_ref(f);
    return NULL;
}

/* ---- what is wanted ---- */

static int refuse(struct exchange *x, const char *what)
{
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                   "Passed input is not correct or malformed: %s", what);
    return -1;
}

/* As a gateway of OpenFaaS does for what is deployed there. */
static int within_reach(const struct function *f, double replicas)
{
    const struct function_config *c = f->config;
    bool is_clamped = f->origin == FROM_DEPLOYMENT && c->runtime == FUNCTION_DOCKER;

    return (int)(is_clamped && replicas > (double)c->replicas_max ? (double)c->replicas_max
                                                                  : replicas);
}

/* The number of replicas, or -1 with the exchange answered. */
static int read_wish(struct exchange *x, const cJSON *json, const struct function *f)
{
    const struct shard *s = x->shard;
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(json, "replicas");
    const char *service = api_text(json, "serviceName");

    if (!cJSON_IsObject(json))
        return refuse(x, "an object is expected, with serviceName and replicas");
    if (!cJSON_IsNumber(n) || n->valuedouble != floor(n->valuedouble) || n->valuedouble < 0 ||
        n->valuedouble > MOST_REPLICAS)
        return refuse(x, "replicas must be an integer from 0");
    if (service[0] &&
        function_table_resolve(s->functions, service, strlen(service), s->node->domain) != f)
        return refuse(x, "serviceName is another function than the path says");
    if (!api_is_own_namespace(x, api_text(json, "namespace")))
        return -1;
    return within_reach(f, n->valuedouble);
}

/* ---- the wish is told ---- */

struct wish {
    struct function *function;
    unsigned replicas;
};

static void answer(struct exchange *x)
{
    struct wish *w = x->later.held;

    function_unref(w->function);
    free(w);
    x->later.held = NULL;
    later_answer(x);
}

static void tell(struct exchange *x)
{
    const struct wish *w = x->later.held;
    const struct function *f = w->function;
    char err[P2P_ERRLEN];

    if (f->runtime->scale(f->program, w->replicas, err)) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT, "%s", err);
    } else {
        x->response.status = MHD_HTTP_ACCEPTED;
        log_event(LOG_INFO, "function scaled", LOG_STR("function", f->config->name),
                  LOG_INT("replicas", w->replicas));
    }
    answer(x);
}

void api_scale(struct exchange *x)
{
    struct function *f = api_scalable(x);
    cJSON *json = f ? api_body(x) : NULL;
    int replicas = json ? read_wish(x, json, f) : -1;
    struct wish *w = replicas >= 0 ? malloc(sizeof(*w)) : NULL;

    cJSON_Delete(json);
    if (!w) {
        if (replicas >= 0)
            exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "out of memory");
        function_unref(f);
        return;
    }
    *w = (struct wish){f, (unsigned)replicas};
    later_begin(x, NULL);
    x->later.held = w;
    later_move(x, f->home, tell);
}
