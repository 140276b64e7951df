#include "host/runtimes/docker_replica.h"

#include <string.h>

#include "host/log.h"

enum { GRACE_SECONDS = 2 };
static const uint64_t ANSWER_NS = 60000000000;

static void set_state(struct docker_replica *r, enum replica_state state)
{
    pthread_mutex_lock(r->lock);
    r->state = state;
    pthread_mutex_unlock(r->lock);
}

static void set_to_start(struct docker_replica *r, bool to_start)
{
    pthread_mutex_lock(r->lock);
    r->has_to_start = to_start;
    pthread_mutex_unlock(r->lock);
}

static void stop_watching(struct docker_replica *r)
{
    ev_timer_stop(r->home->loop, &r->give_up);
    docker_readiness_stop(&r->readiness);
}

static void ask(struct docker_replica *r, void (*done)(struct docker_request *, int, const cJSON *),
                const char *method, const char *what)
{
    r->request = (struct docker_request){.done = done, .owner = r};
    docker_start(docker_api(r->docker), r->home, &r->request, method, NULL, ANSWER_NS,
                 "/containers/%s%s", r->id, what);
}

/* True: the daemon is not there, and the replica is forgotten already. */
static bool is_lost(struct docker_replica *r, int status)
{
    if (status == 0)
        docker_lost(r->docker, r->request.err);
    return status == 0;
}

static void end_phase(struct docker_replica *r, enum cold_phase phase)
{
    uint64_t now = clock_ns();

    r->cold.phase_ns[phase] = now - r->phase_began_ns;
    r->phase_began_ns = now;
}

/* ---- the end ---- */

static void on_removed(struct docker_request *q, int status, const cJSON *answer)
{
    struct docker_replica *r = q->owner;

    (void)answer;
    if (is_lost(r, status))
        return;
    if (status >= 400 && status != 404 && status != 409)
        log_event(LOG_WARN, "container could not be removed", LOG_STR("function", r->config->name),
                  LOG_STR("why", q->err));
    r->id[0] = '\0';
    set_state(r, REPLICA_GONE);
    r->gone(r, r->why[0] ? r->why : NULL);
}

static void on_stopped(struct docker_request *q, int status, const cJSON *answer)
{
    struct docker_replica *r = q->owner;

    (void)answer;
    if (!is_lost(r, status))
        ask(r, on_removed, "DELETE", "?force=1&v=1");
}

void docker_replica_end(struct docker_replica *r, const char *why)
{
    bool runs = r->state == REPLICA_TESTING || r->state == REPLICA_READY;
    bool is_creating = r->state == REPLICA_CREATING;
    char how[48];

    if (r->state == REPLICA_ENDING || r->state == REPLICA_GONE)
        return;
    stop_watching(r);
    if (!is_creating)
        docker_cancel(&r->request);
    snprintf(r->why, sizeof(r->why), "%s", why ? why : "");
    set_state(r, REPLICA_ENDING);
    snprintf(how, sizeof(how), "/stop?t=%d", GRACE_SECONDS);
    if (is_creating) /* it can be removed when it has an id */
        return;
    if (runs)
        ask(r, on_stopped, "POST", how);
    else
        ask(r, on_removed, "DELETE", "?force=1&v=1");
}

static void on_autopsy(struct docker_request *q, int status, const cJSON *answer)
{
    struct docker_replica *r = q->owner;
    struct docker_state state;
    char how[96];

    if (is_lost(r, status))
        return;
    docker_read_state(answer, (int)r->config->port, &state);
    if (status != 200)
        snprintf(how, sizeof(how), "somebody removed it");
    else if (state.oom_killed)
        snprintf(how, sizeof(how), "it needed more than its memory of %lld MB",
                 (long long)r->config->memory >> 20);
    else
        snprintf(how, sizeof(how), "exit code %d", state.exit_code);
    snprintf(r->why, sizeof(r->why), "its container ended %s: %s",
             r->was_ready ? "while it served" : "before it was ready", how);
    ask(r, on_removed, "DELETE", "?force=1&v=1");
}

void docker_replica_ended(struct docker_replica *r)
{
    if (r->state == REPLICA_ENDING || r->state == REPLICA_GONE)
        return;
    if (r->state == REPLICA_STARTING) { /* what its start answers tells more */
        r->has_ended = true;
        return;
    }
    stop_watching(r);
    docker_cancel(&r->request);
    set_state(r, REPLICA_ENDING);
    ask(r, on_autopsy, "GET", "/json");
}

void docker_replica_forget(struct docker_replica *r)
{
    stop_watching(r);
    docker_cancel(&r->request);
    r->id[0] = '\0';
    set_state(r, REPLICA_GONE);
}

/* ---- the test ---- */

static void on_passed(void *owner)
{
    struct docker_replica *r = owner;

    stop_watching(r);
    if (!r->was_ready && r->phase_began_ns)
        end_phase(r, COLD_READY);
    r->was_ready = true;
    set_state(r, REPLICA_READY);
    r->ready(r);
}

