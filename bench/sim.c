/*
 * sim.c - how fast the simulator is, and what a decision costs.
 *
 * usage: sim PLUGINS [ROUNDS]
 *
 * Each figure is the median of ROUNDS (5), in which the candidates take turns.  Times are
 * those of the processor, on one thread: what others do on the machine shows by the caches
 * only.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "bench/cpu.h"
#include "bench/instant.h"
#include "bench/median.h"
#include "engine/private.h"
#include "sim/queue.h"
#include "sim/result.h"
#include "sim/simulation.h"

enum { MOST_ROUNDS = 99, PEERS = 999, DECISIONS = 1000000, HOLDS = 2000000 };

static struct catalog *catalog;

static void die(const char *what)
{
    fprintf(stderr, "bench-sim: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- whole simulations ---- */

struct run {
    const char *name;
    const char *set[4]; /* path=value */
    double seconds[MOST_ROUNDS];
    struct simulation_cost cost;
};

static void simulate(struct run *r, unsigned round)
{
    struct scenario_override set[4];
    char text[4][64], err[P2P_ERRLEN];
    struct simulation_setup setup = {.catalog = catalog, .seed = round};
    struct scenario s;
    unsigned n = 0;
    double began;

    for (; n < 4 && r->set[n]; n++) {
        snprintf(text[n], sizeof(text[n]), "%s", r->set[n]);
        *strchr(text[n], '=') = '\0';
        set[n] =
            (struct scenario_override){.path = text[n], .value = text[n] + strlen(text[n]) + 1};
    }
    if (scenario_read(&s, "bench/sim.yaml", set, n, err))
        die(err);
    setup.scenario = &s;
    setup.result = result_new(&s);
    if (!setup.result)
        die("out of memory");
    began = cpu_now();
    if (simulation_run(&setup, &r->cost, err))
        die(err);
    r->seconds[round] = cpu_now() - began;
    result_free(setup.result);
    scenario_release(&s);
}

static void print_run(struct run *r, unsigned rounds)
{
    double s = median(r->seconds, rounds);

    printf("  %-46s %6.2f M events/s  %6.2f M jobs/s  %4.1f events a job\n", r->name,
           (double)r->cost.events / s / 1e6, (double)r->cost.jobs / s / 1e6,
           (double)r->cost.events / (double)r->cost.jobs);
}

/* In a process of its own, for its memory. */
static void print_million(void)
{
    struct run r = {.set = {"nodes.node.count=1000000", "run.length=2s", "run.warm_up=500ms",
                            "network.delay=1ms"}};
    struct rusage used;
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child < 0)
        die("fork failed");
    if (child == 0) {
        simulate(&r, 0);
        printf("  1,000,000 nodes, 2.5 s of virtual time: %.1f M events, %.1f M jobs",
               (double)r.cost.events / 1e6, (double)r.cost.jobs / 1e6);
        fflush(stdout);
        _exit(EXIT_SUCCESS);
    }
    if (wait4(child, &status, 0, &used) != child || status)
        die("the run of a million nodes failed");
    printf(", %.0f s, %.2f GB at most\n", (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec),
           (double)used.ru_maxrss * 1024 / 1e9);
}

/* ---- the parts of a decision ---- */

static const struct selection choice = {.name = "power_of_choices",
                                        .names = (const char *const[]){"threshold"},
                                        .values = (const char *const[]){"1"},
                                        .n = 1};

/* ns a decision, engine and plugin. */
static double time_engine(void)
{
    const struct engine_settings settings = {.probe_timeout_ns = 1000000};
    struct engine *e = engine_new(catalog, &instant_world, NULL, &settings);
    _Alignas(16) unsigned char memory[256];
    struct decision d = {.room = {memory, sizeof(memory), NULL}};
    char err[P2P_ERRLEN];
    double began;

    if (!e || engine_select(e, &choice, err))
        die("no power_of_choices");
    began = cpu_now();
    for (uint64_t i = 0; i < DECISIONS; i++)
        decision_begin(e, &d, &(struct decision_job){.id = i, .from = P2P_NONE});
    began = cpu_now() - began;
    engine_free(e);
    return began * 1e9 / DECISIONS;
}

