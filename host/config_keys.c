/*
 * config_keys.c - the keys of each section of plugins.yaml: types, ranges, defaults and help.
 */
#include <string.h>

#include "host/config_yaml.h"
#include "host/log.h"

#define SECOND 1e9
#define HOUR 3600e9

static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const fallbacks[] = {"local", "reject", NULL};
static const char *const sources[] = {"p2p", "etcd", "none", NULL};
static const char *const pulls[] = {"missing", "never", "always", NULL};

#define INT P2P_PARAM_INT
#define BOOL P2P_PARAM_BOOL
#define STRING P2P_PARAM_STRING
#define DURATION P2P_PARAM_DURATION
#define SIZE P2P_PARAM_SIZE
#define CHOICE(T, f, d, ch, h) P2P_PARAM_(P2P_ENUM, 0, T, f, d, 0, 0, NULL, ch, h)

static const struct p2p_param node_keys[] = {
    STRING(struct node_config, id, "", "name in the cluster; empty: its address and port"),
    STRING(struct node_config, listen, "127.0.0.1", "numeric address to listen on"),
    STRING(struct node_config, advertise, "",
           "numeric address that peers know this node by; auto: that of the default route; empty: "
           "as listen"),
    INT(struct node_config, port, 18080, 1, 65535, "TCP port to listen on"),
    INT(struct node_config, threads, 0, 0, 256, "threads that serve; 0: one a core"),
    BOOL(struct node_config, pin, true, "keep each thread on its core"),
    INT(struct node_config, slots, 4, 1, 65536, "functions that run at once"),
    INT(struct node_config, queue, 4, 0, 1000000, "jobs that wait for a slot"),
    STRING(struct node_config, run_dir, "",
           "folder for private copies of plugins, not mounted noexec; empty: a new one under "
           "XDG_RUNTIME_DIR or /tmp"),
    DURATION(struct node_config, stop_timeout, 30 * SECOND, 0, HOUR,
             "time that open jobs have to end when the node stops"),
    STRING(struct node_config, data_dir, "",
           "folder for what is kept over a restart; empty: nothing is"),
    P2P_PARAM_END};

static const struct p2p_param log_keys[] = {
    CHOICE(struct log_config, level, LOG_INFO, levels, "least level that is written"),
    CHOICE(struct log_config, format, LOG_FORMAT_TEXT, formats, "lines for people or machines"),
    P2P_PARAM_END};

static const struct p2p_param limits_keys[] = {
    SIZE(struct limits_config, body, 16 << 20, 0, 1 << 30, "a request's or an answer's body"),
    SIZE(struct limits_config, headers, 8 << 10, 4 << 10, 1 << 20,
         "header fields of a request or an answer"),
    SIZE(struct limits_config, memory, 256 << 20, 1 << 20, 64.0 * (1 << 30),
         "request bodies held at once; beyond it 503"),
    INT(struct limits_config, connections, 4096, 1, 1000000, "client connections"),
    DURATION(struct limits_config, idle_timeout, 60 * SECOND, SECOND, HOUR,
             "a client that sends nothing is closed after it"),
    INT(struct limits_config, upstream, 256, 1, 65536,
        "connections a thread keeps to one function or peer; more calls wait"),
    DURATION(struct limits_config, connect_timeout, 1 * SECOND, 1e6, 60 * SECOND,
             "time to connect to a peer"),
    P2P_PARAM_END};

static const struct p2p_param plugins_keys[] = {
    STRING(struct plugins_config, folder, "${BIN}/plugins",
           "where the plugins are; a file dropped there can be selected at once"),
    P2P_PARAM_END};

static const struct p2p_param scheduler_keys[] = {
    STRING(struct scheduler_config, plugin, "power_of_choices",
           "which plugin decides: its name, or a name of the original P2PFaaS"),
    CHOICE(struct scheduler_config, fallback, 0, fallbacks,
           "what happens to a job whose plugin breaks the rules"),
    DURATION(struct scheduler_config, drain_timeout, 30 * SECOND, 0, HOUR,
             "time that jobs of a replaced plugin have to end under it"),
    DURATION(struct scheduler_config, probe_timeout, 1 * SECOND, 1e6, 60 * SECOND,
             "the longest a decision waits for peers to tell their load"),
    INT(struct scheduler_config, max_hops, 16, 0, 1000,
        "forwards a job may make, whatever the plugins say"),
    P2P_PARAM_END};