static void on_give_up(struct ev_loop *loop, ev_timer *w, int events)
{
    struct docker_replica *r = w->data;
    char why[P2P_ERRLEN];

    (void)loop;
    (void)events;
    snprintf(why, sizeof(why), "its container was not ready on port %d within start_timeout",
             (int)r->config->port);
    docker_replica_end(r, why);
}

static void test(struct docker_replica *r)
{
    set_state(r, REPLICA_TESTING);
    docker_readiness_start(&r->readiness, &r->endpoint);
}

static void start_give_up(struct docker_replica *r)
{
    ev_now_update(r->home->loop);
    ev_timer_set(&r->give_up, (double)r->config->start_timeout / 1e9, 0);
    ev_timer_start(r->home->loop, &r->give_up);
}

void docker_replica_test(struct docker_replica *r)
{
    start_give_up(r);
    test(r);
}

/* ---- the start ---- */

static void on_inspected(struct docker_request *q, int status, const cJSON *answer)
{
    struct docker_replica *r = q->owner;
    struct docker_state state;
    char text[32], err[P2P_ERRLEN];
    struct endpoint at;

    if (is_lost(r, status))
        return;
    docker_read_state(answer, (int)r->config->port, &state);
    r->started(r);
    if (!state.running || r->has_ended) {
        set_state(r, REPLICA_TESTING);
        docker_replica_ended(r);
        return;
    }
    snprintf(text, sizeof(text), "127.0.0.1:%d", state.port);
    if (!state.port || endpoint_parse(&at, text, 0, err)) {
        docker_replica_end(r, "its network publishes no port on 127.0.0.1");
        return;
    }
    pthread_mutex_lock(r->lock);
    r->endpoint = at;
    pthread_mutex_unlock(r->lock);
    if (r->phase_began_ns)
        end_phase(r, COLD_START);
    test(r);
}

static void on_started(struct docker_request *q, int status, const cJSON *answer)
{
    struct docker_replica *r = q->owner;
    char why[P2P_ERRLEN];

    (void)answer;
    if (is_lost(r, status))
        return;
    if (status == 204 || status == 304) {
        ask(r, on_inspected, "GET", "/json");
        return;
    }
    snprintf(why, sizeof(why), "its container cannot be started: %.200s", q->err);
    docker_replica_end(r, why);
}

static void start(struct docker_replica *r)
{
    r->has_ended = false;
    set_state(r, REPLICA_STARTING);
    r->phase_began_ns = clock_ns();
    start_give_up(r);
    ask(r, on_started, "POST", "/start");
}

void docker_replica_start(struct docker_replica *r)
{
    set_to_start(r, true);
    if (r->state != REPLICA_CREATED)
        return;
    r->cold.phase_ns[COLD_CREATE] = 0; /* nobody waited for that */
    start(r);
}

void docker_replica_adopt(struct docker_replica *r, const char *id)
{
    snprintf(r->id, sizeof(r->id), "%s", id);
    r->cold = (struct cold_start){0};
    r->phase_began_ns = 0;
    r->was_ready = r->has_ended = false;
    r->why[0] = '\0';
    set_state(r, REPLICA_STARTING);
    start_give_up(r);
    ask(r, on_inspected, "GET", "/json");
}

/* ---- the creation ---- */

static void on_created(struct docker_request *q, int status, const cJSON *answer)
{
    struct docker_replica *r = q->owner;

    if (is_lost(r, status))
        return;
    if (status != 201 || strlen(docker_text(answer, "Id")) >= sizeof(r->id)) {
        r->no_image = status == 404;
        snprintf(r->why, sizeof(r->why), "its container cannot be created: %.200s", q->err);
        set_state(r, REPLICA_GONE);
        r->gone(r, r->why);
        return;
    }
    snprintf(r->id, sizeof(r->id), "%s", docker_text(answer, "Id"));
    if (r->state == REPLICA_ENDING) {
        ask(r, on_removed, "DELETE", "?force=1&v=1");
        return;
    }
    end_phase(r, COLD_CREATE);
    set_state(r, REPLICA_CREATED);
    if (r->has_to_start)
        start(r);
}

void docker_replica_create(struct docker_replica *r, bool to_start)
{
    set_to_start(r, to_start);
    r->was_ready = r->no_image = false;
    r->why[0] = '\0';
    r->cold = (struct cold_start){0};
    r->phase_began_ns = clock_ns();
    set_state(r, REPLICA_CREATING);
    r->request = (struct docker_request){.done = on_created, .owner = r};
    docker_start(docker_api(r->docker), r->home, &r->request, "POST",
                 docker_create_body(r->config, r->hash), ANSWER_NS, "/containers/create");
}

void docker_replica_init(struct docker_replica *r)
{
    docker_readiness_init(&r->readiness, r->home, on_passed, r);
    ev_timer_init(&r->give_up, on_give_up, 0, 0);
    r->give_up.data = r;
}
