/*
 * learner.c - the learner asked and taught: GET /act and /train, POST /train_batch, and what is
 * done with it as a whole.
 */
#include "host/api/learner.h"

#include <math.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/later.h"
#include "host/learner_text.h"
#include "host/log.h"
#include "host/node.h"
#include "host/route.h"

#define LEARNING "X-P2pfaas-Learning-"
static const char HTML[] = "text/html; charset=utf-8";

bool learner_is_original(const struct exchange *x)
{
    return x->listener->routes == &learner_routes;
}

void learner_say(struct exchange *x, const char *text)
{
    exchange_text(x, MHD_HTTP_OK, learner_is_original(x) ? HTML : "text/plain", text);
}

void learner_refuse(struct exchange *x, const char *format, ...)
{
    char why[P2P_ERRLEN];
    va_list args;

    if (learner_is_original(x)) {
        exchange_text(x, MHD_HTTP_INTERNAL_SERVER_ERROR, HTML, "");
        return;
    }
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT, "%s", why);
}

const char *learner_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

/* As the framework of the original's learner words it. */
static void refuse_page(struct exchange *x, int status, const char *title, const char *why)
{
    char page[512];

    if (!learner_is_original(x)) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT, "%s", why);
        return;
    }
    snprintf(page, sizeof(page), "<!doctype html>\n<title>%d %s</title>\n<h1>%s</h1>\n<p>%s</p>\n",
             status, title, title, why);
    exchange_text(x, status, HTML, page);
}

void api_learner_root(struct exchange *x)
{
    learner_say(x, "This is p2pfaas-learner.");
}

/* ---- a choice ---- */

void api_learner_act(struct exchange *x)
{
    const char *text = learner_header(x, LEARNING "State");
    float state[LEARNER_MOST_STATE];
    struct p2p_choice choice;
    char err[P2P_ERRLEN], number[LEARNER_NUMBER];
    int n = text ? learner_read_state(text, state, LEARNER_MOST_STATE) : -1;

    if (n < 0) {
        learner_refuse(x,
                       "the header " LEARNING "State is %s; right: finite numbers with commas "
                       "between them, %d at most",
                       text ? "no state" : "not there", LEARNER_MOST_STATE);
        return;
    }
    if (engine_act(x->shard->node->engine, state, (uint32_t)n, &choice, err)) {
        learner_refuse(x, "%s", err);
        return;
    }
    learner_write_number(number, choice.epsilon);
    exchange_header(x, "X-P2pfaas-Eps", "%s", number);
    exchange_header(x, LEARNING "Eid", "%llu", (unsigned long long)choice.episode);
    snprintf(number, sizeof(number), "%u", choice.action);
    learner_say(x, number);
}

/* ---- rewards ---- */

static int sink(void *ctx, const struct p2p_transition *t, uint32_t n)
{
    struct node *node = ctx;
    char err[P2P_ERRLEN];

    return engine_train(node->engine, t, n, err);
}

static const struct train_item *find_eid(const struct train_item *items, uint32_t n, uint64_t eid)
{
    for (uint32_t i = 0; i < n; i++)
        if (items[i].sound && items[i].eid == eid)
            return &items[i];
    return NULL;
}

/* The state that came of an episode of this node: that of its next one, or the one that was
 * sent with it. */
static enum reward_verdict reward(struct node *node, const struct train_item *items, uint32_t n,
                                  const struct train_item *item)
{
    const struct train_item *sent = find_eid(items, n, item->eid + 1);
    struct engine_episode after;
    float state[LEARNER_MOST_STATE];

    if (engine_episode(node->engine, item->eid + 1, &after, state, LEARNER_MOST_STATE))
        return engine_reward(node->engine, item->eid, item->reward, state, after.n_state,
                             after.action + UINT64_C(1));
    if (sent && sent->n_state == item->n_state &&
        engine_episode(node->engine, item->eid, &after, state, LEARNER_MOST_STATE) &&
        after.n_state == sent->n_state)
        return engine_reward(node->engine, item->eid, item->reward, sent->state, sent->n_state,
                             sent->action + UINT64_C(1));
    return engine_reward(node->engine, item->eid, item->reward, NULL, 0, 0);
}

static bool is_usable(const struct engine_learner *now, const struct train_item *item)
{
    return item->sound && item->n_state == now->n_dims && item->action < now->n_actions;
}

/* Takes all that can be taken; returns how many cannot. */
static uint32_t train(struct node *node, const struct train_item *items, uint32_t n)
{
    struct engine_learner now;
    uint32_t bad = 0;

    engine_learner_describe(node->engine, &now);
    for (uint32_t i = 0; i < n; i++) {
        const struct train_item *item = &items[i];

        if (!is_usable(&now, item))
            bad++;
        else if (engine_gave_episode(node->engine, item->eid))
            reward(node, items, n, item);
        else if (training_add(&node->learner.training, item, sink, node))
            bad++;
    }
    node->learner.bad_rewards += bad;
    return bad;
}

static void answer_training(struct exchange *x, const struct train_item *items, uint32_t n)
{
    struct engine_learner now;
    uint32_t bad = train(x->shard->node, items, n);

    if (bad == 0) {
        learner_say(x, "ok");
        return;
    }
    engine_learner_describe(x->shard->node->engine, &now);
    if (!now.at_work)
        learner_refuse(x, "there is no learner at work; a scheduler that asks one is");
    else
        learner_refuse(x,
                       "%u of %u cannot be used, the others are; right: an eid, a state of %u "
                       "numbers, an action from 0 to %u and a reward, all finite",
                       bad, n, now.n_dims, now.n_actions - 1);
}

