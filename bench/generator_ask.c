#include <cjson/cJSON.h>
#include <string.h>

#include "bench/generator_private.h"

enum { MOST_ANSWER = 64 << 10 };
static const uint64_t LONGEST_NS = 2000000000u;

struct question {
    struct generator *g;
    struct call call;
    struct http_response response;
    enum call_result result;
    unsigned *left;
};

static void on_answer(struct call *c, enum call_result result)
{
    struct question *q = c->owner;

    q->result = result;
    if (--*q->left == 0)
        ev_break(q->g->reactor.loop, EVBREAK_ALL);
}

static void ask(struct generator *g, struct question *q, const struct endpoint *to,
                const char *path, unsigned *left)
{
    static const struct http_limits limits = {MOST_ANSWER, MOST_ANSWER};

    *q = (struct question){.g = g, .left = left, .result = CALL_NOT_SENT};
    http_response_init(&q->response, &limits);
    q->call = (struct call){.method = "GET",
                            .path = path,
                            .timeout_ns = LONGEST_NS,
                            .done = on_answer,
                            .owner = q,
                            .response = &q->response};
    ++*left;
    upstream_start(g->upstreams, to, &q->call);
}

/* "NAME" or "NAME(2, true)"; parameters may be a list or a map by name. */
static void read_name(struct question *q, char *out, size_t size)
{
    cJSON *json = q->result == CALL_ANSWERED && q->response.status == 200
                      ? cJSON_ParseWithLength(q->response.body.data, q->response.body.len)
                      : NULL;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "name");
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(json, "parameters"), *p;
    size_t n;

    if (cJSON_IsString(name)) {
        n = (size_t)snprintf(out, size, "%s", name->valuestring);
        cJSON_ArrayForEach(p, parameters)
        {
            char *text = cJSON_IsString(p) ? NULL : cJSON_PrintUnformatted(p);

            if (n < size)
                n += (size_t)snprintf(
                    out + n, size - n, "%s%s%s%s", p == parameters->child ? "(" : ", ",
                    p->string ? p->string : "", p->string ? "=" : "", text ? text : p->valuestring);
            cJSON_free(text);
        }
        if (n < size && parameters && parameters->child)
            snprintf(out + n, size - n, ")");
    }
    cJSON_Delete(json);
}

int generator_ask(struct generator *g, char err[P2P_ERRLEN])
{
    const struct experiment *e = g->experiment;
    struct question scheduler[EXPERIMENT_MAX_NODES], learner[EXPERIMENT_MAX_NODES];
    bool learns = e->rewards.to == REWARDS_LEARNER;
    unsigned left = 1; /* as long as questions are made */
    int rc = 0;

    for (unsigned i = 0; i < e->n_nodes; i++) {
        ask(g, &scheduler[i], &e->node[i].endpoint, "/configuration/scheduler", &left);
        if (learns)
            ask(g, &learner[i], &e->node[i].learner, "/learner/parameters", &left);
    }
    if (--left > 0)
        ev_run(g->reactor.loop, 0);
    for (unsigned i = 0; i < e->n_nodes; i++) {
        struct node_said *said = &g->out->said[i];

        upstream_cancel(&scheduler[i].call); /* when a signal ended the wait */
        if (learns)
            upstream_cancel(&learner[i].call);
        read_name(&scheduler[i], said->scheduler, sizeof(said->scheduler));
        if (learns)
            read_name(&learner[i], said->learner, sizeof(said->learner));
        if (rc == 0 && scheduler[i].call.unreachable) {
            snprintf(err, P2P_ERRLEN, "nodes.%s: %.160s; is the node running there?",
                     e->node[i].name, scheduler[i].call.err);
            rc = -1;
        }
        http_response_release(&scheduler[i].response);
        if (learns)
            http_response_release(&learner[i].response);
    }
    if (rc == 0 && g->signals > 0) {
        snprintf(err, P2P_ERRLEN, "ended by a signal before the load began");
        rc = -1;
    }
    return rc;
}
