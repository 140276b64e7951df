/*
 * p2pfaas/plugin.h - the plugin ABI of P2PFaaS in C.  This header is the whole SDK.
 *
 * A plugin is a shared object exporting ONE data symbol, `p2p_plugin`, that
 * lists schedulers and learners.  A plugin is a pure state machine: the host
 * calls it with an event, it returns an action.  It registers no callbacks,
 * owns no threads, makes no system calls and keeps no mutable globals (a
 * simulator runs hundreds of instances of one module in one process).  Nothing of
 * it runs when it is loaded: no constructors; in C++ its tables are constexpr.
 *
 * Thread tags.  Every function carries one:
 *   [load]  once, while the module is being set up or torn down
 *   [loop]  on the instance's thread; one instance is never entered twice at
 *           the same time, but the OS thread may differ from call to call
 *   [any]   from any thread, concurrently
 *
 * Memory.  The host allocates everything: instances (zeroed, parameters
 * filled in), per-decision state, probe slots.  Pointers handed to a call are
 * valid until that call returns, unless the comment says otherwise.
 *
 * Evolution.  Structs that start with `size` grow at the end only.  Structs
 * that are array elements never grow: they have reserved words.  See
 * P2P_HAS() for using a field newer than the host you may run on.
 */
#ifndef P2PFAAS_PLUGIN_H
#define P2PFAAS_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define P2P_ABI_MAGIC 0x46503250u /* "P2PF" */
#define P2P_ABI_MAJOR 1           /* must be equal on both sides */
#define P2P_ABI_MINOR 2           /* fields appended since MAJOR */
#define P2P_ERRLEN 256
#define P2P_NONE 0xffffffffu /* "no peer" */

#if defined(__GNUC__)
#define P2P_PUBLIC __attribute__((visibility("default")))
#else
#define P2P_PUBLIC
#endif

/* True when *obj, as allocated by the other side, contains `field`. */
#define P2P_HAS(obj, field)                                                                        \
    ((obj)->size >= (size_t)((const char *)(&(obj)->field + 1) - (const char *)(obj)))

struct p2p_host;
struct p2p_request;

/* ---- parameters: declared once, parsed, range-checked and documented by the
 * host; values are stored straight into the instance before init(). ---- */

enum {
    P2P_INT = 1,  /* int64_t */
    P2P_NUM,      /* double */
    P2P_BOOL,     /* bool */
    P2P_DURATION, /* int64_t nanoseconds; written "20ms" in plugins.yaml */
    P2P_STRING,   /* const char *, host-owned until fini() returns */
    P2P_ENUM,     /* int64_t index into `choices` */
    P2P_SIZE      /* int64_t bytes; written "16MB", powers of 1024 */
};
/* May be changed while running: the instance goes on and hears params_changed().
 * Others, and STRINGs, need a new instance, which load()s what the old one saves. */
enum { P2P_PARAM_LIVE = 1u << 0 };

struct p2p_param {
    const char *name; /* NULL ends the table */
    const char *help;
    uint32_t type;
    uint32_t flags;
    uint32_t offset; /* of the field inside the instance */
    uint32_t reserved0;
    double def, min, max;       /* all types but STRING */
    const char *def_string;     /* STRING */
    const char *const *choices; /* ENUM, NULL-terminated */
    uint64_t reserved[2];
};

#define P2P_PARAM_(t, fl, T, f, d, lo, hi, ds, ch, h)                                              \
    {                                                                                              \
#f, h, t, fl, (uint32_t)offsetof(T, f), 0, d, lo, hi, ds, ch,                              \
        {                                                                                          \
            0, 0                                                                                   \
        }                                                                                          \
    }
#define P2P_PARAM_INT(T, f, d, lo, hi, h) P2P_PARAM_(P2P_INT, 0, T, f, d, lo, hi, NULL, NULL, h)
#define P2P_PARAM_NUM(T, f, d, lo, hi, h) P2P_PARAM_(P2P_NUM, 0, T, f, d, lo, hi, NULL, NULL, h)
#define P2P_PARAM_BOOL(T, f, d, h) P2P_PARAM_(P2P_BOOL, 0, T, f, d, 0, 1, NULL, NULL, h)
#define P2P_PARAM_DURATION(T, f, d, lo, hi, h)                                                     \
    P2P_PARAM_(P2P_DURATION, 0, T, f, d, lo, hi, NULL, NULL, h)
