/*
 * openfaas_private.h - what openfaas_gateway.c (its list), openfaas_deploy.c (what is deployed
 * there), openfaas_scale.c and openfaas_remove.c share.
 */
#ifndef HOST_OPENFAAS_PRIVATE_H
#define HOST_OPENFAAS_PRIVATE_H

#include "host/curl_loop.h"
#include "host/runtimes/openfaas_gateway.h"
#include "host/url.h"

enum { OPENFAAS_BASE = URL_AUTHORITY + URL_PATH + 16, OPENFAAS_URL = OPENFAAS_BASE + 160 };

struct openfaas_deployment;
struct openfaas_scaling;
struct openfaas_removal;

struct openfaas {
    struct reactor *home;
    char base[OPENFAAS_BASE]; /* its URL, without slashes at the end */
    char namespace[CONFIG_MAX_NAME + 1];
    char *user, *password;
    char mark[40]; /* of this node in a Via field */
    struct headers via;
    double refresh, back_off; /* seconds */
    bool running;
    void (*listed)(void *ctx);
    void *ctx;
    struct curl_request ask;
    char ask_url[OPENFAAS_URL];
    ev_timer again;
    int last_status; /* of a list that failed */
    unsigned last_left_out;
    struct openfaas_removal *removals;
    pthread_mutex_t lock;
    /* Written by the home thread under the lock, read by others under it. */
    bool known, up; /* known: it has listed once */
    char why[P2P_ERRLEN];
    struct openfaas_list list;
    struct openfaas_deployment *deployments;
    struct openfaas_scaling *scalings;
    unsigned n_scalings;
    struct openfaas_stats stats;
};

/* Begins a request to PATH with a body that is JSON. */
int openfaas_request(struct openfaas *o, struct curl_request *r, char url[OPENFAAS_URL],
                     const char *method, const char *path, const char *body);
/* 200, 201 or 202. */
bool openfaas_is_taken(const struct curl_request *r);
/* It is no such answer: why. */
void openfaas_explain(const struct curl_request *r, struct buf *answer, char out[P2P_ERRLEN]);
/* Asks for the list in a moment. */
void openfaas_ask_soon(struct openfaas *o);
/* It is gone there: as if the last list did not have it; the next comes after `refresh`. */
void openfaas_take_out(struct openfaas *o, const char *name);

/* There is a new list. */
void openfaas_deploy_missing(struct openfaas *o);
/* Under the lock: how it is with the deployment of a function; "" = nothing to say. */
void openfaas_deploy_describe(const struct openfaas *o, const char *name, char *out, size_t size);
/* Is it being removed?  Nothing is deployed under its name until it left, or stayed. */
bool openfaas_is_leaving(const struct openfaas *o, const char *name);
/* What is deployed under that name is being removed; once it is gone it stays so. */
void openfaas_deploy_leaves(struct openfaas *o, const char *name);
void openfaas_deploy_left(struct openfaas *o, const char *name, bool is_gone);
void openfaas_deploy_stop(struct openfaas *o);
void openfaas_deploy_free(struct openfaas *o);

/* Under the lock: why the last wish was refused; "" = it was not. */
const char *openfaas_scale_refusal(const struct openfaas *o, const char *name);
void openfaas_scale_stop(struct openfaas *o);

#endif
