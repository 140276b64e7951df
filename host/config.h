/*
 * config.h - plugins.yaml, read into plain structs.
 *
 * Every section is a parameter table (engine/params.h): types, ranges, defaults
 * and help are declared once, in config_keys.c.  Errors name file, line, key and what
 * is allowed: "plugins.yaml:12: node.slots: 'many' is not an integer; allowed:
 * an integer from 1 to 65536".
 *
 * Durations are nanoseconds, sizes bytes.  Strings belong to the config.
 */
#ifndef HOST_CONFIG_H
#define HOST_CONFIG_H

#include "engine/params.h"
#include "host/upstream.h"

enum {
    CONFIG_MAX_FUNCTIONS = 1024,
    CONFIG_MAX_PEERS = 4096,
    CONFIG_MAX_ARGS = 64,
    CONFIG_MAX_NAME = 63, /* bytes of a function's name */
    CONFIG_MAX_PARAMETERS = 64,
    CONFIG_PLACE = 192,        /* text of config_place */
    CONFIG_MAX_TEXT = 64 << 10 /* bytes of a word of a command or a path, expanded */
};

struct node_config {
    const char *id;        /* "" in the file: becomes listen:port */
    const char *listen;    /* numeric address; default 127.0.0.1 */
    const char *advertise; /* numeric address that peers use; "" = listen; "auto" in the file:
                              becomes this machine's own */
    int64_t port;          /* 18080 */
    int64_t threads;       /* 0 = one a core */
    bool pin;              /* threads to cores */
    int64_t slots;         /* functions running at once, 4 */
    int64_t queue;         /* jobs waiting, 4 */
    const char *run_dir;   /* "" = a fresh folder under $XDG_RUNTIME_DIR or /tmp */
    int64_t stop_timeout;
    const char *data_dir; /* what is kept over a restart; "" = nothing is */
};

struct log_config {
    int64_t level;  /* enum log_level */
    int64_t format; /* enum log_format */
};

struct limits_config {
    int64_t body;            /* request and answer, 16MB */
    int64_t headers;         /* request or answer header fields, 8KB */
    int64_t memory;          /* bodies held at once, 256MB */
    int64_t connections;     /* clients, 4096 */
    int64_t idle_timeout;    /* keep-alive client, 60s */
    int64_t upstream;        /* connections a thread to one function or peer, 256 */
    int64_t connect_timeout; /* 1s */
};

struct plugins_config {
    const char *folder; /* "plugins" */
};

struct pair {
    char *name, *value;
    int line;
};

/* Of a plugin, as written; the plugin's table checks them. */
struct pairs {
    struct pair *list;
    unsigned n;
    bool by_order; /* a YAML list: names are NULL */
};

struct scheduler_config {
    const char *plugin;    /* own name or alias; "power_of_choices" */
    int64_t fallback;      /* enum engine_fallback */
    int64_t drain_timeout; /* 30s */
    int64_t probe_timeout; /* 1s */
    int64_t max_hops;      /* hard limit of the node against loops, 16 */
    struct pairs parameters;
};

/* The scheduler of a function of its own, as written. */
struct scheduler_choice {
    char *plugin; /* NULL = none: the node's decides */
    struct pairs parameters;
    int line; /* of its file; 0 elsewhere */
};

struct learner_config {
    const char *plugin;     /* its name; "" = none */
    const char *file;       /* where what it knows is kept; "" = nowhere */
    int64_t save_interval;  /* 5m; 0 = only at a swap and at the stop */
    int64_t most_episodes;  /* that wait for a reward, 65536 */
    int64_t expiry;         /* of an episode, 60s */
    int64_t batch;          /* transitions learned at once, 32 */
    int64_t batch_interval; /* fewer are learned after it, 100ms */
    int64_t port;           /* of its own REST, 19020; 0 = none */
    struct pairs parameters;
};

struct peers_config {
    int64_t retry; /* a peer that failed is tried again after, 1s */
};

/* How a job is handed over: as it came, or in the JSON of the original P2PFaaS. */
enum peer_protocol { PEER_OURS, PEER_ORIGINAL };

struct peer_config {
    char *name;    /* the address when it has no other */
    char *address; /* as written; node.port is added when it has none */
    struct endpoint endpoint;
    unsigned name_hash, address_hash, endpoint_hash; /* so that doubles are found fast */
    bool has_protocol;                               /* it is said here, whatever discovery says */
    enum peer_protocol protocol;
};

enum discovery_source_kind { DISCOVERY_P2P, DISCOVERY_ETCD, DISCOVERY_NONE };

