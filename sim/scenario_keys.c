#include "sim/scenario_private.h"

#include <string.h>

#define MS 1e6
#define SECOND 1e9
#define HOUR 3600e9
#define EVER (20 * 8766 * HOUR) /* far from where 64 bits of nanoseconds end */

static const char *const fallbacks[] = {"local", "reject", NULL};
static const char *const distributions[] = {"deterministic", "exponential", "uniform", "lognormal",
                                            "pareto",        "bimodal",     "file",    NULL};
static const char *const processes[] = {"none", "poisson",    "deterministic", "on_off", "mmpp",
                                        "csv",  "azure_2019", "azure_2021",    NULL};
static const char *const models[] = {"constant", "exponential", "matrix", "coordinates", NULL};
static const char *const views[] = {"auto", "private", "shared", NULL};
static const char *const kinds[] = {"down", "slow", "partition", "stale", NULL};

#define INT P2P_PARAM_INT
#define NUM P2P_PARAM_NUM
#define STRING P2P_PARAM_STRING
#define DURATION P2P_PARAM_DURATION
#define SIZE P2P_PARAM_SIZE
#define CHOICE(T, f, d, ch, h) P2P_PARAM_(P2P_ENUM, 0, T, f, d, 0, 0, NULL, ch, h)

static const struct p2p_param top_keys[] = {
    STRING(struct scenario, name, "", "of the scenario; empty: as its file"),
    STRING(struct scenario, summary, "", "what it shows"),
    STRING(struct scenario, plugins, "${BIN}/plugins",
           "folder of the plugins; ${BIN} is the folder of the program"),
    P2P_PARAM_END};

static const struct p2p_param run_keys[] = {
    DURATION(struct run_config, length, 60 * SECOND, 1e3, EVER,
             "virtual time that results are taken of, after warm_up"),
    DURATION(struct run_config, warm_up, 10 * SECOND, 0, EVER,
             "virtual time before, so that what is measured does not begin with empty nodes"),
    NUM(struct run_config, target, 0, 0, 1,
        "ends when half the 95 % interval of the mean response is less than this share of it, "
        "after length at the latest; 0: after length"),
    INT(struct run_config, replications, 1, 1, 10000,
        "independent runs; more than 1: intervals are those between runs"),
    INT(struct run_config, batches, 20, 2, 10000,
        "parts of a single run that its intervals are made from"),
    INT(struct run_config, seed, 1, 0, 1LL << 53, "the same seed gives the same run"),
    P2P_PARAM_END};

static const struct p2p_param node_keys[] = {
    STRING(struct group_config, name, "", "of the group; its nodes are called after it"),
    INT(struct group_config, count, 1, 1, SCENARIO_MAX_NODES, "equal nodes in the group"),
    INT(struct group_config, slots, 4, 1, 65536, "functions that run at once on a node"),
    INT(struct group_config, queue, 4, 0, 1000000, "jobs that wait for a slot on a node"),
    NUM(struct group_config, speed, 1, 1e-6, 1e6, "service times are divided by it"),
    NUM(struct group_config, x, 0, -1e9, 1e9, "centre of the group, for delays by coordinates"),
    NUM(struct group_config, y, 0, -1e9, 1e9, "centre of the group, for delays by coordinates"),
    NUM(struct group_config, spread, 0, 0, 1e9,
        "side of the square around the centre in which the nodes lie"),
    P2P_PARAM_END};

static const struct p2p_param scheduler_keys[] = {
    STRING(struct group_config, plugin, "power_of_choices",
           "which plugin decides: its name, or a name of the original P2PFaaS"),
    CHOICE(struct group_config, fallback, 0, fallbacks,
           "what happens to a job whose plugin breaks the rules"),
    P2P_PARAM_END};

static const struct p2p_param learner_keys[] = {
    STRING(struct group_learner, plugin, "",
           "which learner a scheduler that learns asks; empty: none"),
    STRING(struct group_learner, file, "",
           "what each node's learner knows at the start, as --learners writes it; {node} in it is "
           "the node's name; empty: nothing"),
    INT(struct group_learner, most_episodes, 65536, 1, 16777216,
        "choices that wait for their reward; beyond it the oldest is given up"),
    DURATION(struct group_learner, expiry, 60 * SECOND, MS, 24 * HOUR,
             "a choice without a reward is given up after it"),
    INT(struct group_learner, batch, 32, 1, 65536, "rewarded choices that are learned at once"),
    DURATION(struct group_learner, batch_interval, 100 * MS, MS, HOUR,
             "fewer than a batch are learned after it"),
    P2P_PARAM_END};

