/*
 * world.c - what the engine asks of the simulated node.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sim/model.h"
#include "sim/trace_log.h"

static void enter(void *ctx, struct p2p_request *rq)
{
    struct node *n = ctx;

    if (!rq)
        return;
    rq->now_ns = n->sim->now_ns;
    rq->node = &n->view;
    rq->peers = n->peers;
    rq->n_peers = n->n_peers;
}

static void leave(void *ctx)
{
    (void)ctx;
}

static uint64_t now(void *ctx)
{
    const struct node *n = ctx;

    return n->sim->now_ns;
}

static bool peer_up(void *ctx, uint32_t peer)
{
    return view_has(ctx, peer);
}

static uint32_t peer_id(void *ctx, const char *name)
{
    struct node *n = ctx;
    const struct simulation *s = n->sim;
    const char *dash = strrchr(name, '-');
    uint32_t first = 0;

    for (unsigned g = 0; dash && g < s->scenario->n_groups; g++) {
        const struct group_config *c = &s->scenario->group[g];
        size_t len = (size_t)(dash - name);

        if (strlen(c->name) == len && memcmp(c->name, name, len) == 0) {
            unsigned long i = strtoul(dash + 1, NULL, 10);

            return i < (unsigned long)c->count && first + i != n->view.id ? first + (uint32_t)i
                                                                          : P2P_NONE;
        }
        first += (uint32_t)c->count;
    }
    return P2P_NONE;
}

/* Also the judge of who can be a peer at all. */
static const char *peer_name(void *ctx, uint32_t peer)
{
    struct node *n = ctx;

    if (peer >= n->sim->n_nodes || peer == n->view.id)
        return NULL;
    return node_name(n->sim, peer);
}

static const char *function_name(void *ctx, uint32_t function)
{
    const struct node *n = ctx;
    const struct scenario *c = n->sim->scenario;

    return function > 0 && function <= c->n_functions ? c->function[function - 1].name : NULL;
}

static const char *address(void *ctx, uint32_t peer)
{
    const struct node *n = ctx;

    if (peer == P2P_NONE)
        return node_name(n->sim, n->view.id);
    return peer < n->sim->n_nodes ? node_name(n->sim, peer) : NULL;
}

static bool tell(void *ctx, uint32_t peer, const char *scheduler, const void *message, uint32_t len)
{
    struct node *n = ctx;
    struct simulation *s = n->sim;
    struct node *to;
    struct message *m;

    if (n->downs || !view_has(n, peer) || s->messages == MESSAGES_LIMIT)
        return false;
    s->messages_sent++;
    to = &s->nodes[peer];
    if (!network_reach(n, to) || network_loses(s))
        return true;
    m = malloc(sizeof(*m) + len);
    if (!m)
        return false;
    *m = (struct message){.from = n->view.id, .to = peer, .scheduler = scheduler, .len = len};
    memcpy(m->bytes, message, len);
    s->messages++;
    if (s->trace && trace_wants(s->trace))
        trace_line(s->trace, s->now_ns, node_name(s, n->view.id), 0, "message", node_name(s, peer),
                   "%u bytes", len);
    put(s, s->now_ns + network_delay(s, n, to) + (uint64_t)s->scenario->network.probe_cost,
        EV_MESSAGE, 0, m, 0, 0);
    return true;
}

/* Outside of the node there is nothing. */
static bool http(void *ctx, uint64_t learner, const struct p2p_http_request *request)
{
    (void)ctx;
    (void)learner;
    (void)request;
    return false;
}

void message_arrive(struct simulation *s, struct message *m)
{
    struct node *to = &s->nodes[m->to];

    s->messages--;
    if (!to->downs)
        engine_hear(to->engine, m->from, m->scheduler, m->bytes, m->len);
    free(m);
}

static uint64_t seed(void *ctx)
{
    struct node *n = ctx;
    struct random r;

    random_stream(&r, n->sim->seed, (uint64_t)n->view.id << 32 | ++n->seeds);
    return random_next(&r);
}

