/*
 * live_measure.c - what calls, probes and forwards take on an idle cluster.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/live_private.h"

enum { SLEEP_US = 2000, EVERY_US = 8000, ROOM = 1024 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof(*v), ascending);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double client_way(const struct load_call *c)
{
    return (double)(c->end_ns - c->sent_ns) - (double)c->run_ns;
}

static double node_way(const struct load_call *c)
{
    return (double)c->total_ns - (double)c->run_ns;
}

static double beyond_sleep(const struct load_call *c)
{
    return (double)c->run_ns - SLEEP_US * 1e3;
}

static double probe_round(const struct load_call *c)
{
    return (double)c->probe_ns;
}

/* Of what `of` says, in seconds; never below 0. */
static double median_of(const struct load_call *call, unsigned n,
                        double (*of)(const struct load_call *c), double *room)
{
    double m;

    for (unsigned i = 0; i < n; i++)
        room[i] = of(&call[i]);
    m = median(room, n) / 1e9;
    return m > 0 ? m : 0;
}

/* Calls to the first node, one after the other; each must run. */
static int call_first(struct live *l, const char *scheduler, struct load_call *call, unsigned n,
                      char *err)
{
    struct load_setup load = {
        .call = call, .n = n, .url = live_url, .ctx = l, .patience = 10, .begin_ns = 0};
    struct load_outcome out;

    if (live_select(l, 0, scheduler, err))
        return -1;
    for (unsigned i = 0; i < n; i++)
        call[i] = (struct load_call){.at_ns = (i + 1ull) * EVERY_US * 1000,
                                     .service_ns = SLEEP_US * 1000ull};
    load.begin_ns = load_now();
    if (load_run(&load, &out, err, P2P_ERRLEN))
        return -1;
    for (unsigned i = 0; i < n; i++) {
        if (call[i].status == 200)
            continue;
        snprintf(err, P2P_ERRLEN, "a call of an idle node was answered by HTTP %d %.100s",
                 call[i].status, out.odd);
        return -1;
    }
    return 0;
}

static int measure(struct live *l, struct load_call *call, double *room, unsigned n,
                   struct live_costs *out, char *err)
{
    static const char local[] = "{\"name\":\"local\"}", forward[] = "{\"name\":\"forward\"}",
                      probe[] = "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":1,"
                                "\"threshold\":0}}";
    double stayed;

    *out = (struct live_costs){0};
    /* The first calls connect to everybody. */
    if (call_first(l, forward, call, n, err) || call_first(l, local, call, n, err))
        return -1;
    out->client = median_of(call, n, client_way, room);
    out->run = median_of(call, n, beyond_sleep, room);
    stayed = median_of(call, n, node_way, room);
    if (l->cluster.n == 1)
        return 0;
    if (call_first(l, probe, call, n, err))
        return -1;
    out->probe = median_of(call, n, probe_round, room);
    if (call_first(l, forward, call, n, err))
        return -1;
    out->forward = median_of(call, n, node_way, room) - stayed;
    if (out->forward < 0)
        out->forward = 0;
    return 0;
}

/* Nodes with room for all calls: where the machine is slow they may meet. */
static struct group_config *roomy_groups(const struct scenario *s)
{
    struct group_config *g = calloc(s->n_groups, sizeof(*g));

    if (!g)
        return NULL;
    memcpy(g, s->group, s->n_groups * sizeof(*g));
    for (unsigned i = 0; i < s->n_groups; i++)
        g[i].slots = g[i].queue = ROOM;
    return g;
}

int live_measure(const struct live_setup *setup, unsigned calls, struct live_costs *out,
                 char err[P2P_ERRLEN])
{
    struct load_call *call = calloc(calls, sizeof(*call));
    double *room = calloc(calls, sizeof(*room));
    struct scenario roomy = *setup->scenario;
    struct live_setup idle = *setup;
    struct live l;
    int rc = -1;

    idle.scenario = &roomy;
    roomy.group = roomy_groups(setup->scenario);
    snprintf(err, P2P_ERRLEN, "out of memory");
    if (call && room && roomy.group) {
        rc = live_start(&l, &idle, err);
        if (rc == 0)
            rc = measure(&l, call, room, calls, out, err);
        live_stop(&l);
    }
    free(roomy.group);
    free(room);
    free(call);
    return rc;
}