static const struct p2p_param arrival_keys[] = {
    CHOICE(struct arrival_config, process, ARRIVALS_POISSON, processes,
           "how jobs arrive at each node; a group without arrivals has none"),
    NUM(struct arrival_config, rate, 0, 0, 1e9,
        "jobs a second and node; mmpp, csv: their rates are scaled so that it is the average"),
    NUM(struct arrival_config, load, 0, 0, 1000,
        "in place of rate: work that arrives, of what the slots can do at the node's speed"),
    DURATION(struct arrival_config, on, SECOND, 1, EVER, "on_off: mean time with arrivals"),
    DURATION(struct arrival_config, off, SECOND, 1, EVER, "on_off: mean time without"),
    STRING(struct arrival_config, file, "",
           "csv: lines of a rate, or of time,rate; azure_2019: invocations per function; "
           "azure_2021: the trace"),
    STRING(struct arrival_config, durations, "",
           "azure_2019: percentiles of durations; empty: service times of the functions"),
    DURATION(struct arrival_config, step, 60 * SECOND, 1e3, EVER,
             "csv: how long a line without a time stands"),
    NUM(struct arrival_config, scale, 1, 1e-9, 1e9, "files: times their rates"),
    NUM(struct arrival_config, speedup, 1, 1e-6, 1e6,
        "files: their time passes so many times as fast"),
    P2P_PARAM_END};

static const struct p2p_param state_keys[] = {
    NUM(struct state_keys, rate, 0, 0, 1e9, "jobs a second and node in this state"),
    DURATION(struct state_keys, stay, SECOND, 1, EVER, "mean time in it"), P2P_PARAM_END};

static const struct p2p_param function_keys[] = {
    STRING(struct sim_function_config, name, "", "of the function"),
    NUM(struct sim_function_config, weight, 1, 0, 1e9,
        "its share of the jobs, against the others'"),
    DURATION(struct sim_function_config, deadline, 0, 0, EVER,
             "from arrival to answer, more than 0; none: a job may take any time"),
    SIZE(struct sim_function_config, payload, 0, 0, 1LL << 40, "a request"),
    SIZE(struct sim_function_config, answer, 0, 0, 1LL << 40, "an answer"),
    P2P_PARAM_END};

static const struct p2p_param service_keys[] = {
    {.name = "distribution",
     .help = "of the time that a job runs at speed 1",
     .type = P2P_ENUM,
     .offset = offsetof(struct distribution_config, kind),
     .choices = distributions},
    DURATION(struct distribution_config, mean, 100 * MS, 1, EVER,
             "deterministic, exponential, lognormal, pareto"),
    DURATION(struct distribution_config, min, 0, 0, EVER, "uniform: from"),
    DURATION(struct distribution_config, max, 0, 0, EVER,
             "uniform: to; pareto: none is longer; 0: no bound"),
    DURATION(struct distribution_config, low, 0, 0, EVER, "bimodal: the usual time"),
    DURATION(struct distribution_config, high, 0, 0, EVER, "bimodal: the other time"),
    NUM(struct distribution_config, cv, 1, 1e-6, 1000, "lognormal: standard deviation / mean"),
    NUM(struct distribution_config, shape, 2.5, 0, 1000,
        "pareto: more than 1; the less, the heavier the tail"),
    NUM(struct distribution_config, probability, 0.1, 0, 1, "bimodal: of high"),
    STRING(struct distribution_config, file, "",
           "file: measured times, one a line, with a unit or in seconds; each as likely"),
    P2P_PARAM_END};

static const struct p2p_param network_keys[] = {
    NUM(struct network_config, loss, 0, 0, 0.99,
        "share of lost probes, answers to probes and messages; a forward is repeated"),
    DURATION(struct network_config, repeat, 200 * MS, 0, HOUR,
             "after which a forward that was lost is sent again"),
    SIZE(struct network_config, bandwidth, 0, 0, 1LL << 40,
         "bytes a second of each transfer; 0: no limit"),
    DURATION(struct network_config, probe_cost, 0, 0, HOUR,
             "time that a probe takes at the node that is asked"),
    DURATION(struct network_config, forward_cost, 0, 0, HOUR,
             "time that a forwarded job takes at the node that gets it, before it is decided"),
    INT(struct network_config, neighbours, 0, 0, SCENARIO_MAX_NODES,
        "random peers that a node knows; 0, or as many as there are: all"),
    CHOICE(struct network_config, view, VIEW_AUTO, views,
           "what nodes know of peers: private: what each heard itself; shared: one list for all, "
           "without loads; auto: private up to 2000 nodes"),
    DURATION(struct network_config, probe_timeout, SECOND, 1e3, HOUR,
             "the longest a decision waits for peers to tell their load"),
    DURATION(struct network_config, detect, SECOND, 0, EVER,
             "time until a peer that went down leaves the lists"),
    INT(struct network_config, max_hops, 16, 0, 1000,
        "forwards a job may make, whatever the plugins say"),
    P2P_PARAM_END};