/* The same calls of the plugin alone: an arrival and the answer to its probe. */
static double time_plugin(void)
{
    struct catalog_hit hit;
    char err[P2P_ERRLEN];
    struct p2p_probe probe[64] = {{0}};
    _Alignas(16) unsigned char state[256] = {0};
    struct p2p_request rq = {.size = sizeof(rq), .state = state, .probe = probe, .probe_cap = 1};
    volatile uint32_t sum = 0;
    struct instance *i;
    double began;

    if (catalog_find(catalog, choice.name, &hit, err))
        die(err);
    i = instance_new(&instant_world, NULL, &hit, &choice, err);
    if (!i || instance_start(i, err))
        die(err);
    rq.host = &i->g.host;
    instant_world.enter(NULL, &rq);
    began = cpu_now();
    for (uint64_t k = 0; k < DECISIONS; k++) {
        memset(state, 0, i->ops.decision_size);
        rq.event = P2P_EV_ARRIVAL;
        sum += i->ops.decide(i->g.self, &rq).kind;
        probe[0].status = P2P_PROBE_OK;
        probe[0].load = k % 2;
        rq.n_probe = 1;
        rq.event = P2P_EV_PROBED;
        sum += i->ops.decide(i->g.self, &rq).kind;
    }
    began = cpu_now() - began;
    instance_free(i);
    return began * 1e9 / DECISIONS;
}

/* ns to put and take one event while `held` others wait. */
static double time_queue(unsigned held)
{
    struct queue q;
    struct event e = {0};
    struct random r;
    double began;

    queue_init(&q);
    random_seed(&r, 1);
    for (unsigned i = 0; i < held; i++)
        queue_put(&q, random_next(&r) >> 34, 0, 0, NULL, 0, 0);
    began = cpu_now();
    for (unsigned i = 0; i < HOLDS; i++) {
        queue_take(&q, &e);
        queue_put(&q, e.at_ns + (random_next(&r) >> 34), 0, 0, NULL, 0, 0);
    }
    began = cpu_now() - began;
    queue_release(&q);
    return began * 1e9 / HOLDS;
}

int main(int argc, char **argv)
{
    static struct run runs[] = {
        {.name = "1000 nodes, messages take 1 ms", .set = {"network.delay=1ms"}},
        {.name = "1000 nodes, messages take no time", .set = {NULL}},
        {.name = "1000 nodes, 1 ms, one list of peers for all",
         .set = {"network.delay=1ms", "network.view=shared"}},
        {.name = "10 nodes, messages take 1 ms",
         .set = {"network.delay=1ms", "nodes.node.count=10", "run.length=50000s"}},
    };
    enum { RUNS = sizeof(runs) / sizeof(runs[0]) };
    static double engine[MOST_ROUNDS], plugin[MOST_ROUNDS], queue[MOST_ROUNDS];
    char copies[] = "/tmp/p2pfaas-bench-sim-XXXXXX", err[P2P_ERRLEN];
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
    double per_job, events;

    if (argc < 2 || rounds < 1 || rounds > MOST_ROUNDS)
        die("usage: sim PLUGINS [ROUNDS], from the top folder");
    catalog = mkdtemp(copies) ? catalog_new(argv[1], copies, err) : NULL;
    if (!catalog || catalog_scan(catalog, NULL, NULL, err) < 0)
        die("no plugins there");
    instant_peers(PEERS);
    printf("power_of_choices, one thread, medians of %u rounds\n", rounds);
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned k = 0; k < RUNS; k++)
            simulate(&runs[k], i);
        plugin[i] = time_plugin();
        engine[i] = time_engine() - plugin[i];
        queue[i] = time_queue(2000);
    }
    for (unsigned k = 0; k < RUNS; k++)
        print_run(&runs[k], rounds);
    /* median() has sorted them. */
    per_job = median(runs[0].seconds, rounds) * 1e9 / (double)runs[0].cost.jobs;
    events = (double)runs[0].cost.events / (double)runs[0].cost.jobs;
    printf("\nof a job of the first, %.0f ns:\n", per_job);
    printf("  plugin         %4.0f ns  an arrival and the answer to its probe\n",
           median(plugin, rounds));
    printf("  engine         %4.0f ns  from arrival to outcome, around the plugin\n",
           median(engine, rounds));
    printf("  event queue    %4.0f ns  %.1f events of %.0f ns, 2000 others waiting\n",
           events * median(queue, rounds), events, median(queue, rounds));
    printf("  the rest: nodes and jobs, random numbers, results, the peer's part, and cache\n"
           "  misses of all of them together\n\n");
    print_million();
    catalog_free(catalog);
    return EXIT_SUCCESS;
}
