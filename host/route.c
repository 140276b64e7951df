#include "host/route.h"

#include <stdio.h>
#include <string.h>

static const struct route routes[] = {
    {"/function/", ROUTE_ANY, ROUTE_JOB, ACCESS_EVERYONE, NULL,
     "invoke a function: /function/NAME[/path][?query]"},
    {"/peer/function/", ROUTE_ANY, ROUTE_PEER, ACCESS_PEERS, NULL, "the same, from another node"},
    {"/peer/message/", ROUTE_POST, ROUTE_MESSAGE, ACCESS_PEERS, api_message,
     "what a scheduler tells the one of its name here: /peer/message/SCHEDULER"},
    {"/monitoring/load", ROUTE_GET, ROUTE_ANSWER, ACCESS_PEERS | ACCESS_ADMINISTRATION, api_load,
     "running and waiting jobs, as headers"},
    {"/configuration/scheduler", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, ACCESS_ADMINISTRATION,
     api_scheduler, "the scheduler and its parameters; POST selects another"},
    {"/configuration", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, ACCESS_ADMINISTRATION,
     api_configuration, "slots and queue, and what runs; POST changes the limits"},
    {"/plugins", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_plugins,
     "what is in the plugin folder"},
    {"/plugins/", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_plugin,
     "one scheduler, its parameters explained"},
    {"/cluster", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_cluster,
     "this node and those that it knows"},
    {"/metrics", ROUTE_GET, ROUTE_ANSWER, ACCESS_ADMINISTRATION, api_metrics, "Prometheus text"},
    {"/healthz", ROUTE_GET, ROUTE_ANSWER, ACCESS_EVERYONE, api_health,
     "200 while the process serves"},
    {"/readyz", ROUTE_GET, ROUTE_ANSWER, ACCESS_EVERYONE, api_ready,
     "200 while it accepts invocations"},
    {"/", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, ACCESS_EVERYONE, api_root, "this list"},
};
const struct route_table node_routes = {routes, sizeof(routes) / sizeof(routes[0])};

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