static const struct p2p_param delay_keys[] = {
    CHOICE(struct delay_keys, model, DELAY_CONSTANT, models, "one way between two nodes"),
    DURATION(struct delay_keys, mean, 0, 0, HOUR, "constant, exponential"),
    DURATION(struct delay_keys, least, 0, 0, HOUR, "coordinates: between nodes at one place"),
    DURATION(struct delay_keys, per_unit, 0, 0, HOUR,
             "coordinates: more for each unit of distance"),
    STRING(struct delay_keys, file, "",
           "matrix: CSV, a row from and a column to each group, or each node; ms or with a unit"),
    P2P_PARAM_END};

static const struct p2p_param fault_keys[] = {
    CHOICE(struct fault_keys, kind, FAULT_DOWN, kinds,
           "down: jobs fail, nothing answers; slow: speed times factor; partition: these nodes and "
           "the others do not reach each other; stale: their load is told late"),
    DURATION(struct fault_keys, at, 0, 0, EVER, "since the start, warm_up included"),
    DURATION(struct fault_keys, until, 0, 0, EVER, "0: to the end"),
    STRING(struct fault_keys, nodes, "*",
           "a group, as in pi, nodes of it, as in pi[0-9], or *: all"),
    NUM(struct fault_keys, factor, 0.5, 1e-6, 1e6, "slow: of the speed"),
    DURATION(struct fault_keys, age, SECOND, 1, HOUR, "stale: of what they tell"),
    P2P_PARAM_END};

const struct scenario_section scenario_sections[N_SECTIONS] = {
    [SECTION_TOP] = {"",
                     "",
                     top_keys,
                     sizeof(struct scenario),
                     {"run", "nodes", "functions", "network", "faults", "sweep"},
                     NULL},
    [SECTION_RUN] = {"run", "", run_keys, sizeof(struct run_config), {NULL}, NULL},
    [SECTION_NODES] = {"nodes",
                       "a list of groups, or a map by name",
                       node_keys,
                       sizeof(struct group_config),
                       {"scheduler", "learner", "arrivals"},
                       NULL},
    [SECTION_SCHEDULER] = {"nodes.NAME.scheduler",
                           "or only the plugin; parameters: a map by name, or a list in order",
                           scheduler_keys,
                           sizeof(struct group_config),
                           {"parameters"},
                           NULL},
    [SECTION_LEARNER] = {"nodes.NAME.learner",
                         "or only the plugin; parameters: as of a scheduler",
                         learner_keys,
                         sizeof(struct group_learner),
                         {"parameters"},
                         NULL},
    [SECTION_ARRIVALS] =
        {"nodes.NAME.arrivals", "", arrival_keys, sizeof(struct arrival_config), {"states"}, NULL},
    [SECTION_STATES] = {"nodes.NAME.arrivals.states",
                        "mmpp: a list, the first is where it begins",
                        state_keys,
                        sizeof(struct state_keys),
                        {NULL},
                        NULL},
    [SECTION_FUNCTIONS] = {"functions",
                           "a list, or a map by name; without it one, of which all is default",
                           function_keys,
                           sizeof(struct sim_function_config),
                           {"service"},
                           "deadline"},
    [SECTION_SERVICE] = {"functions.NAME.service",
                         "or only a time: deterministic",
                         service_keys,
                         sizeof(struct distribution_config),
                         {NULL},
                         NULL},
    [SECTION_NETWORK] =
        {"network", "", network_keys, sizeof(struct network_config), {"delay"}, NULL},
    [SECTION_DELAY] = {"network.delay",
                       "or only a time: constant",
                       delay_keys,
                       sizeof(struct delay_keys),
                       {NULL},
                       NULL},
    [SECTION_FAULTS] = {"faults", "a list", fault_keys, sizeof(struct fault_keys), {NULL}, NULL}};

static void print_key(FILE *out, const char *section, const struct p2p_param *p)
{
    char allowed[256], def[64];

    params_allowed(p, allowed, sizeof(allowed));
    params_format_default(p, def, sizeof(def));
    fprintf(out, "  %s%s%s\n      %s (%s; default %s)\n", section, section[0] ? "." : "", p->name,
            p->help, allowed, def[0] ? def : "empty");
}

void scenario_print_keys(FILE *out)
{
    for (const struct scenario_section *s = scenario_sections; s < scenario_sections + N_SECTIONS;
         s++) {
        if (s->about[0])
            fprintf(out, "  %s: %s\n", s->title, s->about);
        for (const struct p2p_param *p = s->keys; p->name; p++)
            print_key(out, s->title, p);
    }
    fputs("  sweep: a map; every value of the one is run with every value of the others\n"
          "  sweep.PATH\n"
          "      values of a key, as in nodes.pi.slots: [1, 2, 4] or {from: 1, to: 4, step: 1}; "
          "nodes.*.slots or slots: of all groups\n"
          "  sweep.seeds\n"
          "      so many seeds, from run.seed on (an integer from 1 to 100000)\n",
          out);
}
