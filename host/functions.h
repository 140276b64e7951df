/*
 * functions.h - what this node can run.  A table is immutable and swapped whole;
 * each thread holds a reference to the one it uses, each job one to its function.
 *
 * A function whose settings did not change keeps its program over a reload.  Its slots and
 * its scheduler may change meanwhile: what it is to have of them is in its entry.
 */
#ifndef HOST_FUNCTIONS_H
#define HOST_FUNCTIONS_H

#include <uthash.h>

#include "host/config.h"
#include "host/runtimes/runtime.h"

struct cJSON;
struct own_scheduler;

/* A configuration that several owners read. */
struct shared_config {
    _Atomic unsigned refs;
    struct config config;
    struct cJSON *deployment;   /* of an offer with one function: what was said of it, for who
                                   lists functions; NULL = nothing else than `config` */
    struct own_scheduler *made; /* that its function wants, until the function has it */
};
struct shared_config *shared_config_ref(struct shared_config *c);
void shared_config_unref(struct shared_config *c);

/* Where functions come from.  Of two with one name the first kind has it. */
enum function_origin {
    FROM_FILE,       /* plugins.yaml */
    FROM_DEPLOYMENT, /* POSTed to /system/functions */
    FROM_GATEWAY,    /* what an OpenFaaS gateway behind this node lists */
    FUNCTION_ORIGINS
};
/* All of one origin: each has functions in `config.function`, the file's all, others one. */
struct function_offers {
    struct shared_config **list;
    unsigned n;
};

struct function {
    uint32_t id; /* of its name, for as long as the node runs; from 1 */
    _Atomic unsigned refs;
    enum function_origin origin;
    const struct function_config *config;
    struct shared_config *owner; /* of config */
    const struct runtime *runtime;
    struct program *program; /* NULL: it could not be set up, see error */
    char error[P2P_ERRLEN];
    struct reactor *home;
    _Atomic unsigned runs; /* that its runtime has */
    bool is_measured;      /* how long it takes to scale; the home's thread */
    struct task closing;
    void (*closed)(void *ctx); /* when the program has gone */
    void *closed_ctx;
    bool counted; /* the owner's mark: closed() is called only with it */
    /* That decides for its jobs, while it is in use, instead of the node's; a reference.
     * Set once, under node.admin; read by any thread. */
    struct own_scheduler *_Atomic own;
};

struct function *function_ref(struct function *f);
/* [any thread]  The last one closes the program on its home thread. */
void function_unref(struct function *f);

struct function_entry {
    struct function *function;
    const struct function_config *config; /* as it is offered now; the function may have been
                                             made of one that said the same of how it runs */
    struct shared_config *offer;          /* of that */
    bool select; /* the scheduler of its own that it asks for is to be selected (anew) */
    struct own_scheduler *made; /* it, when the function has none yet; until it is used */
    UT_hash_handle hh;
};

struct function_table {
    _Atomic unsigned refs;
    struct function_entry *by_name;
    struct function_entry *entries;
    unsigned n;
    unsigned left_out; /* of a gateway, for want of ids */
};

/* Names to ids; they stay for as long as the node runs: metrics and what peers offer go by
 * them.  A gateway whose names change for ever leaves some to the other origins. */
enum { FUNCTION_NAMES_OF_GATEWAY = 512 };
struct function_names {
    pthread_mutex_t lock;
    char *name[CONFIG_MAX_FUNCTIONS]; /* [0] is every unknown function: "" */
    unsigned n, of_gateway;
};
void function_names_init(struct function_names *names);
void function_names_release(struct function_names *names);
const char *function_name(struct function_names *names, uint32_t id);
/* Makes one for a name that is new; 0 when there is no room for another. */
uint32_t function_names_add(struct function_names *names, const char *name,
                            enum function_origin origin);
/* 0 when this node has never known it. */
uint32_t function_names_find(struct function_names *names, const char *name);

/* Makes the table of all that is offered, taking over what did not change from `old`
 * (may be NULL).  A function that cannot be set up is in the table with its error, and
 * stays so until it changes, or with `retry`.  For want of ids those of a gateway are left out
 * one by one.  NULL with a reason when memory runs out, or ids for others.  [home thread] */
struct function_table *function_table_new(const struct function_offers from[FUNCTION_ORIGINS],
                                          struct function_table *old, bool retry,
                                          struct function_names *names, struct reactor *home,
                                          void (*closed)(void *ctx), void *closed_ctx,
                                          char err[P2P_ERRLEN]);
struct function_table *function_table_ref(struct function_table *t);
void function_table_unref(struct function_table *t);
const struct function_entry *function_table_entry(const struct function_table *t, const char *name,
                                                  size_t len); /* or NULL */
struct function *function_table_find(const struct function_table *t, const char *name, size_t len);
/* As a URL has it: NAME or NAME.NAMESPACE, of this node's namespace; a name that has a dot
 * itself comes first. */
struct function *function_table_resolve(const struct function_table *t, const char *text,
                                        size_t len, const char *own_namespace);
/* "burn, echo, gzip", cut with "…" when it does not fit. */
void function_table_names(const struct function_table *t, char *out, size_t size);

#endif
