#include "host/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/paths.h"
#include "host/async/retry.h"
#include "host/config_yaml.h"
#include "host/log.h"
#include "host/own_address.h"

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

/* ---- where a setting was made ---- */

int config_note_line(struct config *c, const struct p2p_param *key, int line)
{
    struct key_line *grown = realloc(c->lines, (c->n_lines + 1) * sizeof(*grown));

    if (!grown)
        return -1;
    c->lines = grown;
    grown[c->n_lines++] = (struct key_line){key, line};
    return 0;
}

static void place(const struct config *c, int line, const char *what, char *out, size_t size)
{
    if (line == CONFIG_LINE_SET)
        snprintf(out, size, "--set %s", what);
    else if (line == CONFIG_LINE_VARIABLE)
        snprintf(out, size, "environment: %s", what);
    else if (line == CONFIG_LINE_NONE)
        snprintf(out, size, "%.80s: %s", c->file ? c->file : "defaults", what);
    else
        snprintf(out, size, "%.80s:%d: %s", c->file, line, what);
}

void config_place(const struct config *c, const char *section, const char *key, char *out,
                  size_t size)
{
    char what[96];
    int line = CONFIG_LINE_NONE;

    for (const struct config_section *s = config_sections; s->name; s++)
        for (unsigned i = 0; strcmp(s->name, section) == 0 && i < c->n_lines; i++)
            if (c->lines[i].key == params_find(s->keys, key))
                line = c->lines[i].line;
    snprintf(what, sizeof(what), "%s.%s", section, key);
    place(c, line, what, out, size);
}

void config_parameter_place(const struct config *c, const char *section, const struct pair *p,
                            char *out, size_t size)
{
    char what[48];

    snprintf(what, sizeof(what), "%s.parameters", section);
    place(c, p->line, what, out, size);
}

void config_choice_place(const struct config *c, const struct function_config *f,
                         const struct pair *p, char *out, size_t size)
{
    char what[96];

    snprintf(what, sizeof(what), "functions.%s.scheduler", f->name);
    place(c, p && p->line ? p->line : f->own.line, what, out, size);
}

char *config_expand(const char *text)
{
    return path_expand(text, CONFIG_MAX_TEXT);
}

/* ---- lists that grow ---- */

struct pairs *config_parameters(struct config *c, const char *section)
{
    if (strcmp(section, "scheduler") == 0)
        return &c->scheduler.parameters;
    return strcmp(section, "learner") == 0 ? &c->learner.parameters : NULL;
}

void config_clear_parameters(struct pairs *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        free(p->list[i].name);
        free(p->list[i].value);
    }
    free(p->list);
    memset(p, 0, sizeof(*p));
}

int config_add_parameter(struct pairs *to, const char *name, const char *value, int line, char *err)
{
    struct pair *grown =
        to->n < CONFIG_MAX_PARAMETERS ? realloc(to->list, (to->n + 1) * sizeof(*grown)) : NULL;
    struct pair *p;

    if (!grown) {
        snprintf(err, P2P_ERRLEN, "more than %d parameters, or out of memory",
                 CONFIG_MAX_PARAMETERS);
        return -1;
    }
    to->list = grown;
    p = &grown[to->n];
    *p = (struct pair){name ? strdup(name) : NULL, strdup(value), line};
    to->n++;
    if (p->value && (p->name || !name))
        return 0;
    snprintf(err, P2P_ERRLEN, "out of memory");
    return -1;
}

struct peer_list config_peers(struct config *c)
{
    return (struct peer_list){&c->peer, &c->n_peers, false};
}

struct peer_list config_seeds(struct config *c)
{
    return (struct peer_list){&c->discovery.seed, &c->discovery.n_seeds, true};
}

static void free_peer(struct peer_config *p)
{
    free(p->name);
    free(p->address);
}

void config_clear_peers(struct peer_list l)
{
    for (unsigned i = 0; i < *l.n; i++)
        free_peer(&(*l.peer)[i]);
    free(*l.peer);
    *l.peer = NULL;
    *l.n = 0;
}

static unsigned hash_of(const char *text)
{
    unsigned hash;

    HASH_JEN(text, strlen(text), hash);
    return hash;
}

static bool same(unsigned hash, const char *text, unsigned other_hash, const char *other)
{
    return hash == other_hash && strcmp(text, other) == 0;
}

/* Room for one more; the list doubles. */
static struct peer_config *grow(struct peer_list l)
{
    unsigned n = *l.n;

    if (n >= CONFIG_MAX_PEERS)
        return NULL;
    return n & (n - 1) ? *l.peer : realloc(*l.peer, (n ? 2 * n : 1) * sizeof(**l.peer));
}

