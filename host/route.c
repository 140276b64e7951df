#include "host/route.h"

#include <stdio.h>
#include <string.h>

const struct route routes[] = {
    {"/function/", ROUTE_ANY, ROUTE_JOB, NULL, "invoke a function: /function/NAME[/path][?query]"},
    {"/peer/function/", ROUTE_ANY, ROUTE_PEER, NULL, "the same, from another node"},
    {"/monitoring/load", ROUTE_GET, ROUTE_ANSWER, api_load, "running and waiting jobs, as headers"},
    {"/configuration/scheduler", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, api_scheduler,
     "the scheduler and its parameters; POST selects another"},
    {"/configuration", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, api_configuration,
     "slots and queue, and what runs; POST changes the limits"},
    {"/plugins", ROUTE_GET, ROUTE_ANSWER, api_plugins, "what is in the plugin folder"},
    {"/plugins/", ROUTE_GET, ROUTE_ANSWER, api_plugin, "one scheduler, its parameters explained"},
    {"/metrics", ROUTE_GET, ROUTE_ANSWER, api_metrics, "Prometheus text"},
    {"/healthz", ROUTE_GET, ROUTE_ANSWER, api_health, "200 while the process serves"},
    {"/readyz", ROUTE_GET, ROUTE_ANSWER, api_ready, "200 while it accepts invocations"},
    {"/", ROUTE_GET | ROUTE_POST, ROUTE_ANSWER, api_root, "this list"},
};
const unsigned n_routes = sizeof(routes) / sizeof(routes[0]);

const struct route *route_find(const char *path, size_t len)
{
    for (unsigned i = 0; i < n_routes; i++) {
        size_t n = strlen(routes[i].path);
        bool prefix = n > 1 && routes[i].path[n - 1] == '/';

        if (prefix ? len > n && memcmp(path, routes[i].path, n) == 0
                   : len == n && memcmp(path, routes[i].path, n) == 0)
            return &routes[i];
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