#define P2P_PARAM_STRING(T, f, d, h) P2P_PARAM_(P2P_STRING, 0, T, f, 0, 0, 0, d, NULL, h)
#define P2P_PARAM_ENUM(T, f, d, ch, h) P2P_PARAM_(P2P_ENUM, 0, T, f, d, 0, 0, NULL, ch, h)
#define P2P_PARAM_SIZE(T, f, d, lo, hi, h) P2P_PARAM_(P2P_SIZE, 0, T, f, d, lo, hi, NULL, NULL, h)
#define P2P_PARAM_END                                                                              \
    {                                                                                              \
        NULL, NULL, 0, 0, 0, 0, 0, 0, 0, NULL, NULL,                                               \
        {                                                                                          \
            0, 0                                                                                   \
        }                                                                                          \
    }

/* Another name under which a scheduler can be selected, with the first
 * `n_params` parameters of its table given as an ordered list, all required:
 * the names and lists of the original P2PFaaS.  Frozen. */
enum { P2P_ALIAS_BARE = 1u << 0 /* X-P2pfaas-Scheduler tells the name without the list */ };
struct p2p_alias {
    const char *name; /* NULL ends the table */
    uint32_t n_params;
    uint32_t flags;
};

/* ---- what a scheduler sees ---- */

enum { P2P_PEER_UP = 1u << 0 };

struct p2p_peer { /* 64 bytes, frozen */
    uint32_t id;  /* stable; never reused during a run */
    uint32_t flags;
    uint32_t load;     /* running jobs, as last heard */
    uint32_t queue;    /* waiting jobs, as last heard */
    uint32_t slots;    /* jobs it can run at once */
    uint32_t inflight; /* jobs this node sent it and awaits; exact */
    uint64_t heard_ns; /* when load and queue were heard; 0 = never */
    uint64_t rtt_ns;   /* smoothed; 0 = unknown */
    uint64_t reserved[3];
};

enum { P2P_PROBE_PENDING = 0, P2P_PROBE_OK, P2P_PROBE_TIMEOUT, P2P_PROBE_GONE };

struct p2p_probe {   /* 32 bytes, frozen */
    uint32_t peer;   /* in: whom to ask */
    uint32_t status; /* out, and all below */
    uint32_t load;
    uint32_t queue;
    uint32_t slots;
    uint32_t reserved;
    uint64_t rtt_ns;
};

struct p2p_node { /* this node, now */
    uint32_t size;
    uint32_t id;
    uint32_t load, queue, slots, queue_limit;
};

enum {
    P2P_EV_ARRIVAL = 0, /* a job needs a decision */
    P2P_EV_PROBED,      /* probe[0..n_probe) answered, timed out, or gone */
    P2P_EV_TIMER,       /* the WAIT is over */
    P2P_EV_REFUSED,     /* the peer we forwarded to could not take it */
    P2P_EV_TICK         /* periodic; there is no job */
};
enum {
    P2P_RQ_EXTERNAL = 1u << 0, /* came from a peer */
    P2P_RQ_TYPED = 1u << 1     /* its client said of which type it is (1.2) */
};

struct p2p_request {
    uint32_t size;
    uint32_t event;
    const struct p2p_host *host;
    /* The job.  Constant for the whole decision. */
    uint64_t id;
    uint64_t arrival_ns;
    uint64_t deadline_ns; /* absolute; 0 = none */
    uint64_t payload_len;
    uint32_t function; /* interned function id */
    uint32_t hops;     /* forwards so far */
    uint32_t from;     /* peer it came from, or P2P_NONE */
    uint32_t flags;
    /* The world.  Refreshed before every call. */
    uint64_t now_ns;
    const struct p2p_node *node;
    const struct p2p_peer *peers; /* peers that are up */
    uint32_t n_peers;
    uint32_t attempts; /* forwards refused so far */
    /* Ours to write; kept until outcome() returns. */
    struct p2p_probe *probe; /* probe_cap slots */
    uint32_t probe_cap;
    uint32_t n_probe;
    void *state; /* decision_size bytes, zeroed at arrival */
    /* Since 1.2. */
    uint32_t task_type; /* with P2P_RQ_TYPED; constant too */
    uint32_t reserved;
};

/* ---- what it answers: 16 bytes, returned in registers, frozen.  All-zero
 * is LOCAL, so `return (struct p2p_action){0}` is always a legal answer. ---- */

