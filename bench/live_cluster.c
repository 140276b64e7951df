/*
 * live_cluster.c - the nodes of a scenario, as processes.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/live_private.h"
#include "engine/engine.h"

enum { CONFIG_BYTES = 32768, LONGEST_SECONDS = 600, MOST_DEADLINE_SECONDS = 3600 };

/* ---- what can be had ---- */

static int refuse(const struct scenario *s, int line, char *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(const struct scenario *s, int line, char *err, const char *format, ...)
{
    char at[128], what[180];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    scenario_place(s, line, at, sizeof(at));
    snprintf(err, P2P_ERRLEN, "%s: %s", at, what);
    return -1;
}

static int check_run(const struct scenario *s, char *err)
{
    const struct run_config *r = &s->run;
    double seconds = ((double)r->length + (double)r->warm_up) / 1e9;

    if (s->n_nodes > CLUSTER_MAX)
        return refuse(s, 0, err, "nodes: %u; allowed live: up to %d", s->n_nodes, CLUSTER_MAX);
    if (seconds > LONGEST_SECONDS)
        return refuse(s, 0, err, "run: length and warm_up are %.0f s; allowed live: up to %d s",
                      seconds, LONGEST_SECONDS);
    if (r->replications != 1)
        return refuse(s, 0, err,
                      "run.replications: %" PRId64
                      "; allowed live: 1, intervals come from run.batches",
                      r->replications);
    if (r->target > 0)
        return refuse(s, 0, err, "run.target: %g; allowed live: 0, as both sides take as long",
                      r->target);
    return 0;
}

static int check_network(const struct scenario *s, char *err)
{
    const struct network_config *c = &s->network;

    if (c->model != DELAY_CONSTANT)
        return refuse(s, 0, err, "network.delay: allowed live: constant, as it is measured");
    if (c->loss > 0 || c->bandwidth > 0)
        return refuse(s, 0, err,
                      "network: loss %g and bandwidth %" PRId64
                      "; allowed live: 0 of both, as nothing is lost or slow on loopback",
                      c->loss, c->bandwidth);
    if (c->neighbours > 0 && c->neighbours < (int64_t)s->n_nodes - 1)
        return refuse(s, 0, err, "network.neighbours: %" PRId64 "; allowed live: 0, all nodes",
                      c->neighbours);
    if (s->n_faults > 0)
        return refuse(s, s->fault[0].line, err, "faults: allowed live: none");
    return 0;
}

int live_check(const struct scenario *s, char err[P2P_ERRLEN])
{
    if (check_run(s, err) || check_network(s, err))
        return -1;
    for (unsigned g = 0; g < s->n_groups; g++)
        if (s->group[g].speed < 1 || s->group[g].speed > 1)
            return refuse(s, s->group[g].line, err,
                          "nodes.%s.speed: %g; allowed live: 1, as all nodes share this machine",
                          s->group[g].name, s->group[g].speed);
    for (unsigned i = 0; i < s->n_functions; i++) {
        const struct sim_function_config *f = &s->function[i];

        if (f->deadline > (int64_t)MOST_DEADLINE_SECONDS * 1000000000)
            return refuse(s, f->line, err, "functions.%s.deadline: allowed live: up to %d s",
                          f->name, MOST_DEADLINE_SECONDS);
        if (f->payload > 0 || f->answer > 0)
            return refuse(s, f->line, err,
                          "functions.%s: payload %" PRId64 " and answer %" PRId64
                          "; allowed live: 0 of both, as bytes take no time on loopback",
                          f->name, f->payload, f->answer);
    }
    return 0;
}

/* ---- the processes ---- */

static char *config_of(const struct live_setup *setup)
{
    const struct scenario *s = setup->scenario;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    fprintf(f,
            "node: {threads: 1, pin: false}\n"
            "log: {level: warn}\n"
            "plugins: {folder: '%s'}\n"
            "scheduler: {plugin: local, max_hops: %" PRId64 ", probe_timeout: %" PRId64 "us}\n"
            "functions:\n",
            setup->plugins, s->network.max_hops, s->network.probe_timeout / 1000);
    for (unsigned i = 0; i < s->n_functions; i++) {
        int64_t deadline_us = s->function[i].deadline / 1000;

        fprintf(f,
                "  '%s': {mode: http, start: ahead, command: ['${BIN}/functions/sleep'], timeout: "
                "%ds, deadline: %" PRId64 "us}\n",
                s->function[i].name, MOST_DEADLINE_SECONDS,
                deadline_us ? deadline_us : (int64_t)MOST_DEADLINE_SECONDS * 1000000);
    }
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

static int launch(struct live *l, unsigned node, char *err)
{
    const struct group_config *g = &l->setup->scenario->group[live_group(l->setup->scenario, node)];
    char slots[48], queue[48], fallback[48];
    const char *settings[] = {slots, queue, fallback, NULL};

    snprintf(slots, sizeof(slots), "node.slots=%" PRId64, g->slots);
    snprintf(queue, sizeof(queue), "node.queue=%" PRId64, g->queue);
    snprintf(fallback, sizeof(fallback), "scheduler.fallback=%s",
             g->fallback == ENGINE_FALLBACK_REJECT ? "reject" : "local");
    return cluster_launch(&l->cluster, node, settings, err);
}

int live_start(struct live *l, const struct live_setup *setup, char err[P2P_ERRLEN])
{
    char *config = config_of(setup), why[CLUSTER_ERRLEN] = "out of memory";
    unsigned n = setup->scenario->n_nodes;
    int rc = -1;

    *l = (struct live){.setup = setup};
    if (config)
        rc = cluster_init(&l->cluster, setup->binary, n, config, why);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = launch(l, i, why);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = cluster_await(&l->cluster, i, why);
    if (rc == 0 && !wait_until(cluster_is_whole, &l->cluster, 10)) {
        snprintf(why, sizeof(why), "the nodes do not see each other");
        rc = -1;
    }
    if (rc)
        snprintf(err, P2P_ERRLEN, "%s", why);
    free(config);
    return rc;
}

void live_stop(struct live *l)
{
    cluster_free(&l->cluster);
}

/* ---- their schedulers ---- */

int live_select(const struct live *l, unsigned node, const char *json, char err[P2P_ERRLEN])
{
    char url[96];
    struct request rq = {.url = url, .body = json, .len = strlen(json)};
    struct reply r;
    int rc = 0;

    snprintf(url, sizeof(url), "http://%s/configuration/scheduler", l->cluster.node[node].address);
    http_call(&rq, &r);
    if (r.status != 200) {
        snprintf(err, P2P_ERRLEN, "node %s does not take the scheduler: %.180s",
                 l->cluster.node[node].id, r.status ? r.body : r.error);
        rc = -1;
    }
    reply_free(&r);
    return rc;
}

static char *scheduler_json(const struct group_config *g)
{
    cJSON *json = cJSON_CreateObject(), *parameters;
    char *text;

    cJSON_AddStringToObject(json, "name", g->plugin);
    parameters = g->by_order ? cJSON_AddArrayToObject(json, "parameters")
                             : cJSON_AddObjectToObject(json, "parameters");
    for (unsigned i = 0; i < g->n_parameters; i++) {
        if (g->by_order)
            cJSON_AddItemToArray(parameters, cJSON_CreateString(g->parameters[i].value));
        else
            cJSON_AddStringToObject(parameters, g->parameters[i].name, g->parameters[i].value);
    }
    text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

int live_select_all(const struct live *l, char err[P2P_ERRLEN])
{
    const struct scenario *s = l->setup->scenario;

    for (unsigned i = 0; i < l->cluster.n; i++) {
        char *json = scheduler_json(&s->group[live_group(s, i)]);
        int rc;

        snprintf(err, P2P_ERRLEN, "out of memory");
        rc = json ? live_select(l, i, json, err) : -1;
        free(json);
        if (rc)
            return -1;
    }
    return 0;
}

void live_url(void *ctx, const struct load_call *c, char out[LOAD_URL])
{
    const struct live *l = ctx;
    uint64_t off = (uint64_t)(l->setup->costs.run * 1e9 + 0.5);
    uint64_t sleep = c->service_ns > off ? c->service_ns - off : 0;

    snprintf(out, LOAD_URL, "http://%s/function/%s?us=%" PRIu64, l->cluster.node[c->node].address,
             l->setup->scenario->function[c->function].name, (sleep + 500) / 1000);
}
