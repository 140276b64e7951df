#include "host/node.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/data_dir.h"
#include "host/log.h"
#include "host/own_scheduler.h"
#include "host/process.h"
#include "host/route.h"
#include "host/runtimes/openfaas_gateway.h"

/* ---- making ---- */

struct engine_settings node_engine_settings(const struct config *c)
{
    return (struct engine_settings){
        .fallback = (enum engine_fallback)c->scheduler.fallback,
        .drain_timeout_ns = (uint64_t)c->scheduler.drain_timeout,
        .probe_timeout_ns = (uint64_t)c->scheduler.probe_timeout,
    };
}

static void quote(char *out, size_t size, const char *text)
{
    cJSON *s = cJSON_CreateString(text);

    if (!s || !cJSON_PrintPreallocated(s, out, (int)size, false))
        snprintf(out, size, "\"\"");
    cJSON_Delete(s);
}

static int make_shards(struct node *n, const struct config *c, char err[P2P_ERRLEN])
{
    unsigned wanted =
        c->node.threads ? (unsigned)c->node.threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);

    n->shards = calloc(wanted, sizeof(*n->shards));
    if (!n->shards) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        return -1;
    }
    for (unsigned i = 0; i < wanted; i++) {
        if (shard_init(&n->shards[i], n, i, err))
            return -1;
        n->n_shards++;
    }
    n->pin = c->node.pin && wanted > 1;
    return 0;
}

/* Descriptors that clients may not take: of peers, functions, files. */
static void warn_of_descriptors(const struct config *c)
{
    enum { RESERVE = 256 };
    unsigned long most = process_descriptors();

    if (most < (unsigned long)c->limits.connections + RESERVE)
        log_event(LOG_WARN, "few descriptors; raise RLIMIT_NOFILE or lower limits.connections",
                  LOG_INT("descriptors", (long long)most),
                  LOG_INT("connections", c->limits.connections));
}

int node_listen(struct node *n, char err[P2P_ERRLEN])
{
    static const char keys[] = "node.listen and node.port";
    unsigned connections = (unsigned)n->config->config.limits.connections;
    bool shared = n->n_shards > 1;
    int fd;

    warn_of_descriptors(&n->config->config);
    if (shared) {
        /* Shared ports would let a second node slip in: look before. */
        struct endpoint probe = n->self;

        fd = listener_open(&probe, false, keys, err);
        if (fd < 0)
            return -1;
        close(fd);
    }
    for (unsigned i = 0; i < n->n_shards; i++) {
        struct endpoint at = n->self; /* the first listener's requests may look at it already */

        fd = listener_open(&at, shared, keys, err);
        if (fd < 0 || listener_start(&n->shards[i].listener[SHARD_FRONT], &n->shards[i],
                                     &node_routes, fd, connections / n->n_shards, err))
            return -1;
    }
    return 0;
}

static int set_identity(struct node *n, const struct config *c, char err[P2P_ERRLEN])
{
    if (endpoint_parse(&n->self, c->node.listen, (uint16_t)c->node.port, err))
        return -1;
    snprintf(n->ip, sizeof(n->ip), "%s", c->node.advertise[0] ? c->node.advertise : c->node.listen);
    if (endpoint_parse(&n->advertised, n->ip, (uint16_t)c->node.port, err))
        return -1;
    snprintf(n->id, sizeof(n->id), "%s", c->node.id);
    snprintf(n->domain, sizeof(n->domain), "%s", c->gateway.namespace);
    quote(n->ip_json, sizeof(n->ip_json), n->ip);
    quote(n->id_json, sizeof(n->id_json), n->id);
    n->view.size = sizeof(n->view);
    n->view.id = P2P_NONE;
    n->memory_limit = c->limits.memory;
    n->max_hops = (uint32_t)c->scheduler.max_hops;
    n->probe_timeout_ns = (uint64_t)c->scheduler.probe_timeout;
    return 0;
}

