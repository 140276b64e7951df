/*
 * route.h - the REST surface: a table a port.
 */
#ifndef HOST_ROUTE_H
#define HOST_ROUTE_H

#include "host/access.h"

enum {
    ROUTE_GET = 1 << 0,
    ROUTE_POST = 1 << 1,
    ROUTE_PUT = 1 << 2,
    ROUTE_DELETE = 1 << 3,
    ROUTE_PATCH = 1 << 4,
    ROUTE_ANY = (1 << 5) - 1,
    ROUTE_CHANGES = 1 << 5,   /* not of a method: its GET changes something, too */
    ROUTE_TO_THE_END = 1 << 6 /* nor this: answered while the node stops too, always at once */
};

enum route_kind {
    ROUTE_ANSWER, /* answered at once by `answer` */
    ROUTE_JOB,    /* a job of a client */
    ROUTE_KEPT,   /* the same, run later: `answer` gets it, with its end-to-end headers */
    ROUTE_PEER,   /* a job of a peer */
    ROUTE_MESSAGE /* of a peer's scheduler; answered at once by `answer` */
};

struct route {
    const char *path; /* with a slash at its end: a prefix */
    unsigned methods; /* ROUTE_GET | … */
    enum route_kind kind;
    unsigned who; /* ACCESS_PEERS | …: who may call it; 0 = everyone */
    void (*answer)(struct exchange *x);
    const char *help;
};

/* What can be asked at one port. */
struct route_table {
    const struct route *routes;
    unsigned n;
};
extern const struct route_table node_routes;
/* Of learner.port, where answers are as the learner of the original gives them. */
extern const struct route_table learner_routes;

/* Do the headers that only nodes set count there? */
static inline bool route_is_of_peer(const struct route *r)
{
    return r->kind == ROUTE_PEER || r->kind == ROUTE_MESSAGE;
}

/* The route of a path (query excluded by length), or NULL. */
const struct route *route_find(const struct route_table *t, const char *path, size_t len);
unsigned route_method(const char *method); /* 0 when it is none of the above */
void route_allow(const struct route *r, char *out, size_t size); /* "GET, POST" */

/* The handlers, one file a resource in host/api/. */
void api_root(struct exchange *x);
void api_configuration(struct exchange *x);
void api_scheduler(struct exchange *x);
void api_plugins(struct exchange *x);
void api_plugin(struct exchange *x);
void api_cluster(struct exchange *x);
void api_load(struct exchange *x);
void api_scale_delay(struct exchange *x);
void api_scale(struct exchange *x);
void api_health(struct exchange *x);
void api_ready(struct exchange *x);
void api_message(struct exchange *x);
void api_metrics(struct exchange *x);
void api_functions(struct exchange *x); /* /system/functions */
void api_function(struct exchange *x);  /* /system/function/NAME */
void api_secrets(struct exchange *x);
void api_namespaces(struct exchange *x);
void api_namespace(struct exchange *x); /* /system/namespace/NAME */
void api_info(struct exchange *x);
void api_logs(struct exchange *x);
void api_async_function(struct exchange *x);
void api_async_call(struct exchange *x);
void api_async(struct exchange *x);
void api_learner(struct exchange *x); /* /configuration/learner */
void api_learner_root(struct exchange *x);
void api_learner_act(struct exchange *x);
void api_learner_train(struct exchange *x);
void api_learner_train_batch(struct exchange *x);
void api_learner_parameters(struct exchange *x);
void api_learner_stats(struct exchange *x);
void api_learner_weights(struct exchange *x);
void api_learner_policy(struct exchange *x);
void api_learner_reset(struct exchange *x);
void api_learner_save(struct exchange *x);

#endif
