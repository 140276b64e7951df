#include "host/route.h"

#include <stdio.h>
#include <string.h>

/* On the node's port and on the learner's own. */
#define LEARNER_ROUTES                                                                             \
    {"/act",          ROUTE_GET | ROUTE_TO_THE_END,                                                \
     ROUTE_ANSWER,    ACCESS_PEERS | ACCESS_ADMINISTRATION,                                        \
     api_learner_act, "a choice for the state in X-P2pfaas-Learning-State"},                       \
        {"/train",                                                                                 \
         ROUTE_GET | ROUTE_CHANGES | ROUTE_TO_THE_END,                                             \
         ROUTE_ANSWER,                                                                             \
         ACCESS_PEERS | ACCESS_ADMINISTRATION,                                                     \
         api_learner_train,                                                                        \
         "the reward of a choice, in X-P2pfaas-Learning-Eid, -State, -Action, -Reward"},           \
        {"/train_batch",                                                                           \
         ROUTE_POST | ROUTE_TO_THE_END,                                                            \
         ROUTE_ANSWER,                                                                             \
         ACCESS_PEERS | ACCESS_ADMINISTRATION,                                                     \
         api_learner_train_batch,                                                                  \
         "rewards of several: [{\"eid\":…,\"state\":…,\"action\":…,\"reward\":…}]"},               \
        {"/learner/parameters",  ROUTE_GET | ROUTE_POST,                                           \
         ROUTE_ANSWER,           ACCESS_ADMINISTRATION,                                            \
         api_learner_parameters, "the learner's parameters; POST changes some"},                   \
        {"/learner/stats",  ROUTE_GET,                                                             \
         ROUTE_ANSWER,      ACCESS_ADMINISTRATION,                                                 \
         api_learner_stats, "what it was asked and taught, in the original's words"},              \
        {"/learner/weights",  ROUTE_GET,                                                           \
         ROUTE_ANSWER,        ACCESS_ADMINISTRATION,                                               \
         api_learner_weights, "values of the actions in all states, as the original tells them"},  \
        {"/learner/policy",                                                                        \
         ROUTE_GET,                                                                                \
         ROUTE_ANSWER,                                                                             \
         ACCESS_ADMINISTRATION,                                                                    \
         api_learner_policy,                                                                       \
         "the same with the best action; ?state=0,1,2 ?limit=1000, Accept: text/plain"},           \
        {"/learner/reset",  ROUTE_GET | ROUTE_CHANGES,                                             \
         ROUTE_ANSWER,      ACCESS_ADMINISTRATION,                                                 \
         api_learner_reset, "the learner begins anew, knowing nothing"},                           \
    {                                                                                              \
        "/learner/save", ROUTE_POST, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_learner_save,        \
            "writes learner.file now"                                                              \
    }