int node_init(struct node *n, const char *file, const char *const *overrides, unsigned n_overrides,
              char err[P2P_ERRLEN])
{
    struct engine_settings settings;
    struct function_table *table;
    const struct config *c;

    memset(n, 0, sizeof(*n));
    n->owner.node = n;
    n->inotify = n->run_dir.lock = n->data_lock = -1;
    n->file = file;
    n->overrides = overrides;
    n->n_overrides = n_overrides;
    pthread_mutex_init(&n->selection, NULL);
    pthread_mutex_init(&n->admin, NULL);
    function_names_init(&n->names);
    slots_init(&n->slots, 1, 0);
    messages_init(&n->messages);
    node_learner_init(&n->learner);
    learner_http_init(&n->learner_http);
    async_init(&n->async, n);
    if (peers_init(&n->peers))
        goto fail;
    n->config = calloc(1, sizeof(*n->config));
    if (!n->config || config_load(&n->config->config, file, overrides, n_overrides, err)) {
        free(n->config);
        n->config = NULL;
        goto fail;
    }
    n->config->refs = 1;
    c = &n->config->config;
    log_configure((enum log_level)c->log.level, (enum log_format)c->log.format, c->node.id);
    if (set_identity(n, c, err) || access_init(&n->access, c, err) ||
        data_dir_lock(c->node.data_dir, &n->data_lock, err) ||
        run_dir_make(&n->run_dir, c->node.run_dir, err))
        goto fail;
    n->catalog = catalog_new(c->plugins.folder, n->run_dir.path, err);
    if (!n->catalog)
        goto fail;
    node_scan_plugins(n);
    settings = node_engine_settings(c);
    n->engine = engine_new(n->catalog, &host_world, &n->owner, &settings);
    if (!n->engine) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        goto fail;
    }
    node_learner_configure(n, c, true);
    slots_configure(&n->slots, (uint32_t)c->node.slots, (uint32_t)c->node.queue, true);
    n->peers.retry_ns = (uint64_t)c->peers.retry;
    if (peers_configure(&n->peers, c->peer, c->n_peers, err) ||
        node_select(n, c, SELECT_BOTH, err) || make_shards(n, c, err) ||
        node_openfaas_init(n, &c->openfaas, err))
        goto fail;
    timestamp_format(timestamp_now(), 0, n->started);
    if (secrets_init(&n->secrets, c, err) || deployments_init(n, err))
        goto fail;
    table = node_make_functions(n, n->config, err);
    if (!table)
        goto fail;
    node_take_functions(n, table);
    if (clerk_start(&n->clerk, err))
        goto fail;
    if (async_configure(&n->async, c, true)) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        goto fail;
    }
    return 0;
fail:
    node_release(n);
    return -1;
}

void node_release(struct node *n)
{
    clerk_stop(&n->clerk);
    async_stop(&n->async);
    node_openfaas_stop(n);
    if (n->n_shards)
        reactor_run_posted(&n->shards[0].reactor); /* what the clerk left to the main thread */
    learner_http_close(&n->learner_http);
    for (unsigned i = 0; i < n->n_shards; i++) {
        function_table_unref(n->shards[i].functions);
        n->shards[i].functions = NULL;
    }
    function_table_unref(n->functions);
    for (unsigned i = 0; i < n->n_shards; i++)
        shard_release(&n->shards[i]);
    if (n->openfaas)
        openfaas_free(n->openfaas);
    free(n->shards);
    if (n->engine)
        engine_free(n->engine);
    if (n->catalog)
        catalog_free(n->catalog);
    messages_release(&n->messages);
    node_learner_release(&n->learner);
    learner_http_release(&n->learner_http);
    async_release(&n->async);
    run_dir_release(&n->run_dir);
    if (n->data_lock >= 0)
        close(n->data_lock);
    peers_release(&n->peers);
    access_release(&n->access);
    slots_release(&n->slots);
    function_names_release(&n->names);
    node_release_offers(n);
    deployments_release(&n->deployments);
    secrets_release(&n->secrets);
    shared_config_unref(n->config);
    pthread_mutex_destroy(&n->admin);
    pthread_mutex_destroy(&n->selection);
}

/* ---- reload ---- */

/* Settings that a running node cannot change keep their old value, and it is said. */
struct comparison {
    const struct config *old, *new;
};

static void compare(void *ctx, const char *section, const struct p2p_param *p)
{
    static const char *const fixed[] = {"node",     "limits", "plugins", "learner", "discovery",
                                        "security", "docker", "gateway", "openfaas"};
    static const char *const live[] = {"slots", "queue",         "stop_timeout", "plugin",
                                       "file",  "save_interval", "expiry",       "batch_interval"};
    const struct comparison *c = ctx;
    char old[256], new[256];
    bool is_fixed = false;

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        is_fixed |= strcmp(section, fixed[i]) == 0;
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
        is_fixed &= strcmp(p->name, live[i]) != 0;
    if (!is_fixed)
        return;
    params_format(p, config_section(c->old, section), old, sizeof(old));
    params_format(p, config_section(c->new, section), new, sizeof(new));
    if (strcmp(old, new) == 0)
        return;
    config_show(c->old, section, p, old, sizeof(old));
    config_show(c->new, section, p, new, sizeof(new));
    log_event(LOG_WARN, "a changed setting needs a restart", LOG_STR("section", section),
              LOG_STR("key", p->name), LOG_STR("now", old), LOG_STR("wanted", new));
}

/* What was POSTed stays, unless the file wants another scheduler than it did before;
 * the one of the file is taken again when it was built again. */