/* Its endpoint; without an address when it is told by name. */
static int read_address(struct peer_list l, const char *address, int64_t port, struct endpoint *out,
                        char *err)
{
    char host[ENDPOINT_HOST];
    uint16_t own_port;

    if (endpoint_parse(out, address, (uint16_t)port, err) == 0)
        return 0;
    if (!l.may_be_names)
        return -1;
    memset(out, 0, sizeof(*out));
    snprintf(out->text, sizeof(out->text), "%s", address);
    if (endpoint_split_name(address, (uint16_t)port, host, &own_port) == 0)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "'%.80s' is neither a numeric address nor the name of a host; allowed: 10.0.0.2, "
             "10.0.0.2:19000, [::1]:19000, n2, n2.example.org:19000",
             address);
    return -1;
}

struct peer_config *config_add_peer(struct peer_list l, const char *name, const char *address,
                                    char *err)
{
    struct endpoint probe;
    struct peer_config *grown,
        added = {.name_hash = hash_of(name), .address_hash = hash_of(address)};

    if (read_address(l, address, 1, &probe, err))
        return NULL;
    for (const struct peer_config *p = *l.peer; p && p < *l.peer + *l.n; p++)
        if (same(p->name_hash, p->name, added.name_hash, name) ||
            same(p->address_hash, p->address, added.address_hash, address)) {
            snprintf(err, P2P_ERRLEN, "'%.80s' is listed twice", name);
            return NULL;
        }
    grown = grow(l);
    if (!grown) {
        snprintf(err, P2P_ERRLEN, "more than %d nodes, or out of memory", CONFIG_MAX_PEERS);
        return NULL;
    }
    *l.peer = grown;
    added.name = strdup(name);
    added.address = strdup(address);
    grown[*l.n] = added;
    return &grown[(*l.n)++];
}

char *config_data_path(const struct config *c, const char *name, bool *failed)
{
    bool absolute = c->node.data_dir[0] == '/';
    char *here, *path = NULL;

    *failed = false;
    if (!c->node.data_dir[0])
        return NULL;
    here = absolute ? strdup("") : getcwd(NULL, 0);
    *failed = !here ||
              asprintf(&path, "%s%s%s/%s", here, absolute ? "" : "/", c->node.data_dir, name) < 0;
    free(here);
    return *failed ? NULL : path;
}

/* ---- life ---- */

void config_release(struct config *c)
{
    for (const struct config_section *s = config_sections; s->name; s++)
        params_release(s->keys, (char *)c + s->offset);
    config_clear_parameters(&c->scheduler.parameters);
    config_clear_parameters(&c->learner.parameters);
    config_clear_peers(config_peers(c));
    config_clear_peers(config_seeds(c));
    for (unsigned i = 0; i < c->n_functions; i++)
        config_release_function(&c->function[i]);
    free(c->function);
    free(c->lines);
    free(c->file);
    memset(c, 0, sizeof(*c));
}

static int set_defaults(struct config *c, char err[P2P_ERRLEN])
{
    for (const struct config_section *s = config_sections; s->name; s++)
        if (params_defaults(s->keys, (char *)c + s->offset, err))
            return -1;
    return 0;
}

/* Completes addresses with the port; the node itself is skipped. */
static int finish_peers(struct config *c, const char *section, struct peer_list l, int64_t port,
                        char err[P2P_ERRLEN])
{
    struct peer_config *list = *l.peer;
    struct endpoint self;
    unsigned kept = 0;

    if (endpoint_parse(&self, c->node.advertise[0] ? c->node.advertise : c->node.listen,
                       (uint16_t)port, err))
        return -1;
    for (unsigned i = 0; i < *l.n; i++) {
        struct peer_config *p = &list[i];

        if (read_address(l, p->address, port, &p->endpoint, err))
            return -1; /* its form was checked, with its line, when it was read */
        p->endpoint_hash = hash_of(p->endpoint.length ? p->endpoint.text : p->address);
        for (unsigned k = 0; k < i; k++)
            if (same(list[k].endpoint_hash, list[k].endpoint.text, p->endpoint_hash,
                     p->endpoint.text)) {
                snprintf(err, P2P_ERRLEN, "%s: %s: '%s' and '%s' have the same address",
                         c->file ? c->file : "defaults", section, list[k].name, p->name);
                return -1;
            }
    }
    for (unsigned i = 0; i < *l.n; i++) {
        if (strcmp(list[i].endpoint.text, self.text) == 0)
            free_peer(&list[i]);
        else
            list[kept++] = list[i];
    }
    *l.n = kept;
    return 0;
}

