/*
 * openfaas_deploy.c - what a node changes at an OpenFaaS gateway: it deploys functions of
 * its plugins.yaml, and scales.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "host/log.h"
#include "host/runtimes/openfaas_private.h"

enum { MOST_ANSWER = 64 << 10, MOST_SCALINGS = 64 };
/* An image may have to be fetched first. */
static const uint64_t DEPLOY_NS = 300000000000, SCALE_NS = 60000000000;
/* It may take a while until what was deployed is listed. */
static const uint64_t LISTED_WITHIN_NS = 30000000000;

struct openfaas_deployment {
    struct openfaas *openfaas;
    struct openfaas_deployment *next;
    const struct function_config *config;
    char settings[SETTINGS_HASH];
    struct curl_request request;
    char url[OPENFAAS_URL];
    char *body;
    bool is_new;      /* the gateway does not know it: POST */
    bool deployed;    /* with these settings */
    uint64_t when_ns; /* that was */
    char why[160];    /* not; under the lock */
};

struct openfaas_scaling {
    struct openfaas *openfaas;
    struct openfaas_scaling *next, *prev;
    char name[CONFIG_MAX_NAME + 1];
    unsigned replicas;
    struct curl_request request;
    char url[OPENFAAS_URL];
    char *body;
};

static bool is_taken(const struct curl_request *r)
{
    return r->complete && (r->status == 200 || r->status == 201 || r->status == 202);
}

/* ---- deploying ---- */

static void set_why(struct openfaas_deployment *d, const char *why)
{
    pthread_mutex_lock(&d->openfaas->lock);
    snprintf(d->why, sizeof(d->why), "%s", why);
    pthread_mutex_unlock(&d->openfaas->lock);
}

static void fail(struct openfaas_deployment *d, const char *why)
{
    bool is_news = !d->why[0];

    set_why(d, why);
    pthread_mutex_lock(&d->openfaas->lock);
    d->openfaas->stats.deployments_failed++;
    pthread_mutex_unlock(&d->openfaas->lock);
    if (is_news)
        log_event(LOG_WARN, "function cannot be deployed", LOG_STR("function", d->config->name),
                  LOG_STR("gateway", d->openfaas->base), LOG_STR("why", why));
}

static void succeed(struct openfaas_deployment *d)
{
    d->deployed = true;
    d->when_ns = clock_ns();
    set_why(d, "");
    pthread_mutex_lock(&d->openfaas->lock);
    d->openfaas->stats.deployed++;
    pthread_mutex_unlock(&d->openfaas->lock);
    log_event(LOG_INFO, "function is deployed", LOG_STR("function", d->config->name),
              LOG_STR("gateway", d->openfaas->base), LOG_STR("image", d->config->image));
    openfaas_ask_soon(d->openfaas);
}

static void put(struct openfaas_deployment *d);

static void on_deployed(struct curl_request *r, struct buf *answer)
{
    struct openfaas_deployment *d = r->owner;
    char why[P2P_ERRLEN];

    cJSON_free(d->body);
    d->body = NULL;
    if (is_taken(r)) {
        succeed(d);
    } else if (r->complete && r->status == 404 && !d->is_new) {
        d->is_new = true;
        put(d);
    } else {
        openfaas_explain(r, answer, why);
        fail(d, why);
    }
}

static void put(struct openfaas_deployment *d)
{
    struct openfaas *o = d->openfaas;

    d->body = openfaas_deploy_body(d->config, o->namespace, d->settings);
    d->request = (struct curl_request){.most = MOST_ANSWER,
                                       .connect_ns = SCALE_NS,
                                       .timeout_ns = DEPLOY_NS,
                                       .done = on_deployed,
                                       .owner = d};
    if (!d->body || openfaas_request(o, &d->request, d->url, d->is_new ? "POST" : "PUT",
                                     "/system/functions", d->body)) {
        cJSON_free(d->body);
        d->body = NULL;
        fail(d, "out of memory or of descriptors");
    }
}

/* One that somebody else has changed since is left alone: two nodes that want different
 * things of a function would change it for ever. */
static bool is_missing(const struct openfaas_deployment *d, const struct openfaas_entry *e)
{
    if (!d->deployed)
        return true;
    return !e && clock_ns() - d->when_ns > LISTED_WITHIN_NS;
}

void openfaas_deploy_missing(struct openfaas *o)
{
    struct openfaas_deployment *d;

    LL_FOREACH(o->deployments, d)
    {
        const struct openfaas_entry *e = openfaas_list_find(&o->list, d->config->name);

        if (curl_request_is_open(&d->request))
            continue;
        if (e && !d->deployed && strcmp(e->settings, d->settings) == 0) {
            d->deployed = true;
            set_why(d, "");
        } else if (is_missing(d, e)) {
            d->is_new = false;
            put(d);
        }
    }
}