struct discovery_config {
    int64_t source;          /* enum discovery_source_kind */
    int64_t port;            /* UDP and TCP, 19000 */
    const char *group;       /* a label that others see */
    int64_t poll;            /* of nodes of the original, 10s */
    int64_t probe_interval;  /* 500ms */
    int64_t probe_timeout;   /* 300ms */
    const char *etcd;        /* URLs, separated by commas */
    const char *etcd_prefix; /* of the keys */
    int64_t etcd_ttl;        /* of the lease, 10s */
    const char *etcd_user, *etcd_password;
    struct peer_config *seed; /* endpoints have the discovery port; never this node.  One that is
                                 told by name has no endpoint: its length is 0 */
    unsigned n_seeds;
};

struct security_config {
    const char *secret;          /* of the cluster; "" = peers are not asked to prove themselves */
    int64_t clock_skew;          /* the most that clocks of nodes may differ, 30s */
    const char *user, *password; /* of the administrative REST; "" = none asked */
    const char *secret_file, *password_file; /* "" = none; else their first lines are above */
    bool trust_network; /* serve peers and administration beyond loopback without them */
};

enum image_pull { PULL_MISSING, PULL_NEVER, PULL_ALWAYS };

struct docker_config {
    const char *socket;   /* of the daemon, /var/run/docker.sock */
    int64_t pull;         /* enum image_pull */
    int64_t pull_timeout; /* 5m */
    bool keep;            /* containers go on when the node stops */
    const char *node;     /* node.id */
};

/* An OpenFaaS gateway behind this node. */
struct openfaas_config {
    const char *gateway;                         /* its URL; "" = none */
    const char *user, *password, *password_file; /* HTTP basic; "" = none */
    const char *namespace;                       /* there; "openfaas-fn" */
    int64_t refresh;                             /* between two lists, 10s */
    bool offer;                                  /* what it lists, this node offers */
};

struct gateway_config {
    const char *namespace; /* of this node's functions, as in /function/NAME.NAMESPACE */
};

struct async_config {
    int64_t concurrency;      /* calls at work at once; 0 = node.slots */
    int64_t queue;            /* accepted calls that are not over, 100000 */
    int64_t bytes;            /* of them; and again of results, 256MB */
    int64_t attempts;         /* 10 */
    int64_t min_wait;         /* before the second, 10s */
    int64_t max_wait;         /* 2m */
    const char *codes;        /* statuses that are tried again: "408,429" */
    int64_t expiry;           /* of a call that finds no room, 24h */
    int64_t callback_timeout; /* 30s */
    int64_t keep;             /* how long results are kept, 1h */
    int64_t result;           /* most bytes of a kept body, 1MB */
};

enum { DOCKER_MOST_REPLICAS = 64 };
enum function_runtime { FUNCTION_PROCESS, FUNCTION_DOCKER, FUNCTION_REMOTE, FUNCTION_OPENFAAS };
enum function_mode { FUNCTION_FORK, FUNCTION_HTTP };
enum function_start { FUNCTION_ON_FIRST_USE, FUNCTION_AHEAD };

struct function_config {
    const char *name; /* [A-Za-z0-9._-]{1,63} */
    int64_t runtime, mode, start;
    char **command;               /* argv, NULL-terminated, from a list, or from a string
                                     split at blanks */
    char **environment;           /* "NAME=value", NULL-terminated */
    char **secrets;               /* their files, absolute, NULL-terminated; NULL = none */
    char **labels, **annotations; /* openfaas: of a deployment, for the gateway: "NAME=value",
                                     NULL-terminated; NULL = none */
    const char *directory;        /* working directory; "" = the node's */
    const char *content_type;     /* of a fork function's answer */
    bool cgi_headers;             /* a fork function's answer begins with header lines */
    int64_t timeout;              /* of one run, 30s */
    int64_t deadline;             /* of a job from arrival to answer, 60s */
    int64_t output;               /* most bytes of an answer; 0 = limits.body */
    int64_t start_timeout;        /* http: until it accepts connections, 10s */
    bool idempotent;              /* may be run again when it is unknown whether it ran */
    int64_t retry_attempts;       /* of its accepted calls, as async.* has them; 0 and "" = those */
    const char *retry_codes;
    int64_t retry_min_wait, retry_max_wait;
    const char *url;       /* of runtime http; "" = http://NAME:8080 */
    int64_t slots;         /* its jobs that run at once; 0 = as many as node.slots */
    const char *scheduler; /* text of the key, "" when it was a map; what it says: */
    struct scheduler_choice own;
    /* Of runtime docker; image, memory, cpu, read_only and replicas of openfaas too. */
    const char *image, *network; /* network "" = Docker's bridge */
    int64_t memory;              /* of a container; 0 = no limit */
    double cpu;                  /* cores; 0 = no limit */
    int64_t pids, port;
    bool read_only;
    int64_t replicas_min, replicas_max;
    int64_t concurrency;                /* calls that a container has at once */
    int64_t warm;                       /* containers created ahead */
    int64_t idle_timeout;               /* 1m */
    const struct docker_config *docker; /* the node's */
    char *generation; /* of a deployment whose image may be another one by now under the same
                         name: when it was deployed; NULL = no part of how it runs */
};

