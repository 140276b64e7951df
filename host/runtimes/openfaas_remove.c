/*
 * openfaas_remove.c - functions are taken away from an OpenFaaS gateway.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "host/log.h"
#include "host/runtimes/openfaas_private.h"

enum { MOST_ANSWER = 64 << 10 };
/* Its client waits for it. */
static const uint64_t REMOVE_NS = 20000000000;

struct openfaas_removal {
    struct openfaas *openfaas;
    struct openfaas_removal *next, *prev;
    char name[CONFIG_MAX_NAME + 1];
    openfaas_removed *done;
    void *owner;
    struct curl_request request;
    char url[OPENFAAS_URL];
    char *body;
};

static void free_removal(struct openfaas_removal *r)
{
    curl_request_cancel(&r->request);
    DL_DELETE(r->openfaas->removals, r);
    cJSON_free(r->body);
    free(r);
}

bool openfaas_is_leaving(const struct openfaas *o, const char *name)
{
    const struct openfaas_removal *r;

    DL_FOREACH(o->removals, r)
    {
        if (strcmp(r->name, name) == 0)
            return true;
    }
    return false;
}

static void end(struct openfaas_removal *r, int status, const char *why)
{
    openfaas_removed *done = r->done;
    void *owner = r->owner;
    bool is_gone = !why || status == 404;

    openfaas_deploy_left(r->openfaas, r->name, is_gone);
    if (is_gone)
        openfaas_take_out(r->openfaas, r->name);
    free_removal(r);
    done(owner, status, why);
}

static void on_removed(struct curl_request *request, struct buf *answer)
{
    struct openfaas_removal *r = request->owner;
    char why[P2P_ERRLEN];

    if (openfaas_is_taken(request)) {
        log_event(LOG_INFO, "function is removed", LOG_STR("function", r->name),
                  LOG_STR("gateway", r->openfaas->base));
        end(r, request->status, NULL);
        return;
    }
    openfaas_explain(request, answer, why);
    log_event(LOG_WARN, "function cannot be removed", LOG_STR("function", r->name),
              LOG_STR("gateway", r->openfaas->base), LOG_STR("why", why));
    end(r, request->complete ? request->status : 0, why);
}

int openfaas_remove(struct openfaas *o, const char *name, openfaas_removed *done, void *owner)
{
    struct openfaas_removal *r = o->running ? calloc(1, sizeof(*r)) : NULL;

    if (!r)
        return -1;
    r->openfaas = o;
    r->done = done;
    r->owner = owner;
    snprintf(r->name, sizeof(r->name), "%s", name);
    DL_APPEND(o->removals, r);
    r->body = openfaas_remove_body(name, o->namespace);
    r->request = (struct curl_request){.most = MOST_ANSWER,
                                       .connect_ns = REMOVE_NS,
                                       .timeout_ns = REMOVE_NS,
                                       .done = on_removed,
                                       .owner = r};
    if (!r->body ||
        openfaas_request(o, &r->request, r->url, "DELETE", "/system/functions", r->body)) {
        free_removal(r);
        return -1;
    }
    openfaas_deploy_leaves(o, name);
    return 0;
}

void openfaas_end_removals(struct openfaas *o)
{
    struct openfaas_removal *r, *next;

    DL_FOREACH_SAFE(o->removals, r, next)
    {
        end(r, 0, "the node is stopping");
    }
}
