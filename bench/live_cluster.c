/*
 * live_cluster.c - the nodes of a scenario, as processes.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/live_private.h"
#include "engine/engine.h"

enum { LIVE_PATH = 512, LONGEST_SECONDS = 600, MOST_DEADLINE_SECONDS = 3600 };

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

static void write_parameters(FILE *f, const struct group_learner *l)
{
    fputs(l->by_order ? "[" : "{", f);
    for (unsigned i = 0; i < l->n_parameters; i++) {
        if (!l->by_order)
            fprintf(f, "'%s': ", l->parameters[i].name);
        fprintf(f, "'%s'%s", l->parameters[i].value, i + 1 < l->n_parameters ? ", " : "");
    }
    fputs(l->by_order ? "]" : "}", f);
}

static void write_learner(FILE *f, const struct group_learner *l)
{
    fprintf(f, "learner:\n  plugin: '%s'\n  parameters: ", l->plugin);
    write_parameters(f, l);
    fprintf(f,
            "\n  most_episodes: %" PRId64 "\n  expiry: %" PRId64 "us\n  batch: %" PRId64
            "\n  batch_interval: %" PRId64 "us\n",
            l->most_episodes, l->expiry / 1000, l->batch, l->batch_interval / 1000);
}

/* Of the nodes of a group. */
static char *config_of(const struct live_setup *setup, const struct group_config *g)
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
            "scheduler: {plugin: local, max_hops: %" PRId64 ", probe_timeout: %" PRId64 "us}\n",
            setup->plugins, s->network.max_hops, s->network.probe_timeout / 1000);
    if (g->learner.plugin[0])
        write_learner(f, &g->learner);
    fputs("functions:\n", f);
    for (unsigned i = 0; i < s->n_functions; i++) {
        int64_t deadline_us = s->function[i].deadline / 1000;

        fprintf(f,
                "  '%s': {mode: http, start: ahead, command: ['${BIN}/functions/sleep', '%.9g'], "
                "timeout: %ds, deadline: %" PRId64 "us}\n",
                s->function[i].name, g->speed, MOST_DEADLINE_SECONDS,
                deadline_us ? deadline_us : (int64_t)MOST_DEADLINE_SECONDS * 1000000);
    }
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

/* A node writes its file when it stops: it gets a copy. */
static int copy_learner(const struct live *l, unsigned node, const char *file, char to[LIVE_PATH],
                        char *err)
{
    char from[LIVE_PATH], block[4096];
    unsigned first = 0, g = live_group(l->setup->scenario, node);
    FILE *in, *out = NULL;
    size_t n;
    int rc = -1;

    for (unsigned i = 0; i < g; i++)
        first += (unsigned)l->setup->scenario->group[i].count;
    scenario_learner_file(file, l->setup->scenario->group[g].name, node - first, from,
                          sizeof(from));
    snprintf(to, LIVE_PATH, "%s/n%u.learner", l->cluster.dir, node + 1);
    in = fopen(from, "re");
    if (in)
        out = fopen(to, "we");
    while (out && (n = fread(block, 1, sizeof(block), in)) > 0)
        fwrite(block, 1, n, out);
    if (out)
        rc = ferror(in) | ferror(out) ? -1 : 0;
    if (out && fclose(out))
        rc = -1;
    if (in)
        fclose(in);
    if (rc)
        snprintf(err, CLUSTER_ERRLEN, "%.200s: cannot be read, or copied to %.200s", from, to);
    return rc;
}

/* Nodes of the group that start read it; none must find it half written. */
static void name_config(struct live *l, unsigned group)
{
    snprintf(l->cluster.config, sizeof(l->cluster.config), "%s/group-%u.yaml", l->cluster.dir,
             group);
}

static int write_config(struct live *l, unsigned group, char *err)
{
    char *text = config_of(l->setup, &l->setup->scenario->group[group]);
    FILE *f;
    bool good;

    name_config(l, group);
    f = text ? fopen(l->cluster.config, "we") : NULL;
    good = f && fputs(text, f) >= 0;
    if (f && fclose(f))
        good = false;
    free(text);
    if (!good)
        snprintf(err, CLUSTER_ERRLEN, "%s: cannot be written", l->cluster.config);
    return good ? 0 : -1;
}

static int launch(struct live *l, unsigned node, char *err)
{
    unsigned group = live_group(l->setup->scenario, node);
    const struct group_config *g = &l->setup->scenario->group[group];
    char slots[48], queue[48], fallback[48], path[LIVE_PATH], file[LIVE_PATH + 16];
    const char *settings[] = {slots, queue, fallback, NULL, NULL};

    snprintf(slots, sizeof(slots), "node.slots=%" PRId64, g->slots);
    snprintf(queue, sizeof(queue), "node.queue=%" PRId64, g->queue);
    snprintf(fallback, sizeof(fallback), "scheduler.fallback=%s",
             g->fallback == ENGINE_FALLBACK_REJECT ? "reject" : "local");
    if (g->learner.plugin[0] && g->learner.file[0]) {
        if (copy_learner(l, node, g->learner.file, path, err))
            return -1;
        snprintf(file, sizeof(file), "learner.file=%s", path);
        settings[3] = file;
    }
    name_config(l, group);
    return cluster_launch(&l->cluster, node, settings, err);
}

int live_start(struct live *l, const struct live_setup *setup, char err[P2P_ERRLEN])
{
    char why[CLUSTER_ERRLEN];
    unsigned n = setup->scenario->n_nodes;
    int rc;

    *l = (struct live){.setup = setup};
    rc = cluster_init(&l->cluster, setup->binary, n, "", why);
    for (unsigned g = 0; rc == 0 && g < setup->scenario->n_groups; g++)
        rc = write_config(l, g, why);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = launch(l, i, why);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = cluster_await(&l->cluster, i, why);
    if (rc == 0 && !wait_until(cluster_is_whole, &l->cluster, 10)) {
        snprintf(why, sizeof(why), "the nodes do not see each other");
        rc = -1;
    }
    if (rc)
        snprintf(err, P2P_ERRLEN, "%.250s", why);
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