struct config {
    char *file;
    struct key_line *lines; /* of the plain keys that were set */
    unsigned n_lines;
    struct node_config node;
    struct log_config log;
    struct limits_config limits;
    struct plugins_config plugins;
    struct scheduler_config scheduler;
    struct learner_config learner;
    struct peers_config peers;
    struct peer_config *peer; /* never this node itself: an entry that equals
                                 listen:port is skipped, so that all nodes of a
                                 cluster can share one file */
    unsigned n_peers;
    struct discovery_config discovery;
    struct security_config security;
    struct docker_config docker;
    struct gateway_config gateway;
    struct openfaas_config openfaas;
    struct async_config async;
    struct function_config *function;
    unsigned n_functions;
};

/* Reads `file` (NULL = all defaults), then the overrides, each "section.key=value"
 * ("node.port=18081", "scheduler.plugin=random", "scheduler.parameters.fanout=2"), or a
 * variable of the environment that config_is_variable.
 * 0 or -1.  *c need not be initialised; on failure nothing is left in it. */
int config_load(struct config *c, const char *file, const char *const *overrides,
                unsigned n_overrides, char err[P2P_ERRLEN]);
void config_release(struct config *c);
/* malloc'ed absolute path of `name` in node.data_dir; NULL without one, or (*failed) when
 * memory is short. */
char *config_data_path(const struct config *c, const char *name, bool *failed);
/* Makes a configuration of nothing but one function, with the defaults of its keys, for one
 * that stands in no file.  0 or -1; *c need not be initialised, and is released as another. */
int config_make_function(struct config *c, const char *name, enum function_runtime runtime,
                         char err[P2P_ERRLEN]);
/* Docker's settings, and the id that this node has there, are to be as in `from`, which stays its
 * owner's.  0 or -1. */
int config_take_docker(struct config *c, const struct docker_config *from, char err[P2P_ERRLEN]);
/* 1 to CONFIG_MAX_NAME of A-Z a-z 0-9 . _ -, and fit to name a file. */
bool config_is_function_name(const char *name);
/* Is "NAME=value" a setting, as in "P2PFAAS_NODE_PORT=18081"?  Others that begin with P2PFAAS_
 * are of somebody else: Kubernetes makes some for a service of that name. */
bool config_is_variable(const char *entry);
/* Would the one run as the other does?  Its slots, its scheduler and how its accepted calls are
 * tried again are no part of that. */
bool config_same_function(const struct function_config *a, const struct function_config *b);
bool config_same_parameters(const struct pairs *a, const struct pairs *b);
bool config_same_choice(const struct scheduler_choice *a, const struct scheduler_choice *b);

/* The plain keys of a function. */
extern const struct p2p_param *const config_function_keys;

/* Calls for each plain key of each section: for --help and for the test that
 * plugins.yaml documents all of them. */
void config_each_key(void (*key)(void *ctx, const char *section, const struct p2p_param *p),
                     void *ctx);
/* Where a plain setting was made, for a message: "plugins.yaml:12: node.listen",
 * "--set node.listen", "environment: node.listen", or "plugins.yaml: node.listen" for a default. */
void config_place(const struct config *c, const char *section, const char *key, char *out,
                  size_t size);
/* The same for a parameter of a plugin: "plugins.yaml:12: scheduler.parameters". */
void config_parameter_place(const struct config *c, const char *section, const struct pair *p,
                            char *out, size_t size);

/* The same for the scheduler of a function of this file, or its parameter p if that is not
 * NULL: "plugins.yaml:12: functions.resize.scheduler". */
void config_choice_place(const struct config *c, const struct function_config *f,
                         const struct pair *p, char *out, size_t size);

/* The value of one plain setting as text, for GET /configuration.  `base` is the
 * section's struct inside a config. */
const void *config_section(const struct config *c, const char *section);
/* That value as anybody may see it: "***" for a secret that is set. */
void config_show(const struct config *c, const char *section, const struct p2p_param *p, char *out,
                 size_t size);
bool config_is_secret(const char *section, const char *key);

#endif