enum {
    P2P_LOCAL = 0, /* a = 0, or P2P_NO_WAIT; t = rank in the queue (1.1), see p2p_local_at() */
    P2P_FORWARD,   /* a = peer id */
    P2P_REJECT,    /* a = HTTP status, 0 = 503 */
    P2P_PROBE,     /* a = count | need << 16, t = timeout */
    P2P_WAIT,      /* t = absolute time to resume at */
    P2P_DONE       /* ends a TICK */
};
enum { P2P_NO_WAIT = 1u /* LOCAL: refuse the job when no slot is free now */ };
enum { P2P_MESSAGE_MAX = 1024 /* bytes of one tell() */ };
struct p2p_action {
    uint32_t kind;
    uint32_t a;
    uint64_t t;
};

enum {
    P2P_OUT_RAN = 0,   /* ran here */
    P2P_OUT_FORWARDED, /* a peer answered */
    P2P_OUT_REJECTED,  /* the scheduler's choice */
    P2P_OUT_FULL,      /* LOCAL, but the queue was full */
    P2P_OUT_CANCELLED, /* the client went away, or the plugin was swapped out */
    P2P_OUT_FAILED     /* transport or function error */
};
struct p2p_outcome {
    uint32_t size;
    uint32_t status;
    uint32_t http_status;
    uint32_t peer;               /* it was forwarded to, and answered; or P2P_NONE */
    uint64_t total_ns, probe_ns; /* of this node: arrival to answer, waiting for probes */
    /* Of the node that ran it, as that one measured them: waiting for a slot, and running.
     * 0 = not known, as queue_ns at a node of the original. */
    uint64_t queue_ns, run_ns;
    uint32_t n_probes, hops;
    /* Since 1.2. */
    float reward; /* that the function said its answer is worth; finite */
    uint32_t has_reward;
};

struct p2p_stream { /* exactly one of read, write is set */
    void *ctx;
    int64_t (*read)(struct p2p_stream *, void *, uint64_t);        /* 0 end, -1 error */
    int64_t (*write)(struct p2p_stream *, const void *, uint64_t); /* -1 error */
};

struct p2p_space { /* what the scheduler asks of a learner */
    uint32_t size;
    uint32_t n_dims, n_actions; /* n_actions <= 64 */
    uint32_t reserved;
    const float *lo, *hi; /* per-dimension bounds, valid while bound */
};
/* An action that the learner will tell later, with host->choose() (1.2). */
#define P2P_PENDING 0xffffffffu
struct p2p_choice {
    uint64_t episode; /* set by the host: the key for reward(), and for choose() */
    uint32_t action;
    uint32_t explored; /* 1 when not the greedy action */
    float value;
    float epsilon; /* probability of a random action (1.2); 0: none, or not told */
};

/* ---- scheduler ---- */

enum {
    P2P_SCHED_NEEDS_LEARNER = 1u << 0,
    /* (1.2) It can wait for a learner that works outside of the node: where act() gives
     * P2P_PENDING, decide() returns p2p_await(), and asks act() again at the TIMER that follows,
     * which has the choice, or is false when none came.  For others act() is then false at
     * once. */
    P2P_SCHED_AWAITS_LEARNER = 1u << 1
};

struct p2p_scheduler {
    uint32_t size;
    uint32_t flags;
    const char *name, *version, *summary;
    const char *state_format;        /* save() blobs are exchanged only if equal */
    const struct p2p_param *params;  /* or NULL */
    const struct p2p_alias *aliases; /* or NULL */
    uint64_t tick_ns;                /* time between TICK events; 0 = none */
    uint32_t instance_size;          /* bytes behind `self`; 0 is allowed */
    uint32_t decision_size;          /* bytes behind rq->state, at most 4096 */
    uint32_t max_probes;             /* slots behind rq->probe, at most 64 */
    uint32_t reserved;
    /* Required.  Must not block.  An event it does not know deserves
     * p2p_local().  A job is decided after 32 calls at most; then the host's
     * fallback ends it.  [loop] */
    struct p2p_action (*decide)(void *self, const struct p2p_request *rq);
    /* All optional from here on. */
    /* Exactly once per ARRIVAL, whatever happened to the job.  [loop] */
    void (*outcome)(void *self, const struct p2p_request *rq, const struct p2p_outcome *out);
    /* 0, or -1 with a reason in err[P2P_ERRLEN].  On failure the host frees
     * everything and does not call fini().  [load] */
    int (*init)(void *self, const struct p2p_host *host, char *err);
    void (*fini)(void *self);                             /* [load] */
    void (*space)(void *self, struct p2p_space *out);     /* [load], after init */
    bool (*save)(void *self, struct p2p_stream *out);     /* [loop] */
    bool (*load)(void *self, struct p2p_stream *in);      /* [load], after init */
    void (*params_changed)(void *self);                   /* [loop] */
    const void *(*extension)(void *self, const char *id); /* [load] */
    /* Since 1.1. */
    /* Slots behind rq->probe that this instance wants, at most max_probes, which
     * stands where this is NULL; asked once, after init.  [load] */
    uint32_t (*probes)(const void *self);
    /* What the instance of the scheduler of the same name at peer rq->from told this
     * one.  There is no job; rq has the world only.  `message` is 8-aligned.  [loop] */
    void (*heard)(void *self, const struct p2p_request *rq, const void *message, uint32_t len);
};