static bool wants_scheduler(struct node *n, const struct config *c)
{
    const struct scheduler_config *before = &n->config->config.scheduler;
    struct engine_current now;

    if (strcmp(before->plugin, c->scheduler.plugin) != 0 ||
        !config_same_parameters(&before->parameters, &c->scheduler.parameters))
        return true;
    engine_describe(n->engine, &now);
    return strcmp(now.name, c->scheduler.plugin) == 0 && node_is_rebuilt(n, n->engine);
}

static bool wants_learner(struct node *n, const struct config *c)
{
    const struct learner_config *before = &n->config->config.learner;
    struct engine_learner now;
    struct catalog_learner hit;
    char err[P2P_ERRLEN];
    bool rebuilt;

    if (strcmp(before->plugin, c->learner.plugin) != 0 ||
        !config_same_parameters(&before->parameters, &c->learner.parameters))
        return true;
    engine_learner_describe(n->engine, &now);
    if (!now.at_work || catalog_find_learner(n->catalog, now.plugin, &hit, err))
        return false;
    rebuilt = strcmp(hit.module->hash, now.hash) != 0;
    module_unref(hit.module);
    return rebuilt;
}

/* What the configuration wants anew; 0, or -1 and nothing changed. */
static int select_again(struct node *n, const struct config *c, char err[P2P_ERRLEN])
{
    bool scheduler = wants_scheduler(n, c), learner = wants_learner(n, c);

    if (!scheduler && !learner)
        return 0;
    return node_select(n, c,
                       scheduler && learner ? SELECT_BOTH
                       : scheduler          ? SELECT_SCHEDULER
                                            : SELECT_LEARNER,
                       err);
}

static bool same_seeds(const struct discovery_config *a, const struct discovery_config *b)
{
    bool same = a->n_seeds == b->n_seeds;

    for (unsigned i = 0; same && i < a->n_seeds; i++)
        same = strcmp(a->seed[i].endpoint.text, b->seed[i].endpoint.text) == 0;
    return same;
}

int node_reload(struct node *n, char err[P2P_ERRLEN])
{
    struct shared_config *c = calloc(1, sizeof(*c));
    struct engine_settings settings;
    struct function_table *table;
    int rc = -1;

    if (!c) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        return -1;
    }
    if (config_load(&c->config, n->file, n->overrides, n->n_overrides, err)) {
        free(c);
        n->reload_failures++;
        return -1;
    }
    c->refs = 1;
    config_each_key(compare, &(struct comparison){.old = &n->config->config, .new = &c->config});
    if (!same_seeds(&n->config->config.discovery, &c->config.discovery))
        log_event(LOG_WARN, "a changed setting needs a restart", LOG_STR("section", "discovery"),
                  LOG_STR("key", "seeds"));
    node_scan_plugins(n);
    /* The daemon is joined as it was at the start. */
    if (config_take_docker(&c->config, &n->config->config.docker, err))
        goto end;
    /* What can fail comes first, so that a bad file changes nothing. */
    pthread_mutex_lock(&n->admin);
    table = node_make_functions(n, c, err);
    pthread_mutex_unlock(&n->admin);
    if (!table)
        goto end;
    if (select_again(n, &c->config, err)) {
        function_table_unref(table);
        goto end;
    }
    pthread_mutex_lock(&n->admin);
    node_take_functions(n, table);
    n->peers.retry_ns = (uint64_t)c->config.peers.retry;
    if (peers_configure(&n->peers, c->config.peer, c->config.n_peers, err)) {
        pthread_mutex_unlock(&n->admin);
        goto end; /* out of memory: the peers are as before */
    }
    settings = node_engine_settings(&c->config);
    engine_configure(n->engine, &settings);
    node_learner_configure(n, &c->config, false);
    async_configure(&n->async, &c->config, false);
    slots_configure(&n->slots, (uint32_t)c->config.node.slots, (uint32_t)c->config.node.queue,
                    true);
    n->max_hops = (uint32_t)c->config.scheduler.max_hops;
    n->probe_timeout_ns = (uint64_t)c->config.scheduler.probe_timeout;
    n->revive.repeat = (double)c->config.peers.retry / 1e9;
    ev_timer_again(n->shards[0].reactor.loop, &n->revive);
    log_configure((enum log_level)c->config.log.level, (enum log_format)c->config.log.format,
                  n->id);
    shared_config_unref(n->config);
    n->config = shared_config_ref(c);
    own_schedulers_configure(n);
    discovery_changed(n);
    pthread_mutex_unlock(&n->admin);
    n->reloads++;
    rc = 0;
end:
    if (rc)
        n->reload_failures++;
    shared_config_unref(c);
    return rc;
}
