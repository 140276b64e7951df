/*
 * learner_shown.c - what the learner is set to and what it knows, for programs of the original
 * and for people: /learner/parameters, stats, weights and policy.
 */
#include <math.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/api/learner.h"
#include "host/later.h"
#include "host/learner_text.h"
#include "host/log.h"
#include "host/node.h"
#include "host/route.h"

enum { AT_ONCE = 64 /* states; the lock of the plugins is held */, MOST_SHOWN = 20000 };

/* ---- parameters ---- */

static void answer_parameters(struct exchange *x)
{
    struct engine *e = x->shard->node->engine;
    cJSON *json = cJSON_CreateObject(), *parameters;
    struct engine_learner now;

    engine_learner_describe(e, &now);
    cJSON_AddStringToObject(json, "name", now.plugin);
    parameters = cJSON_AddObjectToObject(json, "parameters");
    if (now.at_work)
        cJSON_AddNumberToObject(parameters, "actions_n", now.n_actions);
    engine_learner_parameters(e, api_add_value, parameters);
    exchange_json(x, MHD_HTTP_OK, json);
}

/* The parameters that are, with those that are sent in place. */
struct change {
    const cJSON *sent;
    struct api_selection w;
    char now[API_PARAMETERS][API_VALUE];
    const char *wrong; /* name of a value that is neither number, text nor truth */
};

/* Theirs go by some other names. */
static const cJSON *find_sent(const cJSON *sent, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(sent, name);

    if (!item && strcmp(name, "epsilon") == 0)
        item = cJSON_GetObjectItemCaseSensitive(sent, "epsilon_start");
    return item;
}

static void change_one(void *ctx, const struct p2p_param *p, const char *value)
{
    struct change *c = ctx;
    const cJSON *item = find_sent(c->sent, p->name);
    uint32_t n = c->w.selection.n;

    if (n == API_PARAMETERS)
        return;
    snprintf(c->now[n], API_VALUE, "%s", value);
    c->w.names[n] = p->name;
    c->w.values[n] = item ? api_value_text(item, c->w.text[n]) : c->now[n];
    if (!c->w.values[n])
        c->wrong = p->name;
    c->w.selection.n++;
}

/* Keys that it does not know are passed over, as in the original.  [the clerk] */
static void change_parameters(struct exchange *x)
{
    struct node *n = x->shard->node;
    struct change *c = calloc(1, sizeof(*c));
    struct engine_learner now;
    char err[P2P_ERRLEN];

    if (!c) {
        learner_refuse(x, "out of memory");
        goto end;
    }
    pthread_mutex_lock(&n->selection);
    engine_learner_describe(n->engine, &now);
    c->sent = x->later.held;
    engine_learner_parameters(n->engine, change_one, c);
    c->w.selection.name = now.plugin;
    c->w.selection.names = c->w.names;
    c->w.selection.values = c->w.values;
    if (!now.at_work) {
        learner_refuse(x, "there is no learner at work; a scheduler that asks one is");
    } else if (c->wrong) {
        learner_refuse(x, "%s is no number, text, true or false", c->wrong);
    } else {
        node_learner_leaves(n);
        if (engine_select_learner(n->engine, &c->w.selection, err)) {
            learner_refuse(x, "%s", err);
        } else {
            node_learner_comes(n, &n->config->config);
            learner_say(x, "");
        }
    }
    pthread_mutex_unlock(&n->selection);
end:
    free(c);
    cJSON_Delete(x->later.held);
    later_answer(x);
}

void api_learner_parameters(struct exchange *x)
{
    cJSON *json;

    if (strcmp(x->request.method, "GET") == 0) {
        answer_parameters(x);
        return;
    }
    json = api_body(x);
    if (cJSON_IsObject(json)) {
        x->later.held = json;
        api_leave_to_clerk(x, change_parameters);
        return;
    }
    if (json)
        learner_refuse(x, "the body is no object of parameters: {\"alpha\":0.1,…}");
    cJSON_Delete(json);
}

/* ---- stats ---- */

static void find_epsilon(void *ctx, const char *name, const char *help, bool is_gauge, double value)
{
    (void)help;
    if (is_gauge && strcmp(name, "epsilon") == 0)
        *(double *)ctx = value;
}

void api_learner_stats(struct exchange *x)
{
    struct node *n = x->shard->node;
    cJSON *json = cJSON_CreateObject();
    struct training_stats outside;
    struct learner_stats s;
    double epsilon = 0;

    engine_learner_stats(n->engine, &s);
    training_tell(&n->learner.training, &outside);
    engine_learner_metrics(n->engine, find_epsilon, &epsilon);
    cJSON_AddNumberToObject(json, "inferences", (double)s.choices);
    cJSON_AddNumberToObject(json, "trained_items", (double)s.transitions);
    cJSON_AddNumberToObject(json, "epsilon", epsilon);
    cJSON_AddNumberToObject(json, "episodes", (double)s.open);
    cJSON_AddNumberToObject(json, "pending_entries", outside.pending);
    cJSON_AddNumberToObject(json, "eid_max_seen", (double)outside.eid_max);
    cJSON_AddNumberToObject(json, "eid_last_trained", (double)outside.eid_last);
    exchange_json(x, MHD_HTTP_OK, json);
}