/* ---- learner ---- */

struct p2p_transition { /* 48 bytes, frozen */
    uint64_t episode;
    const float *state; /* n_dims */
    const float *next;  /* n_dims, or NULL when terminal */
    uint32_t action;
    float reward;
    uint64_t next_action; /* 1 + the action that was taken in `next` (1.2); 0: not known */
    uint64_t reserved;
};

/* A request of a learner that works outside of the node (1.2).  All texts are copied. */
struct p2p_http_request {
    uint32_t size;
    uint32_t reserved;
    uint64_t tag;               /* comes back with the answer */
    uint64_t timeout_ns;        /* to the last byte of the answer; > 0 */
    const char *method, *url;   /* "GET", "http://192.0.2.7:19020/act"; http only */
    const char *const *headers; /* "Name: value", …, NULL; or NULL */
    const void *body;
    uint64_t body_len; /* 0 to P2P_HTTP_MAX */
};
enum { P2P_HTTP_MAX = 1 << 20 /* bytes of a body, either way */ };
struct p2p_http_answer {
    uint32_t size;
    uint32_t status; /* HTTP's; 0: none came, and why is in `error` */
    uint64_t tag;
    uint64_t took_ns;
    const char *error;   /* "" or a reason */
    const char *headers; /* lines, each with \r\n at its end */
    const void *body;
    uint64_t body_len;
};

struct p2p_learner {
    uint32_t size;
    uint32_t flags;
    const char *name, *version, *summary;
    const char *state_format;
    const struct p2p_param *params;
    uint32_t instance_size;
    uint32_t reserved;
    /* Required. */
    /* Bit i of mask allows action i; 0 allows all.  [loop] */
    void (*act)(void *self, const float *state, uint64_t mask, struct p2p_choice *out);
    /* n >= 1 finished transitions, oldest first.  [loop] */
    void (*learn)(void *self, const struct p2p_transition *batch, uint32_t n);
    /* Optional. */
    int (*init)(void *self, const struct p2p_host *host, const struct p2p_space *space,
                char *err);                               /* [load] */
    void (*fini)(void *self);                             /* [load] */
    bool (*save)(void *self, struct p2p_stream *out);     /* [loop] */
    bool (*load)(void *self, struct p2p_stream *in);      /* [loop] */
    void (*params_changed)(void *self);                   /* [loop] */
    const void *(*extension)(void *self, const char *id); /* [load] */
    /* Since 1.2. */
    /* What each action is worth in that state: n_actions numbers, without exploring.  [loop] */
    void (*values)(void *self, const float *state, float *out);
    /* The at-th state that it learned about, n_dims numbers, for people to look at: from 0 on,
     * in any order, the same until learn() is called; false when there are no more.  [loop] */
    bool (*known)(void *self, uint64_t at, float *state);
    /* The end of an HTTP request: exactly once for each that host->http() took.  [loop] */
    void (*answered)(void *self, const struct p2p_http_answer *answer);
};

/* ---- host services; one struct per instance, valid until fini() returns ---- */

enum { P2P_LOG_DEBUG = 0, P2P_LOG_INFO, P2P_LOG_WARN, P2P_LOG_ERROR };