static int check_address(const struct config *c, const char *key, const char *text,
                         char err[P2P_ERRLEN])
{
    char where[CONFIG_PLACE];

    if (endpoint_is_bare(text))
        return 0;
    config_place(c, "node", key, where, sizeof(where));
    snprintf(err, P2P_ERRLEN,
             "%s: '%.64s' is not a numeric address without a port; allowed: as in 127.0.0.1, "
             "0.0.0.0, ::1",
             where, text);
    return -1;
}

/* "auto" becomes an address. */
static int find_advertised(struct config *c, char err[P2P_ERRLEN])
{
    char where[CONFIG_PLACE], found[INET6_ADDRSTRLEN], why[P2P_ERRLEN];

    if (strcmp(c->node.advertise, "auto") != 0)
        return 0;
    if (own_address(found, why)) {
        config_place(c, "node", "advertise", where, sizeof(where));
        snprintf(err, P2P_ERRLEN, "%s: auto: %.180s", where, why);
        return -1;
    }
    free((char *)(uintptr_t)c->node.advertise);
    c->node.advertise = strdup(found);
    return c->node.advertise ? 0 : -1;
}

static int check_codes(const struct config *c, char err[P2P_ERRLEN])
{
    char where[CONFIG_PLACE], why[P2P_ERRLEN];
    struct retry_codes codes;

    if (retry_codes_read(&codes, c->async.codes, why) == 0)
        return 0;
    config_place(c, "async", "codes", where, sizeof(where));
    snprintf(err, P2P_ERRLEN, "%s: %s", where, why);
    return -1;
}

static bool is_wildcard(const char *address)
{
    return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* Does it have peers, or can it come to have some? */
static bool has_peers(const struct config *c)
{
    bool served = c->security.secret[0] || c->security.trust_network;

    return c->n_peers || c->discovery.n_seeds || (served && c->discovery.source != DISCOVERY_NONE);
}

/* What can only be said when all of it is read. */
static int finish(struct config *c, char err[P2P_ERRLEN])
{
    char where[CONFIG_PLACE];
    struct endpoint self;
    char *folder = config_expand(c->plugins.folder);

    if (!folder) {
        config_place(c, "plugins", "folder", where, sizeof(where));
        snprintf(err, P2P_ERRLEN, "%s: longer than %d bytes, or out of memory", where,
                 CONFIG_MAX_TEXT);
        return -1;
    }
    free((char *)(uintptr_t)c->plugins.folder);
    c->plugins.folder = folder;
    if (find_advertised(c, err) || check_address(c, "listen", c->node.listen, err) ||
        (c->node.advertise[0] && check_address(c, "advertise", c->node.advertise, err)))
        return -1;
    if (endpoint_parse(&self, c->node.advertise[0] ? c->node.advertise : c->node.listen,
                       (uint16_t)c->node.port, err))
        return -1;
    if (finish_peers(c, "peers.nodes", config_peers(c), c->node.port, err) ||
        finish_peers(c, "discovery.seeds", config_seeds(c), c->discovery.port, err))
        return -1;
    if (c->discovery.source == DISCOVERY_P2P && c->discovery.port == c->node.port) {
        config_place(c, "discovery", "port", where, sizeof(where));
        snprintf(err, P2P_ERRLEN, "%s: %d is node.port too; allowed: another one", where,
                 (int)c->node.port);
        return -1;
    }
    if (config_finish_security(c, err) || check_codes(c, err))
        return -1;
    if (has_peers(c) && !c->node.advertise[0] && is_wildcard(c->node.listen)) {
        config_place(c, "node", "listen", where, sizeof(where));
        snprintf(err, P2P_ERRLEN,
                 "%s is %s and there are peers, or can be: node.advertise must be the address that "
                 "they use for this node, or auto",
                 where, c->node.listen);
        return -1;
    }
    if (!c->node.id[0]) {
        free((char *)(uintptr_t)c->node.id);
        c->node.id = strdup(self.text);
    }
    c->docker.node = c->node.id;
    for (unsigned i = 0; i < c->n_functions; i++)
        c->function[i].docker = &c->docker;
    return c->node.id ? 0 : -1;
}

int config_load(struct config *c, const char *file, const char *const *overrides,
                unsigned n_overrides, char err[P2P_ERRLEN])
{
    int rc = -1;

    memset(c, 0, sizeof(*c));
    if (set_defaults(c, err))
        goto end;
    if (file && !(c->file = strdup(file)))
        goto end;
    if (file && config_read_file(c, file, err))
        goto end;
    for (unsigned i = 0; i < n_overrides; i++)
        if (config_override(c, overrides[i], err))
            goto end;
    rc = finish(c, err);
end:
    if (rc)
        config_release(c);
    return rc;
}