static const struct p2p_param learner_keys[] = {
    STRING(struct learner_config, plugin, "",
           "which learner a scheduler that learns asks: its name; empty: none"),
    STRING(struct learner_config, file, "",
           "where what it knows is kept over a restart; empty: nowhere"),
    DURATION(struct learner_config, save_interval, 300 * SECOND, 0, 24 * HOUR,
             "how often it is saved; 0s: only when it is replaced and at the stop"),
    INT(struct learner_config, most_episodes, 65536, 1, 16777216,
        "choices that wait for their reward; beyond it the oldest is given up"),
    DURATION(struct learner_config, expiry, 60 * SECOND, 1e6, 24 * HOUR,
             "a choice without a reward is given up after it"),
    INT(struct learner_config, batch, 32, 1, 65536, "rewarded choices that are learned at once"),
    DURATION(struct learner_config, batch_interval, 1e8, 1e6, HOUR,
             "fewer than a batch are learned after it"),
    INT(struct learner_config, port, 19020, 0, 65535,
        "TCP port where it is asked and taught as that of the original P2PFaaS; 0: none"),
    P2P_PARAM_END};

static const struct p2p_param peers_keys[] = {
    DURATION(struct peers_config, retry, 1 * SECOND, 1e7, HOUR,
             "a peer that failed is asked again after it, then less and less often"),
    P2P_PARAM_END};

static const struct p2p_param discovery_keys[] = {
    CHOICE(struct discovery_config, source, DISCOVERY_P2P, sources,
           "p2p: nodes find each other; etcd: through an etcd server; none: peers.nodes only"),
    INT(struct discovery_config, port, 19000, 1, 65535, "UDP and TCP port of discovery"),
    STRING(struct discovery_config, group, "p2pfaas", "a label that other nodes see"),
    DURATION(struct discovery_config, poll, 10 * SECOND, 1e8, HOUR,
             "how often a node of the original P2PFaaS is asked whom it knows"),
    DURATION(struct discovery_config, probe_interval, 0.5 * SECOND, 1e7, 60 * SECOND,
             "how often some other node is checked"),
    DURATION(struct discovery_config, probe_timeout, 0.3 * SECOND, 1e6, 60 * SECOND,
             "time for its answer, before others are asked to check it"),
    STRING(struct discovery_config, etcd, "http://127.0.0.1:2379",
           "URLs of etcd servers, separated by commas"),
    STRING(struct discovery_config, etcd_prefix, "/p2pfaas/", "under which the nodes have keys"),
    DURATION(struct discovery_config, etcd_ttl, 10 * SECOND, 2 * SECOND, HOUR,
             "a node that is silent for it is gone"),
    STRING(struct discovery_config, etcd_user, "", "empty: no login"),
    STRING(struct discovery_config, etcd_password, "", "of that user"),
    P2P_PARAM_END};

static const struct p2p_param security_keys[] = {
    STRING(struct security_config, secret, "",
           "of the cluster: peers prove that they know it; empty: nobody has to"),
    DURATION(struct security_config, clock_skew, 30 * SECOND, SECOND, HOUR,
             "the most that the clocks of two nodes may differ"),
    STRING(struct security_config, secret_file, "",
           "its first line is the secret; others must not be able to read the file"),
    STRING(struct security_config, user, "", "of the administrative REST; empty: nobody is asked"),
    STRING(struct security_config, password, "", "of that user"),
    STRING(struct security_config, password_file, "",
           "its first line is the password; others must not be able to read the file"),
    BOOL(struct security_config, trust_network, false,
         "serve peers and administration beyond loopback without secret and password"),
    P2P_PARAM_END};

static const struct p2p_param docker_keys[] = {
    STRING(struct docker_config, socket, "/var/run/docker.sock",
           "of the Docker daemon that runs functions of runtime docker"),
    CHOICE(struct docker_config, pull, PULL_MISSING, pulls,
           "when an image is fetched from its registry"),
    DURATION(struct docker_config, pull_timeout, 300 * SECOND, SECOND, HOUR,
             "time to fetch an image"),
    BOOL(struct docker_config, keep, false,
         "containers go on when the node stops; it takes them up again at its next start"),
    P2P_PARAM_END};

