/*
 * node.h - the live node: everything that its shards share.
 */
#ifndef HOST_NODE_H
#define HOST_NODE_H

#include "engine/engine.h"
#include "host/access.h"
#include "host/async/async.h"
#include "host/clerk.h"
#include "host/deployments.h"
#include "host/discovery/discovery.h"
#include "host/functions.h"
#include "host/learner.h"
#include "host/learner_http.h"
#include "host/messages.h"
#include "host/peers.h"
#include "host/run_dir.h"
#include "host/secrets.h"
#include "host/shard.h"
#include "host/slots.h"
#include "host/timestamp.h"

#define P2PFAAS_NAME "p2pfaas"

/* Whose engine it is: the ctx of host_world. */
struct engine_owner {
    struct node *node;
    uint32_t function; /* id of the one that has it for itself: own_scheduler.h; 0: the node's */
};

struct node {
    /* Serialises what selects a scheduler or a learner over REST, what touches the learner's
     * file, and a reload.  It is held while a disk or a plugin is waited for: the clerk waits for
     * it, the main thread on a reload only tries, no handler takes it.  Taken before admin. */
    pthread_mutex_t selection;
    /* Protects `config`, `functions` and `offers`.  For moments, but when functions change that
     * want another scheduler of their own than they have: then a plugin is waited for.  `config`
     * is also safe to read under `selection`. */
    pthread_mutex_t admin;
    struct shared_config *config;
    struct function_table *functions;
    struct function_offers offers[FUNCTION_ORIGINS]; /* but the file's, which are in `config` */
    struct clerk clerk;
    struct deployments deployments;
    struct secrets secrets;
    char started[TIMESTAMP]; /* when, in UTC */
    struct async async;

    char id[64];
    char domain[64];               /* gateway.namespace */
    char ip[64];                   /* that peers know it by */
    char id_json[96], ip_json[96]; /* quoted, for header lists */
    struct endpoint self;          /* where it listens */
    struct endpoint advertised;    /* where peers reach it */
    struct run_dir run_dir;
    int data_lock; /* host/data_dir.h */
    struct function_names names;
    struct catalog *catalog;
    struct engine *engine; /* of all functions that have no scheduler of their own */
    struct engine_owner owner;
    struct node_learner learner;
    struct learner_http learner_http;
    struct access access;
    struct peers peers;
    struct messages messages;
    const struct discovery_source *discovery_source; /* NULL = none; set before the threads start */
    struct discovery *discovery;                     /* main thread */
    struct openfaas *openfaas;                       /* NULL = none */
    bool openfaas_offers, openfaas_refused;          /* main thread */
    uint64_t left_ns;                                /* when it began to leave, or 0 */
    struct slots slots;
    struct slot_share share[CONFIG_MAX_FUNCTIONS]; /* by the function's id */
    struct p2p_node view;                          /* of itself, under the peers' lock */
    _Atomic bool stopping;
    _Atomic uint32_t max_hops;
    _Atomic uint64_t probe_timeout_ns; /* a peer that is silent for it is not well */
    _Atomic int64_t memory_held;       /* bytes of request bodies */
    int64_t memory_limit;
    _Atomic unsigned streams; /* host/stream.h */
    bool pin;                 /* threads to cores */
    _Atomic unsigned reloads, reload_failures;

    struct shard *shards;
    unsigned n_shards;
    unsigned shards_running; /* on shard 0's thread */
    unsigned programs;       /* not closed yet, on shard 0's thread */
    bool closing;            /* the last phase of the stop */
    /* Main thread's watchers. */
    ev_signal term, interrupt, hangup;
    ev_timer housekeeping, revive, stop_timer, tick;
    ev_timer reload_again; /* a reload waits until nobody selects */
    int inotify;
    ev_io folder_changed;
    /* What the command line said, for reload. */
    const char *file;
    const char *const *overrides;
    unsigned n_overrides;
};

/* Everything but the port.  0 or -1 with a reason; the node is then released. */
int node_init(struct node *n, const char *file, const char *const *overrides, unsigned n_overrides,
              char err[P2P_ERRLEN]);
/* Opens the port; clients are answered from now on. */
int node_listen(struct node *n, char err[P2P_ERRLEN]);
/* Serves until SIGTERM or SIGINT; 0 when everything has ended, -1 when it cannot. */
int node_run(struct node *n, char err[P2P_ERRLEN]);
void node_release(struct node *n);

/* Reads the configuration again; what cannot be applied is said and the rest of
 * the node goes on as before.  [main thread, under `selection`] */
int node_reload(struct node *n, char err[P2P_ERRLEN]);
/* node_functions.c [main thread, under admin, or before the threads start] */
/* Replaces all functions of an origin but the file's.  Takes the list over, whose references
 * it holds; on failure (-1 with a reason) it stays the caller's and nothing has changed. */
int node_offer(struct node *n, enum function_origin origin, struct function_offers offers,
               char err[P2P_ERRLEN]);
/* In two steps, with the file's from `file`: what can fail, and what cannot. */
struct function_table *node_make_functions(struct node *n, struct shared_config *file,
                                           char err[P2P_ERRLEN]);
void node_take_functions(struct node *n, struct function_table *t);
void node_release_offers(struct node *n);

/* node_openfaas.c: the gateway behind this node, if there is one  [main thread] */
int node_openfaas_init(struct node *n, const struct openfaas_config *c, char err[P2P_ERRLEN]);
void node_openfaas_start(struct node *n);
/* Who waits for it is answered. */
void node_openfaas_quiesce(struct node *n);
void node_openfaas_stop(struct node *n);

/* Reads the plugin folder again and logs what is new.  [any thread] */
void node_scan_plugins(struct node *n);
/* Watches the folder from now on.  watch.c  [main thread] */
void node_watch_plugins(struct node *n);
void node_unwatch_plugins(struct node *n);
/* Of all engines, by a configuration. */
struct engine_settings node_engine_settings(const struct config *c);
/* select.c [under admin] */
/* Selects the scheduler of a configuration, its learner, or both. */
enum node_selection { SELECT_SCHEDULER, SELECT_LEARNER, SELECT_BOTH };
int node_select(struct node *n, const struct config *c, enum node_selection what,
                char err[P2P_ERRLEN]);
/* Was the file of the scheduler that runs there built again? */
bool node_is_rebuilt(struct node *n, struct engine *e);
/* That of a deployment's function is made ahead, and left with the offer.  0 or -1 with a
 * reason.  [any thread, under `selection`] */
int node_make_scheduler(struct node *n, struct shared_config *offer, char err[P2P_ERRLEN]);
/* The schedulers that functions want of their own, in two steps: which have to be selected
 * and whether they can be, 0 or -1 with a reason; and their selection. */
int node_try_schedulers(struct node *n, struct function_table *t, bool is_reload,
                        char err[P2P_ERRLEN]);
void node_select_schedulers(struct node *n, struct function_table *t);

/* What a call to a peer showed of it; told when that changes whether it is up.  `why` may be
 * NULL when it answered.  forward.c  [any thread] */
void node_saw(struct node *n, uint32_t peer, enum peer_evidence what, const char *why);

/* A shard has answered its last job.  [main thread] */
void node_shard_ended(struct node *n);

extern const struct world host_world; /* world.c */

#endif
