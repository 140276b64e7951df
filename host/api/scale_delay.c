/*
 * scale_delay.c - GET /monitoring/scale-delay/NAME: how long it takes from no replica of a
 * function to one that serves.
 *
 *   scale(0) ─► looks until there is none ─► scale(1) ─► looks until one is available
 *
 * Then the function has again as many as before.  It is the home thread that scales and
 * looks; who asks may leave at any time.
 */
#include <math.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/api.h"
#include "host/later.h"
#include "host/log.h"
#include "host/node.h"
#include "host/route.h"

static const double FIRST_LOOK = 0.001, LAST_LOOK = 0.05, LOOKS = 32;
static const double USUAL_TIMEOUT = 60, MOST_TIMEOUT = 3600;

struct measurement {
    _Atomic unsigned refs; /* the exchange's, and that of `left` while it is posted */
    struct exchange *x;
    struct function *function;
    bool force;
    double timeout; /* seconds, of the whole */
    struct task left;
    /* The home thread's. */
    bool is_over, is_coming;
    struct replica_count before;
    uint64_t began_ns, none_ns, wanted_ns;
    ev_timer look;
};

static void unref(struct measurement *m)
{
    if (--m->refs > 0)
        return;
    function_unref(m->function);
    free(m);
}

/* ---- the end ---- */

static void answer(struct exchange *x)
{
    struct measurement *m = x->later.held;

    x->later.held = NULL;
    unref(m);
    later_answer(x);
}

/* The response is there. */
static void end(struct measurement *m)
{
    ev_timer_stop(m->function->home->loop, &m->look);
    m->is_over = true;
    later_move(m->x, &m->x->shard->reactor, answer);
}

static bool scale(struct measurement *m, unsigned replicas, char err[P2P_ERRLEN])
{
    const struct function *f = m->function;

    return f->runtime->scale(f->program, replicas, err) == 0;
}

/* It has begun: as many as before are wanted again. */
static void restore(struct measurement *m)
{
    unsigned replicas = m->before.replicas;
    char err[P2P_ERRLEN];

    m->function->is_measured = false;
    if (!scale(m, replicas, err))
        log_event(LOG_WARN,
                  "function has not as many replicas as before its scale delay was "
                  "measured",
                  LOG_STR("function", m->function->config->name), LOG_STR("why", err));
}

static void fail(struct measurement *m, int status, const char *why)
{
    restore(m);
    exchange_error(m->x, status, status, "function '%s': %s", m->function->config->name, why);
    end(m);
}

/* ---- the looks ---- */

static double seconds_since(uint64_t ns)
{
    return (double)(clock_ns() - ns) / 1e9;
}

/* The longer it takes, the less often: what is measured is wrong by 3 % at most. */
static void look_again(struct measurement *m)
{
    double after = seconds_since(m->is_coming ? m->wanted_ns : m->began_ns) / LOOKS;

    after = after < FIRST_LOOK ? FIRST_LOOK : after > LAST_LOOK ? LAST_LOOK : after;
    ev_now_update(m->function->home->loop);
    if (m->function->runtime->look)
        m->function->runtime->look(m->function->program);
    ev_timer_set(&m->look, after, 0);
    ev_timer_start(m->function->home->loop, &m->look);
}

static void add_phases(cJSON *json, const struct cold_start *cold)
{
    static const char *const names[] = {"create", "start", "ready"};
    cJSON *phases = cold->phase_ns[COLD_START] ? cJSON_AddObjectToObject(json, "phases") : NULL;

    for (int i = 0; phases && i < COLD_ANSWER; i++)
        cJSON_AddNumberToObject(phases, names[i], (double)cold->phase_ns[i] / 1e9);
}

static void tell(struct measurement *m, double delay, const struct cold_start *cold)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "name", m->function->config->name);
    cJSON_AddNumberToObject(json, "delay_seconds", delay);
    add_phases(json, cold);
    cJSON_AddNumberToObject(json, "removal_seconds", (double)(m->none_ns - m->began_ns) / 1e9);
    cJSON_AddStringToObject(json, "runtime", m->function->runtime->name);
    exchange_json(m->x, MHD_HTTP_OK, json);
    restore(m);
    end(m);
}

