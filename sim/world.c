/*
 * world.c - what the engine asks of the simulated node.
 */
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

int node_start(struct node *n, char err[P2P_ERRLEN])
{
    struct simulation *s = n->sim;
    const struct group_config *g = &s->scenario->group[n->group];
    const struct engine_settings settings = {
        .fallback = (enum engine_fallback)g->fallback,
        .probe_timeout_ns = (uint64_t)s->scenario->network.probe_timeout,
    };
    const char *names[SCENARIO_MAX_PARAMETERS], *values[SCENARIO_MAX_PARAMETERS];
    uint32_t wrong = P2P_NONE;
    struct selection selection = {.name = g->plugin,
                                  .names = g->by_order ? NULL : names,
                                  .values = values,
                                  .n = g->n_parameters,
                                  .wrong = &wrong};
    char why[P2P_ERRLEN];
    size_t room;
    uint64_t period;

    for (unsigned i = 0; i < g->n_parameters; i++) {
        names[i] = g->parameters[i].name;
        values[i] = g->parameters[i].value;
    }
    n->lives++;
    n->engine = engine_new(s->catalog, &sim_world, n, &settings);
    if (!n->engine) {
        snprintf(err, P2P_ERRLEN, "out of memory for the scheduler of node %u", n->view.id);
        return -1;
    }
    if (engine_select(n->engine, &selection, why)) {
        char at[128];

        scenario_place(s->scenario,
                       wrong < g->n_parameters ? g->parameters[wrong].line : g->plugin_line, at,
                       sizeof(at));
        snprintf(err, P2P_ERRLEN, "%s: nodes.%s.scheduler: %.180s", at, g->name, why);
        return -1;
    }
    room = engine_room(n->engine);
    if (room > s->room)
        s->room = room;
    period = engine_period(n->engine);
    schedule_tick(n, period, (uint64_t)(random_unit(&s->random) * (double)period));
    return 0;
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
    engine_free(n->engine);
    n->engine = NULL;
    n->lives++;
}