/* ---- what it knows ---- */

struct knowledge {
    uint32_t n_dims, n_actions, n;
    float *states, *values;
};

static void free_knowledge(struct knowledge *k)
{
    free(k->states);
    free(k->values);
}

/* Up to `most` states.  0, or -1: memory. */
static int read_knowledge(struct engine *e, struct knowledge *k, uint32_t most)
{
    struct engine_learner now;
    uint32_t room = 0, got = 0;

    *k = (struct knowledge){0};
    engine_learner_describe(e, &now);
    if (!now.at_work)
        return 0;
    k->n_dims = now.n_dims;
    k->n_actions = now.n_actions;
    do {
        uint32_t wanted = most - k->n < AT_ONCE ? most - k->n : AT_ONCE;

        if (k->n + wanted > room) {
            void *grown;

            room = room ? 2 * room : AT_ONCE;
            grown = realloc(k->states, (size_t)room * k->n_dims * sizeof(float));
            if (!grown)
                return -1;
            k->states = grown;
            grown = realloc(k->values, (size_t)room * k->n_actions * sizeof(float));
            if (!grown)
                return -1;
            k->values = grown;
        }
        got = engine_learner_known(e, k->n, wanted, k->n_dims, k->n_actions,
                                   k->states + (size_t)k->n * k->n_dims,
                                   k->values + (size_t)k->n * k->n_actions);
        k->n += got;
    } while (got == AT_ONCE && k->n < most);
    return 0;
}

/* A whole number without a point, any other as short as it is. */
static void state_number(char out[LEARNER_NUMBER], float value)
{
    if (value == rintf(value) && fabsf(value) < 1e7F)
        snprintf(out, LEARNER_NUMBER, "%.0f", (double)value + 0.0);
    else
        learner_write_number(out, value);
}

/* A batch of digits is what it was made of; other numbers have commas between them. */
static bool are_digits(const struct knowledge *k)
{
    for (size_t i = 0; i < (size_t)k->n * k->n_dims; i++)
        if (!(k->states[i] >= 0 && k->states[i] <= 9 && k->states[i] == rintf(k->states[i])))
            return false;
    return true;
}

static int put_state(struct buf *out, const float *state, uint32_t n, const char *between)
{
    char number[LEARNER_NUMBER];

    for (uint32_t d = 0; d < n; d++) {
        state_number(number, state[d]);
        if ((d && buf_puts(out, between)) || buf_puts(out, number))
            return -1;
    }
    return 0;
}

static int put_values(struct buf *out, const float *values, uint32_t n)
{
    char number[LEARNER_NUMBER];

    for (uint32_t a = 0; a < n; a++) {
        learner_write_number(number, values[a]);
        if (buf_printf(out, "%s%s", a ? ", " : "", number))
            return -1;
    }
    return 0;
}

static int put_weights(struct buf *out, const struct knowledge *k)
{
    const char *between = are_digits(k) ? "" : ",";

    if (buf_puts(out, "{\"actions_map\": {"))
        return -1;
    for (uint32_t a = 0; a < k->n_actions; a++)
        if (buf_printf(out, "%s\"%u\": %u", a ? ", " : "", a, a))
            return -1;
    if (buf_puts(out, "}, \"states_map\": {"))
        return -1;
    for (uint32_t i = 0; i < k->n; i++)
        if (buf_puts(out, i ? ", \"" : "\"") ||
            put_state(out, k->states + (size_t)i * k->n_dims, k->n_dims, between) ||
            buf_printf(out, "\": %u", i))
            return -1;
    if (buf_puts(out, "}, \"table\": ["))
        return -1;
    for (uint32_t i = 0; i < k->n; i++)
        if (buf_puts(out, i ? ", [" : "[") ||
            put_values(out, k->values + (size_t)i * k->n_actions, k->n_actions) ||
            buf_puts(out, "]"))
            return -1;
    return buf_puts(out, "]}");
}

static void refuse_size(struct exchange *x)
{
    headers_clear(&x->response.headers);
    exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC,
                   "out of memory, or more than an answer holds; ask for less with ?limit=");
}

/* [the clerk] */
static void tell_weights(struct exchange *x)
{
    struct knowledge k;

    exchange_text(x, MHD_HTTP_OK, "application/json", "");
    if (read_knowledge(x->shard->node->engine, &k, MOST_SHOWN) ||
        put_weights(&x->response.body, &k))
        refuse_size(x);
    free_knowledge(&k);
    later_answer(x);
}

/* Thousands of states take longer to write than a loop can wait. */
void api_learner_weights(struct exchange *x)
{
    api_leave_to_clerk(x, tell_weights);
}