void api_learner_train(struct exchange *x)
{
    float room[LEARNER_MOST_STATE];
    struct train_item item =
        train_item_read(learner_header(x, LEARNING "Eid"), learner_header(x, LEARNING "State"),
                        learner_header(x, LEARNING "Action"), learner_header(x, LEARNING "Reward"),
                        room, LEARNER_MOST_STATE);

    answer_training(x, &item, 1);
}

static bool is_json(const struct exchange *x)
{
    static const char json[] = "application/json";
    const char *type = learner_header(x, MHD_HTTP_HEADER_CONTENT_TYPE);

    return type && strncasecmp(type, json, sizeof(json) - 1) == 0;
}

void api_learner_train_batch(struct exchange *x)
{
    static const char right[] = "[{\"eid\":\"2\",\"state\":\"0.0,1.0\",\"action\":\"1.0\","
                                "\"reward\":1.0},…]";
    struct train_batch b = {0};
    enum train_result result;

    if (!is_json(x)) {
        learner_refuse(x, "the Content-Type is not application/json");
        return;
    }
    result = train_batch_read(&b, x->request.body.data, x->request.body.len);
    switch (result) {
    case TRAIN_READ:
        answer_training(x, b.items, b.n);
        break;
    case TRAIN_INCOMPLETE:
        train(x->shard->node, b.items, b.n);
        refuse_page(x, MHD_HTTP_INTERNAL_SERVER_ERROR, "Internal Server Error",
                    "an item lacks eid, state, action or reward; the others were taken");
        break;
    case TRAIN_NOT_JSON:
        x->shard->node->learner.bad_rewards++;
        refuse_page(x, MHD_HTTP_BAD_REQUEST, "Bad Request",
                    "Failed to decode JSON object: the body is no JSON, or cut");
        break;
    case TRAIN_EMPTY:
        x->shard->node->learner.bad_rewards++;
        learner_refuse(x, "the body is no list of 1 to %d items; right: %s", TRAIN_MOST, right);
        break;
    }
    train_batch_release(&b);
}

/* ---- as a whole ---- */

/* [the clerk] */
static void reset(struct exchange *x)
{
    struct node *n = x->shard->node;
    char err[P2P_ERRLEN];

    pthread_mutex_lock(&n->selection);
    if (engine_learner_reset(n->engine, err)) {
        learner_refuse(x, "%s", err);
    } else {
        training_clear(&n->learner.training);
        log_event(LOG_INFO, "the learner was reset, and knows nothing");
        node_learner_comes(n, &n->config->config);
        /* Else what it knew came back with the next start. */
        if (n->config->config.learner.file[0])
            node_learner_save(n, err);
        learner_say(x, "");
    }
    pthread_mutex_unlock(&n->selection);
    later_answer(x);
}

void api_learner_reset(struct exchange *x)
{
    api_leave_to_clerk(x, reset);
}

/* [the clerk] */
static void save(struct exchange *x)
{
    struct node *n = x->shard->node;
    char err[P2P_ERRLEN];
    int rc;

    pthread_mutex_lock(&n->selection);
    rc = node_learner_save(n, err);
    pthread_mutex_unlock(&n->selection);
    if (rc)
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "%s", err);
    else
        learner_say(x, "");
    later_answer(x);
}

void api_learner_save(struct exchange *x)
{
    api_leave_to_clerk(x, save);
}

static void answer_get(struct exchange *x)
{
    struct engine *e = x->shard->node->engine;
    cJSON *json = cJSON_CreateObject();
    struct engine_learner now;

    engine_learner_describe(e, &now);
    cJSON_AddStringToObject(json, "name", now.plugin);
    engine_learner_parameters(e, api_add_value, cJSON_AddObjectToObject(json, "parameters"));
    cJSON_AddBoolToObject(json, "at_work", now.at_work);
    cJSON_AddStringToObject(json, "hash", now.hash);
    cJSON_AddNumberToObject(json, "generation", (double)now.generation);
    exchange_json(x, MHD_HTTP_OK, json);
}

/* [the clerk] */
static void select_it(struct exchange *x)
{
    struct node *n = x->shard->node;
    struct api_selection *w = x->later.held;
    char err[P2P_ERRLEN];

    pthread_mutex_lock(&n->selection);
    node_learner_leaves(n);
    if (engine_select_learner(n->engine, w->selection.name[0] ? &w->selection : NULL, err)) {
        log_event(LOG_WARN, "learner not selected", LOG_STR("name", w->selection.name),
                  LOG_STR("why", err));
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC,
                       "Bad passed parameters for learner: %s", err);
    } else {
        log_event(LOG_INFO, "learner selected", LOG_STR("learner", w->selection.name));
        node_learner_comes(n, &n->config->config);
        x->response.status = MHD_HTTP_OK;
    }
    pthread_mutex_unlock(&n->selection);
    api_free_selection(w);
    later_answer(x);
}

static void answer_post(struct exchange *x)
{
    struct api_selection *w = api_read_selection(x);

    if (w && w->function) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "Passed input is not correct or malformed: a learner is the node's, not a "
                       "function's; allowed: name, parameters");
        api_free_selection(w);
    } else if (w) {
        x->later.held = w;
        api_leave_to_clerk(x, select_it);
    }
}

void api_learner(struct exchange *x)
{
    if (strcmp(x->request.method, "GET") == 0)
        answer_get(x);
    else
        answer_post(x);
}