static const struct route routes[] = {
    {"/function/", ROUTE_ANY, ROUTE_JOB, ACCESS_EVERYONE, NULL,
     "invoke a function: /function/NAME[/path][?query]"},
    {"/async-function/", ROUTE_POST | ROUTE_DELETE, ROUTE_KEPT, ACCESS_EVERYONE, api_async_function,
     "the same, accepted now and run later: /async-function/NAME; DELETE /async-function/ID "
     "cancels it"},
    {"/async/", ROUTE_GET, ROUTE_ANSWER, ACCESS_EVERYONE, api_async_call,
     "how such a call stands, by its id; ?result=1: what the function answered"},
    {"/async", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_async, "how many there are"},
    {"/peer/function/", ROUTE_ANY, ROUTE_PEER, ACCESS_PEERS, NULL, "the same, from another node"},
    {"/peer/message/", ROUTE_POST | ROUTE_TO_THE_END, ROUTE_MESSAGE, ACCESS_PEERS, api_message,
     "what a scheduler tells the one of its name here: /peer/message/SCHEDULER[?function=NAME]"},
    {"/monitoring/load", ROUTE_GET | ROUTE_TO_THE_END, ROUTE_ANSWER,
     ACCESS_PEERS | ACCESS_ADMINISTRATION, api_load, "running and waiting jobs, as headers"},
    {"/monitoring/scale-delay/", ROUTE_GET | ROUTE_CHANGES, ROUTE_ANSWER, ACCESS_ADMINISTRATION,
     api_scale_delay,
     "how long a function takes from no replica to one: /monitoring/scale-delay/NAME"},
    {"/system/scale-function/", ROUTE_POST, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_scale,
     "so many replicas are wanted: {\"replicas\":2} to /system/scale-function/NAME"},
    {"/configuration/scheduler", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, ACCESS_ADMINISTRATION,
     api_scheduler, "the scheduler and its parameters, ?function=NAME; POST selects another"},
    {"/configuration/learner", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, ACCESS_ADMINISTRATION,
     api_learner, "the learner and its parameters; POST selects another"},
    {"/configuration", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, ACCESS_ADMINISTRATION,
     api_configuration, "slots and queue, and what runs; POST changes the limits"},
    {"/plugins", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_plugins,
     "what is in the plugin folder"},
    {"/plugins/", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_plugin,
     "one scheduler, its parameters explained"},
    LEARNER_ROUTES,
    {"/system/functions", ROUTE_GET | ROUTE_POST | ROUTE_PUT | ROUTE_DELETE, ROUTE_ANSWER,
     ACCESS_ADMINISTRATION, api_functions,
     "what there is to invoke, as OpenFaaS tells it; POST deploys, PUT changes, DELETE removes"},
    {"/system/function/", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_function,
     "one of them: /system/function/NAME"},
    {"/system/secrets", ROUTE_GET | ROUTE_POST | ROUTE_PUT | ROUTE_DELETE, ROUTE_ANSWER,
     ACCESS_ADMINISTRATION, api_secrets, "names of secrets; POST, PUT and DELETE one"},
    {"/system/namespaces", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_namespaces,
     "the one of this node"},
    {"/system/namespace/", ROUTE_GET | ROUTE_POST | ROUTE_PUT | ROUTE_DELETE, ROUTE_ANSWER,
     ACCESS_ADMINISTRATION, api_namespace, "501: there is no other"},
    {"/system/info", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_info,
     "what this is, as a gateway of OpenFaaS tells it"},
    {"/system/logs", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_logs,
     "what a function wrote, a line JSON each; ?name= tail= since= follow=1 instance="},
    {"/cluster", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_cluster,
     "this node and those that it knows"},
    {"/metrics", ROUTE_GET | ROUTE_TO_THE_END, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_metrics,
     "Prometheus text"},
    {"/healthz", ROUTE_GET | ROUTE_TO_THE_END, ROUTE_ANSWER, ACCESS_EVERYONE, api_health,
     "200 while the process serves"},
    {"/readyz", ROUTE_GET | ROUTE_TO_THE_END, ROUTE_ANSWER, ACCESS_EVERYONE, api_ready,
     "200 while it accepts invocations"},
    {"/", ROUTE_GET | ROUTE_POST | ROUTE_TO_THE_END, ROUTE_ANSWER, ACCESS_EVERYONE, api_root,
     "this list"},
};
const struct route_table node_routes = {routes, sizeof(routes) / sizeof(routes[0])};

static const struct route of_learner[] = {
    LEARNER_ROUTES,
    {"/", ROUTE_GET | ROUTE_TO_THE_END, ROUTE_ANSWER, ACCESS_EVERYONE, api_learner_root,
     "who this is"},
};
const struct route_table learner_routes = {of_learner, sizeof(of_learner) / sizeof(of_learner[0])};

const struct route *route_find(const struct route_table *t, const char *path, size_t len)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct route *r = &t->routes[i];
        size_t n = strlen(r->path);
        bool prefix = n > 1 && r->path[n - 1] == '/';

        if ((prefix ? len > n : len == n) && memcmp(path, r->path, n) == 0)
            return r;
    }
    return NULL;
}

unsigned route_method(const char *method)
{
    for (unsigned i = 0; i < HTTP_METHODS; i++)
        if (strcmp(method, http_methods[i]) == 0)
            return 1u << i;
    return 0;
}

void route_allow(const struct route *r, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < HTTP_METHODS && at < size; i++)
        if (r->methods & 1u << i)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", http_methods[i]);
}
