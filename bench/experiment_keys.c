#include "bench/experiment_private.h"
#include "engine/params.h"

#define MS 1e6
#define SECOND 1e9
#define HOUR 3600e9
#define DAY (24 * HOUR)

#define INT P2P_PARAM_INT
#define NUM P2P_PARAM_NUM
#define STRING P2P_PARAM_STRING
#define DURATION P2P_PARAM_DURATION
#define SIZE P2P_PARAM_SIZE
#define CHOICE(T, f, d, ch, h) P2P_PARAM_(P2P_ENUM, 0, T, f, d, 0, 0, NULL, ch, h)

const char *const experiment_arrivals[] = {"poisson",    "deterministic", "csv",
                                           "azure_2019", "azure_2021",    NULL};
static const char *const receivers[] = {"none", "learner", NULL};

static const struct p2p_param top_keys[] = {
    STRING(struct experiment, name, "", "of the experiment; empty: as its file"),
    STRING(struct experiment, summary, "", "what it is to show"),
    DURATION(struct experiment, duration, 30 * SECOND, 1 * MS, 7 * DAY,
             "of what is measured, after warm_up"),
    DURATION(struct experiment, warm_up, 0, 0, DAY,
             "time before, in which calls are sent and kept, and not measured"),
    DURATION(struct experiment, timeout, 30 * SECOND, 1 * MS, HOUR,
             "from the planned time of a call until it counts as unanswered"),
    INT(struct experiment, seed, 1, 0, 1LL << 53, "the same seed plans the same calls"),
    INT(struct experiment, connections, 256, 1, 20000,
        "to each node at most; when all are in use, calls wait for one, are late and counted"),
    DURATION(struct experiment, late, 10 * MS, 100e3, HOUR,
             "the run is marked when the generator takes up more than 1 % of the calls later"),
    P2P_PARAM_END};

static const struct p2p_param node_keys[] = {
    STRING(struct experiment_node, name, "", "of the node, in tables and figures"),
    STRING(struct experiment_node, address, "",
           "numeric, 127.0.0.1 or 127.0.0.1:18080; empty: of the next node of the cluster"),
    NUM(struct experiment_node, rate, 0, 0, 1e6,
        "calls a second; with traffic: at a load of 1; csv: the average, 0: as the file says"),
    CHOICE(struct experiment_node, arrivals, EXPERIMENT_POISSON, experiment_arrivals,
           "when calls are planned"),
    STRING(struct experiment_node, file, "",
           "csv: lines of a rate, or of time,rate; azure_2019: invocations per function; "
           "azure_2021: the trace"),
    STRING(struct experiment_node, durations, "", "azure_2019: percentiles of durations"),
    DURATION(struct experiment_node, step, 60 * SECOND, 1 * MS, DAY,
             "csv: how long a line without a time stands"),
    NUM(struct experiment_node, scale, 1, 1e-9, 1e6, "files: times their rates"),
    NUM(struct experiment_node, speedup, 1, 1e-6, 1e6,
        "files: their time passes so many times as fast"),
    STRING(struct experiment_node, traffic, "",
           "poisson, deterministic: the rate follows this file of lines index,load with loads "
           "from 0 to 1, stretched over warm_up and duration: rate_min + (rate - rate_min) * load"),
    NUM(struct experiment_node, rate_min, 0, 0, 1e6, "traffic: the rate at a load of 0"),
    NUM(struct experiment_node, shift, 0, 0, 1e6,
        "traffic: so many lines of the file are before the begin"),
    INT(struct experiment_node, repetitions, 1, 1, 1000000, "traffic: of the file in the run"),
    P2P_PARAM_END};

static const struct p2p_param payload_keys[] = {
    STRING(struct experiment_payload, name, "", "of the payload, in tables and figures"),
    NUM(struct experiment_payload, weight, 1, 0, 1e9,
        "its share of a node's calls, against the others'"),
    STRING(struct experiment_payload, function, "",
           "that is called, with a path behind it or without: echo, echo/a?b=1"),
    STRING(struct experiment_payload, content_type, "application/octet-stream", "of the body"),
    STRING(struct experiment_payload, text, "", "the body"),
    STRING(struct experiment_payload, file, "", "in place of text: the body is in it"),
    SIZE(struct experiment_payload, size, 0, 0, EXPERIMENT_MAX_BODY,
         "in place of text: so many bytes"),
    INT(struct experiment_payload, type, 0, 0, 1000000, "of the task, for schedulers that learn"),
    DURATION(struct experiment_payload, deadline, 0, 0, HOUR,
             "from the planned time to the answer; 0: any time will do"),
    P2P_PARAM_END};

static const struct p2p_param reward_keys[] = {
    CHOICE(struct experiment_reward_keys, to, REWARDS_NONE, receivers,
           "who is told for each choice whether its call was right: status 200 within the "
           "deadline is a reward of 1, else 0"),
    STRING(struct experiment_reward_keys, batch, "10..20", "rewards in a message: as many, drawn"),
    STRING(struct experiment_reward_keys, path, "/train_batch", "that they are POSTed to"),
    INT(struct experiment_reward_keys, port, 19020, 0, 65535,
        "of the node's learner; 0: the port of the node"),
    P2P_PARAM_END};

static const struct p2p_param cluster_keys[] = {
    INT(struct experiment_cluster, nodes, 0, 0, 8,
        "started for the run, on 127.0.0.1, 127.0.0.2, …; 0: the nodes run already"),
    STRING(struct experiment_cluster, config, "", "their plugins.yaml"), P2P_PARAM_END};

const struct experiment_section experiment_sections[EXPERIMENT_SECTIONS] = {
    [EXPERIMENT_TOP] = {"", "", top_keys, {"nodes", "payloads", "rewards", "cluster"}},
    [EXPERIMENT_NODES] = {"nodes.NAME", "a map by name, or a list", node_keys, {NULL}},
    [EXPERIMENT_PAYLOADS] = {"payloads.NAME", "a map by name, or a list", payload_keys, {NULL}},
    [EXPERIMENT_REWARDS] = {"rewards", "", reward_keys, {NULL}},
    [EXPERIMENT_CLUSTER] = {"cluster", "", cluster_keys, {NULL}},
};

void experiment_print_keys(FILE *out)
{
    for (const struct experiment_section *s = experiment_sections;
         s < experiment_sections + EXPERIMENT_SECTIONS; s++) {
        if (s->about[0])
            fprintf(out, "  %s: %s\n", s->title, s->about);
        for (const struct p2p_param *p = s->keys; p->name; p++) {
            char allowed[256], def[64];

            params_allowed(p, allowed, sizeof(allowed));
            params_format_default(p, def, sizeof(def));
            fprintf(out, "  %s%s%s\n      %s (%s; default %s)\n", s->title, s->title[0] ? "." : "",
                    p->name, p->help, allowed, def[0] ? def : "empty");
        }
    }
}
