/*
 * openfaas_deploy.c - what a node deploys at an OpenFaaS gateway: functions with an image, of
 * its plugins.yaml and those that were deployed here.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "host/log.h"
#include "host/runtimes/openfaas_private.h"

enum { MOST_ANSWER = 64 << 10 };
/* An image may have to be fetched first. */
static const uint64_t DEPLOY_NS = 300000000000, CONNECT_NS = 60000000000;
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
    bool leaving;     /* it is being removed there */
    bool gone;        /* it was: whoever asked for that forgets it soon */
    bool deployed;    /* with these settings */
    uint64_t when_ns; /* that was */
    char why[160];    /* not; under the lock */
};

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
    if (openfaas_is_taken(r)) {
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
                                       .connect_ns = CONNECT_NS,
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

/* Until one that is deployed anew has taken over, or could not, two have its name: the newer
 * one, which comes first, counts. */
static struct openfaas_deployment *newest(const struct openfaas *o, const char *name)
{
    struct openfaas_deployment *d;

    LL_FOREACH(o->deployments, d)
    {
        if (strcmp(d->config->name, name) == 0)
            return d;
    }
    return NULL;
}

void openfaas_deploy_missing(struct openfaas *o)
{
    struct openfaas_deployment *d;

    LL_FOREACH(o->deployments, d)
    {
        const struct openfaas_entry *e = openfaas_list_find(&o->list, d->config->name);

        if (curl_request_is_open(&d->request) || d->gone || d != newest(o, d->config->name) ||
            openfaas_is_leaving(o, d->config->name))
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
    const struct openfaas_deployment *d = newest(o, name);

    snprintf(out, size, "%s%s", d && d->why[0] ? "it cannot be deployed: " : "", d ? d->why : "");
}

static void cancel(struct openfaas_deployment *d)
{
    curl_request_cancel(&d->request);
    cJSON_free(d->body);
    d->body = NULL;
}

int openfaas_deploy(struct openfaas *o, const struct function_config *f)
{
    struct openfaas_deployment *d = calloc(1, sizeof(*d)), *older = newest(o, f->name);

    if (!d || openfaas_settings(f, d->settings)) {
        free(d);
        return -1;
    }
    d->openfaas = o;
    d->config = f;
    if (older)
        cancel(older); /* it might come last */
    pthread_mutex_lock(&o->lock);
    LL_PREPEND(o->deployments, d);
    pthread_mutex_unlock(&o->lock);
    openfaas_ask_soon(o);
    return 0;
}

void openfaas_deploy_leaves(struct openfaas *o, const char *name)
{
    struct openfaas_deployment *d;

    LL_FOREACH(o->deployments, d)
    {
        if (strcmp(d->config->name, name) == 0) {
            cancel(d);
            d->leaving = true;
        }
    }
}

void openfaas_deploy_left(struct openfaas *o, const char *name, bool is_gone)
{
    struct openfaas_deployment *d;

    LL_FOREACH(o->deployments, d)
    {
        if (!d->leaving || strcmp(d->config->name, name) != 0)
            continue;
        d->leaving = false;
        d->gone = is_gone;
    }
}

void openfaas_redeploy(struct openfaas *o, const char *name)
{
    struct openfaas_deployment *d;

    LL_FOREACH(o->deployments, d)
    {
        if (d->gone && strcmp(d->config->name, name) == 0)
            d->gone = d->deployed = false;
    }
}

static void drop(struct openfaas_deployment *d)
{
    struct openfaas *o = d->openfaas;

    cancel(d);
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

/* ---- the end ---- */

void openfaas_deploy_stop(struct openfaas *o)
{
    struct openfaas_deployment *d;

    LL_FOREACH(o->deployments, d)
    {
        cancel(d);
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
