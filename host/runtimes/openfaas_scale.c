/*
 * openfaas_scale.c - functions are scaled at an OpenFaaS gateway.
 *
 * One request a function at a time: of two at once the gateway might take the older one last.
 * The newest wish waits behind the one that is under way; those between are not told at all.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "host/log.h"
#include "host/runtimes/openfaas_private.h"

enum { MOST_ANSWER = 64 << 10, MOST_SCALINGS = 64, WHY = 160 };
static const uint64_t SCALE_NS = 60000000000;

/* Under way, or refused: then it is kept until the next wish, or until its place is needed. */
struct openfaas_scaling {
    struct openfaas *openfaas;
    struct openfaas_scaling *next, *prev;
    char name[CONFIG_MAX_NAME + 1];
    unsigned replicas, then; /* asked for, and wanted when that has ended */
    struct curl_request request;
    char url[OPENFAAS_URL];
    char *body;
    char why[WHY]; /* it was refused; under the lock, as the list is */
};

static struct openfaas_scaling *find(const struct openfaas *o, const char *name)
{
    struct openfaas_scaling *s;

    DL_FOREACH(o->scalings, s)
    {
        if (strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

static void drop(struct openfaas_scaling *s)
{
    struct openfaas *o = s->openfaas;

    curl_request_cancel(&s->request);
    pthread_mutex_lock(&o->lock);
    DL_DELETE(o->scalings, s);
    o->n_scalings--;
    pthread_mutex_unlock(&o->lock);
    cJSON_free(s->body);
    free(s);
}

static void set_why(struct openfaas_scaling *s, const char *why)
{
    pthread_mutex_lock(&s->openfaas->lock);
    snprintf(s->why, sizeof(s->why), "%s", why);
    pthread_mutex_unlock(&s->openfaas->lock);
}

static int ask(struct openfaas_scaling *s);

static void on_scaled(struct curl_request *r, struct buf *answer)
{
    struct openfaas_scaling *s = r->owner;
    char why[P2P_ERRLEN] = "out of memory or of descriptors";
    bool is_taken = openfaas_is_taken(r);

    if (is_taken)
        log_event(LOG_INFO, "function is scaled", LOG_STR("function", s->name),
                  LOG_INT("replicas", s->replicas));
    else
        openfaas_explain(r, answer, why);
    if (s->then != s->replicas) {
        s->replicas = s->then;
        if (ask(s) == 0)
            return;
        is_taken = false;
    }
    if (is_taken) {
        openfaas_ask_soon(s->openfaas);
        drop(s);
        return;
    }
    set_why(s, why);
    log_event(LOG_WARN, "function cannot be scaled", LOG_STR("function", s->name),
              LOG_INT("replicas", s->replicas), LOG_STR("why", why));
}

static int ask(struct openfaas_scaling *s)
{
    char path[128];

    cJSON_free(s->body);
    s->body = openfaas_scale_body(s->name, s->openfaas->namespace, s->replicas);
    s->request = (struct curl_request){.most = MOST_ANSWER,
                                       .connect_ns = SCALE_NS,
                                       .timeout_ns = SCALE_NS,
                                       .done = on_scaled,
                                       .owner = s};
    snprintf(path, sizeof(path), "/system/scale-function/%s", s->name);
    return s->body ? openfaas_request(s->openfaas, &s->request, s->url, "POST", path, s->body) : -1;
}

/* One that was refused gives its place. */
static void make_room(struct openfaas *o)
{
    struct openfaas_scaling *s;

    if (o->n_scalings < MOST_SCALINGS)
        return;
    DL_FOREACH(o->scalings, s)
    {
        if (!curl_request_is_open(&s->request)) {
            drop(s);
            return;
        }
    }
}

static struct openfaas_scaling *add(struct openfaas *o, const char *name)
{
    struct openfaas_scaling *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->openfaas = o;
    snprintf(s->name, sizeof(s->name), "%s", name);
    pthread_mutex_lock(&o->lock);
    DL_APPEND(o->scalings, s);
    o->n_scalings++;
    pthread_mutex_unlock(&o->lock);
    return s;
}

int openfaas_scale(struct openfaas *o, const char *name, unsigned replicas, char err[P2P_ERRLEN])
{
    struct openfaas_scaling *s = find(o, name);

    if (!s)
        make_room(o);
    if (!o->running || !o->up || (!s && o->n_scalings >= MOST_SCALINGS) ||
        !openfaas_list_find(&o->list, name)) {
        snprintf(err, P2P_ERRLEN, "function '%s': the OpenFaaS gateway %s", name,
                 !o->running || !o->up                  ? "is away"
                 : !s && o->n_scalings >= MOST_SCALINGS ? "has as much to do as it may"
                                                        : "does not list it");
        return -1;
    }
    if (s && curl_request_is_open(&s->request)) {
        s->then = replicas;
        return 0;
    }
    if (!s && !(s = add(o, name)))
        goto fail;
    set_why(s, "");
    s->replicas = s->then = replicas;
    if (ask(s) == 0)
        return 0;
    drop(s);
fail:
    snprintf(err, P2P_ERRLEN, "function '%s': out of memory or of descriptors", name);
    return -1;
}

const char *openfaas_scale_refusal(const struct openfaas *o, const char *name)
{
    const struct openfaas_scaling *s = find(o, name);

    return s ? s->why : "";
}

void openfaas_scale_stop(struct openfaas *o)
{
    struct openfaas_scaling *s, *next;

    DL_FOREACH_SAFE(o->scalings, s, next)
    {
        drop(s);
    }
}