struct p2p_host {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    void *ctx;            /* the host's */
    const char *instance; /* name in plugins.yaml */
    uint32_t log_level;   /* messages below it are dropped */
    uint32_t node_id;
    void (*log)(const struct p2p_host *, uint32_t level, const char *msg); /* [any] */
    uint64_t (*rand)(const struct p2p_host *); /* 64 uniform bits, seeded [load] [loop] */
    uint64_t (*now)(const struct p2p_host *);  /* ns; virtual in the simulator [load] [loop] */
    /* Zeroed, 16-aligned, freed by the host after fini().  NULL when the
     * plugin's memory limit is reached.  Call only from init() and load(). [load] */
    void *(*alloc)(const struct p2p_host *, size_t);
    /* Never NULL.  Bump the slot directly; the host exports it as
     * p2pfaas_scheduler_metric_NAME, or p2pfaas_learner_metric_NAME, letters but
     * [A-Za-z0-9_] as '_'.  One name is either a counter or a gauge.  [load] */
    uint64_t *(*counter)(const struct p2p_host *, const char *name, const char *help);
    double *(*gauge)(const struct p2p_host *, const char *name, const char *help);
    uint32_t (*peer_id)(const struct p2p_host *, const char *name); /* or P2P_NONE [load] [loop] */
    const char *(*peer_name)(const struct p2p_host *, uint32_t id); /* or NULL [load] [loop] */
    /* The bound learner; false when there is none.  [loop] */
    bool (*act)(const struct p2p_host *, const float *state, uint64_t mask, struct p2p_choice *out);
    void (*reward)(const struct p2p_host *, uint64_t episode, float reward, const float *next);
    const void *(*extension)(const struct p2p_host *, const char *id); /* [any] */
    /* Since 1.1. */
    /* Sends a message of 1 to P2P_MESSAGE_MAX bytes to the scheduler at that peer, which
     * hears it if it has the same name as this one; one that decides for one function only
     * tells the one that decides for it there.  It is copied, may be lost or late, and costs
     * what a probe costs.  Both ends must agree on its bytes, byte order included.
     * False when it was not sent: no such peer, or it is down or of the original, a bad
     * length, or too many under way.
     * From decide(), outcome() and heard(); not from init().  [loop] */
    bool (*tell)(const struct p2p_host *, uint32_t peer, const void *message, uint32_t len);
    /* Of rq->function; the same on every node, where ids are not.  NULL: no such.  [loop] */
    const char *(*function_name)(const struct p2p_host *, uint32_t function);
    /* "192.0.2.7:18080": where nodes reach that peer, or with P2P_NONE this one.  The same
     * on every node, where names and ids are not.  NULL: no such peer.  [loop] */
    const char *(*address)(const struct p2p_host *, uint32_t peer);
    /* Since 1.2; of learners only. */
    /* Sends a request from the node's own event loop; answered() hears its end, never before
     * this returned.  False when it was not sent: in the simulator, a bad URL, too long, or too
     * many under way.  [loop] */
    bool (*http)(const struct p2p_host *, const struct p2p_http_request *request);
    /* The choice of an act() that gave P2P_PENDING, or NULL when there is none; also from inside
     * that act().  False when nobody waits for it any more.  [loop] */
    bool (*choose)(const struct p2p_host *, uint64_t episode, const struct p2p_choice *choice);
};

/* ---- module entry.  The first 16 bytes never change, in any major. ---- */

struct p2p_module {
    uint32_t magic;
    uint16_t abi_major, abi_minor; /* of the SDK it was built with */
    uint32_t size;
    uint16_t needs_minor, reserved;
    const struct p2p_scheduler *const *schedulers; /* NULL-terminated, or NULL */
    const struct p2p_learner *const *learners;
};

#ifndef P2P_MODULE_SYMBOL /* renamed when plugins are linked statically */
#define P2P_MODULE_SYMBOL p2p_plugin
#endif
#ifndef P2P_NEEDS_MINOR /* lower it only if newer fields sit behind P2P_HAS() */
#define P2P_NEEDS_MINOR P2P_ABI_MINOR
#endif

#define P2P_MODULE_(s, l)                                                                          \
    extern P2P_PUBLIC const struct p2p_module P2P_MODULE_SYMBOL;                                   \
    const struct p2p_module P2P_MODULE_SYMBOL = {P2P_ABI_MAGIC,                                    \
                                                 P2P_ABI_MAJOR,                                    \
                                                 P2P_ABI_MINOR,                                    \
                                                 (uint32_t)sizeof(struct p2p_module),              \
                                                 P2P_NEEDS_MINOR,                                  \
                                                 0,                                                \
                                                 s,                                                \
                                                 l}
#define P2P_SCHEDULER_PLUGIN(s)                                                                    \
    static const struct p2p_scheduler *const p2p_s_[] = {&s, NULL};                                \
    P2P_MODULE_(p2p_s_, NULL)
#define P2P_LEARNER_PLUGIN(l)                                                                      \
    static const struct p2p_learner *const p2p_l_[] = {&l, NULL};                                  \
    P2P_MODULE_(NULL, p2p_l_)