void openfaas_deploy_describe(const struct openfaas *o, const char *name, char *out, size_t size)
{
    const struct openfaas_deployment *d;

    out[0] = '\0';
    LL_FOREACH(o->deployments, d)
    {
        if (strcmp(d->config->name, name) == 0 && d->why[0])
            snprintf(out, size, "it cannot be deployed: %s", d->why);
    }
}

int openfaas_deploy(struct openfaas *o, const struct function_config *f)
{
    struct openfaas_deployment *d = calloc(1, sizeof(*d));

    if (!d || openfaas_settings(f, d->settings)) {
        free(d);
        return -1;
    }
    d->openfaas = o;
    d->config = f;
    pthread_mutex_lock(&o->lock);
    LL_PREPEND(o->deployments, d);
    pthread_mutex_unlock(&o->lock);
    openfaas_ask_soon(o);
    return 0;
}

static void drop(struct openfaas_deployment *d)
{
    struct openfaas *o = d->openfaas;

    curl_request_cancel(&d->request);
    cJSON_free(d->body);
    pthread_mutex_lock(&o->lock);
    LL_DELETE(o->deployments, d);
    pthread_mutex_unlock(&o->lock);
    free(d);
}

void openfaas_forget(struct openfaas *o, const struct function_config *f)
{
    struct openfaas_deployment *d, *next;

    LL_FOREACH_SAFE(o->deployments, d, next)
    {
        if (d->config == f)
            drop(d);
    }
}

/* ---- scaling ---- */

static void end_scaling(struct openfaas_scaling *s)
{
    curl_request_cancel(&s->request);
    DL_DELETE(s->openfaas->scalings, s);
    s->openfaas->n_scalings--;
    cJSON_free(s->body);
    free(s);
}

static void on_scaled(struct curl_request *r, struct buf *answer)
{
    struct openfaas_scaling *s = r->owner;
    char why[P2P_ERRLEN];

    if (is_taken(r)) {
        log_event(LOG_INFO, "function is scaled", LOG_STR("function", s->name),
                  LOG_INT("replicas", s->replicas));
        openfaas_ask_soon(s->openfaas);
    } else {
        openfaas_explain(r, answer, why);
        log_event(LOG_WARN, "function cannot be scaled", LOG_STR("function", s->name),
                  LOG_INT("replicas", s->replicas), LOG_STR("why", why));
    }
    end_scaling(s);
}

int openfaas_scale(struct openfaas *o, const char *name, unsigned replicas, char err[P2P_ERRLEN])
{
    struct openfaas_scaling *s;
    char path[128];

    if (!o->running || !o->up || o->n_scalings >= MOST_SCALINGS ||
        !openfaas_list_find(&o->list, name)) {
        snprintf(err, P2P_ERRLEN, "function '%s': the OpenFaaS gateway %s", name,
                 !o->running || !o->up            ? "is away"
                 : o->n_scalings >= MOST_SCALINGS ? "has as much to do as it may"
                                                  : "does not list it");
        return -1;
    }
    s = calloc(1, sizeof(*s));
    if (!s)
        goto fail;
    s->openfaas = o;
    s->replicas = replicas;
    snprintf(s->name, sizeof(s->name), "%s", name);
    DL_APPEND(o->scalings, s);
    o->n_scalings++;
    s->body = openfaas_scale_body(name, o->namespace, replicas);
    s->request = (struct curl_request){.most = MOST_ANSWER,
                                       .connect_ns = SCALE_NS,
                                       .timeout_ns = SCALE_NS,
                                       .done = on_scaled,
                                       .owner = s};
    snprintf(path, sizeof(path), "/system/scale-function/%s", name);
    if (s->body && openfaas_request(o, &s->request, s->url, "POST", path, s->body) == 0)
        return 0;
    end_scaling(s);
fail:
    snprintf(err, P2P_ERRLEN, "function '%s': out of memory or of descriptors", name);
    return -1;
}

/* ---- the end ---- */

void openfaas_deploy_stop(struct openfaas *o)
{
    struct openfaas_deployment *d;
    struct openfaas_scaling *s, *next;

    LL_FOREACH(o->deployments, d)
    {
        curl_request_cancel(&d->request);
    }
    DL_FOREACH_SAFE(o->scalings, s, next)
    {
        end_scaling(s);
    }
}

void openfaas_deploy_free(struct openfaas *o)
{
    struct openfaas_deployment *d, *next;

    LL_FOREACH_SAFE(o->deployments, d, next)
    {
        drop(d);
    }
}