static void log_plugin(void *ctx, const char *instance, uint32_t level, const char *msg)
{
    struct node *n = ctx;
    struct simulation *s = n->sim;

    if (level < P2P_LOG_WARN && !s->trace)
        return;
    if (++s->plugin_lines > PLUGIN_LINES_SHOWN)
        return;
    fprintf(stderr, "%.6f s %s, %s: %s%s\n", (double)s->now_ns / 1e9, node_name(s, n->view.id),
            instance, msg, s->plugin_lines == PLUGIN_LINES_SHOWN ? " (no more is shown)" : "");
}

static const struct world sim_world = {
    .enter = enter,
    .leave = leave,
    .now = now,
    .peer_up = peer_up,
    .peer_id = peer_id,
    .peer_name = peer_name,
    .function_name = function_name,
    .address = address,
    .tell = tell,
    .http = http,
    .seed = seed,
    .log = log_plugin,
    .run_here = sim_run_here,
    .forward = sim_forward,
    .refuse = sim_refuse,
    .start_probes = sim_start_probes,
    .start_timer = sim_start_timer,
    .stop_waiting = sim_stop_waiting,
    .wake = sim_wake,
};

/* ---- the scheduler of a node ---- */

static void schedule_tick(struct node *n, uint64_t period, uint64_t in)
{
    if (period)
        put(n->sim, n->sim->now_ns + in, EV_TICK, 0, n, n->lives, 0);
}

void node_tick(struct node *n)
{
    uint64_t period = engine_tick(n->engine);

    schedule_tick(n, period, period);
}

/* ---- its learner ---- */

static void schedule_learning(struct node *n)
{
    const struct group_learner *l = &n->sim->scenario->group[n->group].learner;

    put(n->sim, n->sim->now_ns + (uint64_t)l->batch_interval, EV_LEARN, 0, n, n->lives, 0);
}

void node_learn(struct node *n)
{
    engine_learn(n->engine);
    schedule_learning(n);
}

static void learner_configure(struct node *n, const struct group_learner *l)
{
    const struct learner_settings settings = {.most_episodes = (uint32_t)l->most_episodes,
                                              .batch = (uint32_t)l->batch,
                                              .expiry_ns = (uint64_t)l->expiry,
                                              .interval_ns = (uint64_t)l->batch_interval};

    engine_configure_learner(n->engine, &settings);
}

static int refuse(const struct node *n, const char *what, int line, const char *why, char *err)
{
    const struct scenario *c = n->sim->scenario;
    char at[128];

    scenario_place(c, line, at, sizeof(at));
    snprintf(err, P2P_ERRLEN, "%s: nodes.%s.%s: %.180s", at, c->group[n->group].name, what, why);
    return -1;
}

static int learner_start(struct node *n, const struct group_learner *l, char *err)
{
    char why[P2P_ERRLEN] = "the path is too long", path[PATH_MAX];
    struct engine_learner now;

    engine_learner_describe(n->engine, &now);
    if (now.outside)
        return refuse(n, "learner", l->plugin_line,
                      "it works outside of the node, and nothing outside is simulated", err);
    schedule_learning(n);
    if (!l->file[0])
        return 0;
    return !scenario_learner_file(l->file, n->sim->scenario->group[n->group].name, n->nth, path,
                                  sizeof(path)) ||
                   engine_learner_load(n->engine, path, why)
               ? refuse(n, "learner.file", l->file_line, why, err)
               : 0;
}

int learners_save(const struct simulation *s, const char *folder, char err[P2P_ERRLEN])
{
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        struct engine_learner now;
        char *path;
        int rc;

        if (!s->nodes[i].engine)
            continue;
        engine_learner_describe(s->nodes[i].engine, &now);
        if (!now.at_work || !now.saves)
            continue;
        if (asprintf(&path, "%s/%s.learner", folder, node_name(s, i)) < 0) {
            snprintf(err, P2P_ERRLEN, "out of memory for the path of a learner");
            return -1;
        }
        rc = engine_learner_save(s->nodes[i].engine, path, err);
        free(path);
        if (rc)
            return -1;
    }
    return 0;
}