#define P2P_RL_PLUGIN(s, l)                                                                        \
    static const struct p2p_scheduler *const p2p_s_[] = {&s, NULL};                                \
    static const struct p2p_learner *const p2p_l_[] = {&l, NULL};                                  \
    P2P_MODULE_(p2p_s_, p2p_l_)

/* ---- helpers, compiled into the plugin ---- */

static inline struct p2p_action p2p_action_(uint32_t k, uint32_t a, uint64_t t)
{
    struct p2p_action r;
    r.kind = k;
    r.a = a;
    r.t = t;
    return r;
}
static inline struct p2p_action p2p_local(void)
{
    return p2p_action_(P2P_LOCAL, 0, 0);
}
/* Run here if a slot is free at this instant, else lose the job. */
static inline struct p2p_action p2p_local_or_lose(void)
{
    return p2p_action_(P2P_LOCAL, P2P_NO_WAIT, 0);
}
/* Run here; while it waits, before all that have a higher rank and after those that have
 * the same or a lower one.  0 is p2p_local(); EDF's rank is the deadline. */
static inline struct p2p_action p2p_local_at(uint64_t rank)
{
    return p2p_action_(P2P_LOCAL, 0, rank);
}
static inline struct p2p_action p2p_done(void)
{
    return p2p_action_(P2P_DONE, 0, 0);
}
static inline struct p2p_action p2p_forward(uint32_t peer)
{
    return p2p_action_(P2P_FORWARD, peer, 0);
}
static inline struct p2p_action p2p_reject(uint32_t http)
{
    return p2p_action_(P2P_REJECT, http, 0);
}
static inline struct p2p_action p2p_wait_until(uint64_t ns)
{
    return p2p_action_(P2P_WAIT, 0, ns);
}
/* Wait for the learner (1.2). */
static inline struct p2p_action p2p_await(void)
{
    return p2p_wait_until(0);
}
/* Ask probe[0..n); resume when `need` (0 = all) answered or `timeout` passed. */
static inline struct p2p_action p2p_ask(uint32_t n, uint32_t need, uint64_t timeout)
{
    return p2p_action_(P2P_PROBE, (n & 0xffffu) | need << 16, timeout);
}

/* Uniform in [0, n), n > 0, without modulo bias. */
static inline uint64_t p2p_rand_below(const struct p2p_host *h, uint64_t n)
{
    uint64_t x, limit = UINT64_MAX - UINT64_MAX % n;

    do
        x = h->rand(h);
    while (x >= limit);
    return x % n;
}
/* Uniform in [0, 1). */
static inline double p2p_rand_unit(const struct p2p_host *h)
{
    return (double)(h->rand(h) >> 11) / 9007199254740992.0; /* 2^53 */
}
/* Fill probe[] with up to k distinct peers, in random order, all equally likely; returns
 * how many.  The work grows with k, not with the peers: Floyd's algorithm (Bentley and
 * Floyd, doi:10.1145/30401.315746), shuffled on the way. */
static inline uint32_t p2p_sample(const struct p2p_request *rq, uint32_t k)
{
    uint32_t i, j, n = 0;

    if (k > rq->probe_cap)
        k = rq->probe_cap;
    if (k > rq->n_peers)
        k = rq->n_peers;
    for (j = rq->n_peers - k; n < k; j++) {
        uint32_t id = rq->peers[p2p_rand_below(rq->host, j + 1u)].id;

        for (i = 0; i < n && rq->probe[i].peer != id; i++)
            ;
        if (i < n)
            id = rq->peers[j].id;
        i = n ? (uint32_t)p2p_rand_below(rq->host, n + 1u) : 0;
        rq->probe[n++].peer = rq->probe[i].peer;
        rq->probe[i].peer = id;
    }
    return n;
}

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline void
p2p_logf(const struct p2p_host *h, uint32_t level, const char *fmt, ...)
{
    char buf[512];
    va_list ap;

    if (level < h->log_level)
        return;
    va_start(ap, fmt);
    vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    h->log(h, level, buf);
}

static inline bool p2p_put(struct p2p_stream *s, const void *p, uint64_t n)
{
    return s->write(s, p, n) == (int64_t)n;
}
static inline bool p2p_get(struct p2p_stream *s, void *p, uint64_t n)
{
    return s->read(s, p, n) == (int64_t)n;
}

#ifdef __cplusplus
}
#endif
#endif /* P2PFAAS_PLUGIN_H */