static void say_too_late(struct measurement *m)
{
    const struct function *f = m->function;
    char state[128], why[P2P_ERRLEN];

    f->runtime->describe(f->program, state, sizeof(state));
    snprintf(why, sizeof(why), "%s within %g s: %s",
             m->is_coming ? "no replica was available" : "its replicas did not end", m->timeout,
             state);
    fail(m, MHD_HTTP_GATEWAY_TIMEOUT, why);
}

static void want_one(struct measurement *m)
{
    char err[P2P_ERRLEN];

    m->none_ns = m->wanted_ns = clock_ns();
    m->is_coming = true;
    if (scale(m, 1, err))
        look_again(m);
    else
        fail(m, MHD_HTTP_NOT_IMPLEMENTED, err);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct measurement *m = w->data;
    double delay = seconds_since(m->wanted_ns);
    struct replica_count now;

    (void)loop;
    (void)events;
    runtime_count(m->function->runtime, m->function->program, &now);
    if (m->is_coming && now.available > 0)
        tell(m, delay, &now.last);
    else if (now.refusal[0])
        fail(m, MHD_HTTP_BAD_GATEWAY, now.refusal);
    else if (seconds_since(m->began_ns) > m->timeout)
        say_too_late(m);
    else if (!m->is_coming && now.replicas == 0)
        want_one(m);
    else
        look_again(m);
}

/* ---- the beginning, on the home thread ---- */

static void begin(struct exchange *x)
{
    struct measurement *m = x->later.held;
    struct function *f = m->function;
    const char *why = f->is_measured         ? "its scale delay is measured already"
                      : f->runs && !m->force ? "it has calls at work; ?force measures nevertheless"
                                             : NULL;
    char err[P2P_ERRLEN];

    if (why) {
        exchange_error(x, MHD_HTTP_CONFLICT, MHD_HTTP_CONFLICT, "function '%s': %s",
                       f->config->name, why);
        end(m);
        return;
    }
    runtime_count(f->runtime, f->program, &m->before);
    m->began_ns = clock_ns();
    if (!scale(m, 0, err)) {
        exchange_error(x, MHD_HTTP_NOT_IMPLEMENTED, MHD_HTTP_NOT_IMPLEMENTED, "%s", err);
        end(m);
        return;
    }
    f->is_measured = true;
    look_again(m);
}

static void on_left(struct task *t)
{
    struct measurement *m = (struct measurement *)((char *)t - offsetof(struct measurement, left));

    if (!m->is_over)
        fail(m, MHD_HTTP_SERVICE_UNAVAILABLE, "the client hung up, or the node stops");
    unref(m);
}

/* ---- on the shard's thread ---- */

static void on_gone(struct exchange *x)
{
    struct measurement *m = x->later.held;

    if (!m)
        return;
    m->refs++;
    reactor_post(m->function->home, &m->left);
}

/* 0 or -1 with the exchange answered. */
static int read_query(struct exchange *x, struct measurement *m)
{
    char text[API_ARGUMENT];
    const char *timeout = api_argument(x, "timeout", text, sizeof(text));
    char *end = NULL;

    m->force = MHD_lookup_connection_value_n(x->connection, MHD_GET_ARGUMENT_KIND, "force",
                                             strlen("force"), NULL, NULL) == MHD_YES;
    m->timeout = timeout ? strtod(timeout, &end) : USUAL_TIMEOUT;
    if (!timeout ||
        (end != timeout && *end == '\0' && m->timeout > 0 && m->timeout <= MOST_TIMEOUT))
        return 0;
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                   "timeout must be a number of seconds up to %g", MOST_TIMEOUT);
    return -1;
}

void api_scale_delay(struct exchange *x)
{
    struct function *f = api_scalable(x);
    struct measurement *m = f ? calloc(1, sizeof(*m)) : NULL;

    if (!f)
        return;
    if (!m)
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "out of memory");
    if (!m || read_query(x, m)) {
        function_unref(f);
        free(m);
        return;
    }
    m->refs = 1;
    m->x = x;
    m->function = f;
    m->left.run = on_left;
    ev_timer_init(&m->look, on_look, 0, 0);
    m->look.data = m;
    later_begin(x, on_gone);
    x->later.held = m;
    later_move(x, f->home, begin);
}