/* ---- the policy ---- */

static uint32_t best_of(const float *values, uint32_t n)
{
    uint32_t best = 0;

    for (uint32_t a = 1; a < n; a++)
        if (values[a] > values[best])
            best = a;
    return best;
}

static int put_json(struct buf *out, const struct knowledge *k, const char *learner)
{
    if (buf_printf(out, "{\"learner\":\"%s\",\"states\":[", learner))
        return -1;
    for (uint32_t i = 0; i < k->n; i++) {
        const float *values = k->values + (size_t)i * k->n_actions;

        if (buf_puts(out, i ? ",\n{\"state\":[" : "\n{\"state\":[") ||
            put_state(out, k->states + (size_t)i * k->n_dims, k->n_dims, ",") ||
            buf_puts(out, "],\"values\":[") || put_values(out, values, k->n_actions) ||
            buf_printf(out, "],\"best\":%u}", best_of(values, k->n_actions)))
            return -1;
    }
    return buf_puts(out, "]}\n");
}

static int put_table(struct buf *out, const struct knowledge *k, const char *learner)
{
    if (buf_printf(out, "%s: %u states; the value of each action, the best one with *\n\n%-24s",
                   learner, k->n, "state"))
        return -1;
    for (uint32_t a = 0; a < k->n_actions; a++)
        if (buf_printf(out, " %12u", a))
            return -1;
    for (uint32_t i = 0; i < k->n; i++) {
        const float *values = k->values + (size_t)i * k->n_actions;
        uint32_t best = best_of(values, k->n_actions);
        size_t from = out->len + 1;

        if (buf_puts(out, "\n") ||
            put_state(out, k->states + (size_t)i * k->n_dims, k->n_dims, ","))
            return -1;
        if (out->len - from < 24 && buf_printf(out, "%*s", (int)(24 - (out->len - from)), ""))
            return -1;
        for (uint32_t a = 0; a < k->n_actions; a++)
            if (buf_printf(out, " %11.5g%s", (double)values[a], a == best ? "*" : " "))
                return -1;
    }
    return buf_puts(out, "\n");
}

/* 0, or -1 with the exchange answered. */
static int read_one(struct exchange *x, struct knowledge *k, const char *text)
{
    char err[P2P_ERRLEN];
    int n, actions;

    k->states = calloc(LEARNER_MOST_STATE, sizeof(*k->states));
    k->values = calloc(64, sizeof(*k->values));
    n = k->states && k->values ? learner_read_state(text, k->states, LEARNER_MOST_STATE) : -1;
    if (n < 0) {
        learner_refuse(x, "state is '%.80s'; right: finite numbers with commas between them", text);
        return -1;
    }
    actions = engine_learner_values(x->shard->node->engine, k->states, (uint32_t)n, k->values, err);
    if (actions < 0) {
        learner_refuse(x, "%s", err);
        return -1;
    }
    k->n = 1;
    k->n_dims = (uint32_t)n;
    k->n_actions = (uint32_t)actions;
    return 0;
}

struct asked {
    bool is_text;
    uint32_t limit;     /* of states */
    struct knowledge k; /* of the one state that is asked for, or empty */
};

/* 0, or -1 with the exchange answered. */
static int read_asked(struct exchange *x, struct asked *a)
{
    const char *accept = learner_header(x, MHD_HTTP_HEADER_ACCEPT);
    uint64_t limit = 1000;
    char text[4096];

    a->is_text = accept && strncasecmp(accept, "text/plain", 10) == 0;
    if (api_argument(x, "limit", text, sizeof(text)) &&
        (!learner_read_eid(text, &limit) || limit < 1 || limit > MOST_SHOWN)) {
        learner_refuse(x, "limit is '%.40s'; allowed: 1 to %d", text, MOST_SHOWN);
        return -1;
    }
    a->limit = (uint32_t)limit;
    return api_argument(x, "state", text, sizeof(text)) ? read_one(x, &a->k, text) : 0;
}

/* [the clerk] */
static void tell_policy(struct exchange *x)
{
    struct engine *e = x->shard->node->engine;
    struct asked *a = x->later.held;
    struct engine_learner now;

    engine_learner_describe(e, &now);
    exchange_text(x, MHD_HTTP_OK, a->is_text ? "text/plain" : "application/json", "");
    if ((a->k.n == 0 && read_knowledge(e, &a->k, a->limit)) ||
        (a->is_text ? put_table : put_json)(&x->response.body, &a->k, now.plugin))
        refuse_size(x);
    free_knowledge(&a->k);
    free(a);
    later_answer(x);
}

void api_learner_policy(struct exchange *x)
{
    struct asked *a = calloc(1, sizeof(*a));

    if (a && read_asked(x, a) == 0) {
        x->later.held = a;
        api_leave_to_clerk(x, tell_policy);
        return;
    }
    if (a)
        free_knowledge(&a->k);
    else
        learner_refuse(x, "out of memory");
    free(a);
}
