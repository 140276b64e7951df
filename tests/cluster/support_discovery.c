#include "tests/cluster/support_discovery.h"

#include <cjson/cJSON.h>

const char *const strangers[] = {
    "discovery.source=p2p", "peers.nodes=",      "discovery.seeds=127.0.0.1",
    "discovery.poll=200ms", "peers.retry=100ms", NULL};

static const char *discovery_url(unsigned node, const char *path)
{
    static char url[8][256];
    static unsigned next;
    char *u = url[next++ % 8];

    snprintf(u, sizeof(url[0]), "http://127.0.0.%u:%d%s", node + 1, cluster.discovery_port, path);
    return u;
}

struct reply ask(unsigned node, const char *method, const char *path, const char *body,
                 const char *const *headers)
{
    struct request rq = {.method = method,
                         .url = discovery_url(node, path),
                         .body = body,
                         .len = body ? strlen(body) : 0,
                         .headers = headers};
    struct reply r;

    http_call(&rq, &r);
    return r;
}

/* How many members a node has in that state. */
unsigned members(unsigned node, const char *state)
{
    struct reply r = get(node, "/cluster");
    cJSON *json = cJSON_Parse(r.body);
    const cJSON *m;
    unsigned n = 0;

    cJSON_ArrayForEach(m, cJSON_GetObjectItem(json, "members"))
    {
        n += strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(m, "state")), state) == 0;
    }
    cJSON_Delete(json);
    reply_free(&r);
    return n;
}

struct wanted {
    unsigned node, n;
    const char *state;
};

static bool has_members(void *arg)
{
    const struct wanted *w = arg;

    return members(w->node, w->state) == w->n;
}

void wait_members(unsigned node, const char *state, unsigned n)
{
    struct wanted w = {node, n, state};

    if (!wait_until(has_members, &w, 30)) {
        struct reply r = get(node, "/cluster");

        fail_msg("n%u has not %u %s members: %s", node + 1, n, state, r.body);
    }
}

void start_some(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        start_node(i, NULL);
    for (unsigned i = 0; i < n; i++) {
        wait_members(i, "alive", n - 1);
        wait_metric(i, "p2pfaas_peers{state=\"up\"}", n - 1, 10);
    }
}