static void learned_add(struct learned *sum, struct engine *e)
{
    struct learner_stats own;

    engine_learner_stats(e, &own);
    sum->choices += own.choices;
    sum->rewards += own.rewards[REWARD_TAKEN];
    sum->reward += own.reward;
}

struct learned learned_so_far(const struct simulation *s)
{
    struct learned sum = s->learned;

    for (uint32_t i = 0; i < s->n_nodes; i++)
        if (s->nodes[i].engine && s->scenario->group[s->nodes[i].group].learner.plugin[0])
            learned_add(&sum, s->nodes[i].engine);
    return sum;
}

/* ---- its plugins ---- */

/* Names and values of parameters, as the engine wants them. */
struct texts {
    const char *name[SCENARIO_MAX_PARAMETERS], *value[SCENARIO_MAX_PARAMETERS];
    uint32_t wrong;
};

static struct selection select_as(struct texts *t, const char *plugin, const struct name_value *p,
                                  unsigned n, bool by_order)
{
    t->wrong = P2P_NONE;
    for (unsigned i = 0; i < n; i++) {
        t->name[i] = p[i].name;
        t->value[i] = p[i].value;
    }
    return (struct selection){.name = plugin,
                              .names = by_order ? NULL : t->name,
                              .values = t->value,
                              .n = n,
                              .wrong = &t->wrong};
}

static int select_plugins(struct node *n, const struct group_config *g, char *err)
{
    const struct group_learner *l = &g->learner;
    struct texts of_scheduler, of_learner;
    struct selection scheduler =
        select_as(&of_scheduler, g->plugin, g->parameters, g->n_parameters, g->by_order);
    struct selection learner =
        select_as(&of_learner, l->plugin, l->parameters, l->n_parameters, l->by_order);
    char why[P2P_ERRLEN];

    switch (engine_select_pair(n->engine, &scheduler, l->plugin[0] ? &learner : NULL, why)) {
    case 0:
        return 0;
    case -1:
        return refuse(n, "scheduler",
                      of_scheduler.wrong < g->n_parameters ? g->parameters[of_scheduler.wrong].line
                                                           : g->plugin_line,
                      why, err);
    default:
        return refuse(n, "learner",
                      of_learner.wrong < l->n_parameters ? l->parameters[of_learner.wrong].line
                                                         : l->plugin_line,
                      why, err);
    }
}

int node_start(struct node *n, char err[P2P_ERRLEN])
{
    struct simulation *s = n->sim;
    const struct group_config *g = &s->scenario->group[n->group];
    const struct engine_settings settings = {
        .fallback = (enum engine_fallback)g->fallback,
        .probe_timeout_ns = (uint64_t)s->scenario->network.probe_timeout,
    };
    size_t room;
    uint64_t period;

    n->lives++;
    n->engine = engine_new(s->catalog, &sim_world, n, &settings);
    if (!n->engine) {
        snprintf(err, P2P_ERRLEN, "out of memory for the scheduler of node %u", n->view.id);
        return -1;
    }
    if (g->learner.plugin[0])
        learner_configure(n, &g->learner);
    if (select_plugins(n, g, err))
        return -1;
    room = engine_room(n->engine);
    if (room > s->room)
        s->room = room;
    period = engine_period(n->engine);
    schedule_tick(n, period, (uint64_t)(random_unit(&s->random) * (double)period));
    return g->learner.plugin[0] ? learner_start(n, &g->learner, err) : 0;
}

void node_count(struct node *n)
{
    struct engine_stats *sum = &n->sim->stats[n->group], own;

    if (!n->engine)
        return;
    engine_stats(n->engine, &own);
    for (unsigned i = 0; i < MISBEHAVED_KINDS; i++)
        sum->misbehaved[i] += own.misbehaved[i];
    for (unsigned i = 0; i <= P2P_DONE; i++)
        sum->decisions[i] += own.decisions[i];
    sum->fallbacks += own.fallbacks;
}

void node_stop(struct node *n)
{
    if (!n->engine)
        return;
    learned_add(&n->sim->learned, n->engine);
    engine_free(n->engine);
    n->engine = NULL;
    n->lives++;
}