static const struct p2p_param gateway_keys[] = {
    STRING(struct gateway_config, namespace, "openfaas-fn",
           "of this node's functions: /function/NAME.NAMESPACE is /function/NAME"),
    P2P_PARAM_END};

static const struct p2p_param openfaas_keys[] = {
    STRING(struct openfaas_config, gateway, "",
           "URL of an OpenFaaS gateway whose functions this node can run; empty: none"),
    STRING(struct openfaas_config, user, "", "of the gateway; empty: no login"),
    STRING(struct openfaas_config, password, "", "of that user"),
    STRING(struct openfaas_config, password_file, "",
           "its first line is the password; others must not be able to read the file"),
    STRING(struct openfaas_config, namespace, "openfaas-fn", "of the functions there"),
    DURATION(struct openfaas_config, refresh, 10 * SECOND, 1e8, HOUR,
             "how often the gateway is asked what it has"),
    BOOL(struct openfaas_config, offer, true, "this node offers what the gateway lists"),
    P2P_PARAM_END};

static const struct p2p_param async_keys[] = {
    INT(struct async_config, concurrency, 0, 0, 65536, "calls at work at once; 0: as node.slots"),
    INT(struct async_config, queue, 100000, 1, 10000000,
        "calls that are accepted and not over; beyond it 429"),
    SIZE(struct async_config, bytes, 256 << 20, 1 << 20, 1024.0 * (1 << 30),
         "bytes of those calls, beyond it 429; and as many of kept results"),
    INT(struct async_config, attempts, 10, 1, 1000, "runs of a call, and tries of its callback"),
    DURATION(struct async_config, min_wait, 10 * SECOND, 1e6, HOUR,
             "the most that is waited before the second attempt; it doubles with each"),
    DURATION(struct async_config, max_wait, 120 * SECOND, 1e6, 24 * HOUR,
             "the most that is waited before any attempt"),
    STRING(struct async_config, codes, "408,429,500,502,503,504",
           "statuses of a function after which it is called again"),
    DURATION(struct async_config, expiry, 24 * HOUR, SECOND, 720 * HOUR,
             "a call that found no room to run for so long has failed"),
    DURATION(struct async_config, callback_timeout, 30 * SECOND, 1e8, HOUR,
             "for one try of a callback"),
    DURATION(struct async_config, keep, HOUR, 0, 720 * HOUR, "how long results are kept"),
    SIZE(struct async_config, result, 1 << 20, 0, 64 << 20, "bytes that are kept of a result"),
    P2P_PARAM_END};

const struct config_section config_sections[] = {
    {"node", node_keys, offsetof(struct config, node)},
    {"log", log_keys, offsetof(struct config, log)},
    {"limits", limits_keys, offsetof(struct config, limits)},
    {"plugins", plugins_keys, offsetof(struct config, plugins)},
    {"scheduler", scheduler_keys, offsetof(struct config, scheduler)},
    {"learner", learner_keys, offsetof(struct config, learner)},
    {"peers", peers_keys, offsetof(struct config, peers)},
    {"discovery", discovery_keys, offsetof(struct config, discovery)},
    {"security", security_keys, offsetof(struct config, security)},
    {"docker", docker_keys, offsetof(struct config, docker)},
    {"gateway", gateway_keys, offsetof(struct config, gateway)},
    {"openfaas", openfaas_keys, offsetof(struct config, openfaas)},
    {"async", async_keys, offsetof(struct config, async)},
    {NULL, NULL, 0}};

const void *config_section(const struct config *c, const char *section)
{
    for (const struct config_section *s = config_sections; s->name; s++)
        if (strcmp(s->name, section) == 0)
            return (const char *)c + s->offset;
    return NULL;
}

void config_each_key(void (*key)(void *ctx, const char *section, const struct p2p_param *p),
                     void *ctx)
{
    for (const struct config_section *s = config_sections; s->name; s++)
        for (const struct p2p_param *p = s->keys; p->name; p++)
            key(ctx, s->name, p);
}
