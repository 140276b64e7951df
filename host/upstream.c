#include "host/upstream.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "host/connection.h"
#include "host/upstream_private.h"

enum { SCRATCH = 64 << 10 };
static const double SWEEP_SECONDS = 1;

struct upstream {
    struct endpoint to; /* key: text */
    struct upstreams *all;
    struct connection *idle; /* the hottest first */
    struct connection *busy; /* connecting too */
    unsigned n_connections, n_connecting;
    struct call *first, *last; /* waiting for a connection */
    unsigned n_waiting;
    unsigned n_calls; /* started and not done */
    UT_hash_handle hh;
};

struct upstreams {
    struct reactor *reactor;
    struct upstream_limits limits;
    struct upstream *table;
    struct upstream nowhere; /* of calls for which there was no memory */
    /* Told from the loop, not from upstream_start. */
    struct call *first_ended, *last_ended;
    unsigned n_ended;
    ev_timer tell, sweep;
    char scratch[SCRATCH];
};

const char *upstream_text(const struct upstream *u)
{
    return u->to.text;
}

char *upstream_scratch(struct upstream *u, size_t *size)
{
    *size = SCRATCH;
    return u->all->scratch;
}

static struct ev_loop *loop_of(const struct upstream *u)
{
    return u->all->reactor->loop;
}

/* ---- lists ---- */

static void connection_link(struct connection **list, struct connection *c)
{
    c->prev = NULL;
    c->next = *list;
    if (c->next)
        c->next->prev = c;
    *list = c;
}

static void connection_unlink(struct connection **list, struct connection *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        *list = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

static struct connection **list_of(struct connection *c)
{
    return c->state == CONNECTION_IDLE ? &c->upstream->idle : &c->upstream->busy;
}

static void wait_in_line(struct upstream *u, struct call *c)
{
    c->next = NULL;
    c->prev = u->last;
    if (u->last)
        u->last->next = c;
    else
        u->first = c;
    u->last = c;
    u->n_waiting++;
}

static void leave_line(struct upstream *u, struct call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        u->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        u->last = c->prev;
    u->n_waiting--;
}

/* ---- the end of a call ---- */

static void call_done(struct call *c, enum call_result result)
{
    ev_timer_stop(loop_of(c->upstream), &c->timer);
    c->connection = NULL;
    c->state = CALL_IDLE;
    c->upstream->n_calls--;
    c->done(c, result);
}

static void ended_add(struct upstreams *all, struct call *c)
{
    c->next = NULL;
    c->prev = all->last_ended;
    if (c->prev)
        c->prev->next = c;
    else
        all->first_ended = c;
    all->last_ended = c;
    all->n_ended++;
}

static void ended_remove(struct upstreams *all, struct call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        all->first_ended = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        all->last_ended = c->prev;
    all->n_ended--;
}

static void on_tell(struct ev_loop *loop, ev_timer *w, int events)
{
    struct upstreams *all = w->data;
    struct call *c;

    (void)events;
    /* Those that end meanwhile wait for the next turn. */
    for (unsigned left = all->n_ended; left > 0 && (c = all->first_ended); left--) {
        ended_remove(all, c);
        call_done(c, c->result);
    }
    if (all->first_ended)
        ev_feed_event(loop, &all->tell, EV_CUSTOM);
}

/* done() comes from the loop, soon. */
static void end_later(struct call *c, enum call_result result)
{
    struct upstreams *all = c->upstream->all;

    ev_timer_stop(all->reactor->loop, &c->timer);
    c->state = CALL_ENDED;
    c->result = result;
    ended_add(all, c);
    ev_feed_event(all->reactor->loop, &all->tell, EV_CUSTOM);
}

/* ---- connections and calls meet ---- */

static void start_on(struct connection *c, struct call *call)
{
    connection_unlink(&c->upstream->idle, c);
    connection_link(&c->upstream->busy, c);
    call->connection = c;
    call->state = CALL_ON_CONNECTION;
    connection_send(c, call);
}

/* Enough connections for those who wait; false when none can be made. */
static bool open_for(struct upstream *u, char err[P2P_ERRLEN])
{
    struct connection *c;

    if (u->n_connections >= u->all->limits.connections || u->n_connecting >= u->n_waiting)
        return true;
    c = connection_open(u, loop_of(u), &u->to, u->all->limits.connect_ns, err);
    if (!c)
        return u->n_connections > 0;
    u->n_connections++;
    u->n_connecting++;
    connection_link(&u->busy, c);
    return true;
}

static void serve_line(struct upstream *u)
{
    char err[P2P_ERRLEN] = "";

    while (u->first && u->idle) {
        struct call *c = u->first;

        leave_line(u, c);
        start_on(u->idle, c);
    }
    while (u->first && !open_for(u, err)) {
        struct call *c = u->first;

        leave_line(u, c);
        snprintf(c->err, sizeof(c->err), "%s", err);
        end_later(c, CALL_NOT_SENT);
    }
}

static void drop(struct connection *c)
{
    struct upstream *u = c->upstream;

    connection_unlink(list_of(c), c);
    u->n_connections--;
    u->n_connecting -= c->state == CONNECTION_CONNECTING;
    connection_close(c);
}

static void on_usable(struct connection *c)
{
    struct upstream *u = c->upstream;

    connection_unlink(&u->busy, c);
    connection_link(&u->idle, c);
    serve_line(u);
}

static void on_connected(struct connection *c)
{
    c->upstream->n_connecting--;
    c->idle_since_ns = clock_ns();
    on_usable(c);
}

/* Nobody answers there: those who wait are told, rather than tried one by one. */
static void fail_line(struct upstream *u, bool unreachable, const char *why)
{
    while (u->first) {
        struct call *c = u->first;

        leave_line(u, c);
        c->unreachable = unreachable;
        snprintf(c->err, sizeof(c->err), "%s: %s", u->to.text, why);
        end_later(c, CALL_NOT_SENT);
    }
}

static void on_over(struct connection *c, struct call *call, enum call_result result,
                    const char *why)
{
    struct upstream *u = c->upstream;
    bool never_connected = c->state == CONNECTION_CONNECTING;

    drop(c);
    if (never_connected)
        fail_line(u, true, why);
    else
        serve_line(u);
    if (call)
        end_later(call, result);
}

static void on_refused(struct call *call)
{
    end_later(call, CALL_NOT_SENT);
}

static void on_unsent(struct connection *c, struct call *call)
{
    struct upstream *u = c->upstream;

    drop(c);
    call->connection = NULL;
    call->state = CALL_WAITING;
    wait_in_line(u, call);
    serve_line(u);
}

static void on_answered(struct call *call)
{
    call_done(call, CALL_ANSWERED);
}

const struct connection_events connection_events = {
    .connected = on_connected,
    .usable = on_usable,
    .over = on_over,
    .refused = on_refused,
    .unsent = on_unsent,
    .answered = on_answered,
};

/* ---- calls ---- */

static struct upstream *find(struct upstreams *all, const struct endpoint *to)
{
    struct upstream *u;

    HASH_FIND_STR(all->table, to->text, u);
    if (u)
        return u;
    u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->to = *to;
    u->all = all;
    HASH_ADD_STR(all->table, to.text, u);
    return u;
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int events)
{
    struct call *c = w->data;
    struct upstream *u = c->upstream;
    enum call_result result = c->sent ? CALL_TIMEOUT : CALL_NOT_SENT;

    (void)events;
    if (timer_is_early(loop, w, c->started_ns + c->timeout_ns))
        return;
    snprintf(c->err, sizeof(c->err), "%s: %s in time", u->to.text,
             c->sent ? "did not answer" : "no connection was free");
    if (c->state == CALL_WAITING) {
        leave_line(u, c);
    } else {
        c->connection->call = NULL;
        drop(c->connection);
        serve_line(u);
    }
    call_done(c, result);
}

void upstream_start(struct upstreams *all, const struct endpoint *to, struct call *c)
{
    struct upstream *u = find(all, to);

    c->err[0] = '\0';
    c->status = 0;
    c->unreachable = false;
    c->sent = false;
    c->connection = NULL;
    if (!c->started_ns)
        c->started_ns = clock_ns();
    c->upstream = u ? u : &all->nowhere;
    c->upstream->n_calls++;
    ev_timer_init(&c->timer, on_timeout, (double)c->timeout_ns / 1e9, 0);
    c->timer.data = c;
    if (!u || u->n_waiting >= all->limits.waiting) {
        snprintf(c->err, sizeof(c->err), "%s: %u calls wait for a connection already", to->text,
                 all->limits.waiting);
        end_later(c, CALL_NOT_SENT);
        return;
    }
    ev_timer_start(all->reactor->loop, &c->timer);
    if (u->idle && !u->first) {
        start_on(u->idle, c);
        return;
    }
    c->state = CALL_WAITING;
    wait_in_line(u, c);
    serve_line(u);
}

void upstream_cancel(struct call *c)
{
    struct upstream *u = c->upstream;

    if (c->state == CALL_IDLE)
        return; /* its upstream may be gone */
    ev_timer_stop(loop_of(u), &c->timer);
    u->n_calls--;
    switch (c->state) {
    case CALL_WAITING:
        leave_line(u, c);
        break;
    case CALL_ON_CONNECTION:
        c->connection->call = NULL;
        drop(c->connection);
        serve_line(u);
        break;
    case CALL_ENDED:
        ended_remove(u->all, c);
        break;
    case CALL_IDLE:
        break;
    }
    c->state = CALL_IDLE;
}

/* ---- life ---- */

static void on_sweep(struct ev_loop *loop, ev_timer *w, int events)
{
    struct upstreams *all = w->data;
    uint64_t now = clock_ns();
    struct upstream *u, *next_u;

    (void)loop;
    (void)events;
    HASH_ITER(hh, all->table, u, next_u)
    {
        struct connection *c, *next;

        for (c = u->idle; c; c = next) {
            next = c->next;
            if (now - c->idle_since_ns > all->limits.idle_ns)
                drop(c);
        }
        if (u->n_connections == 0 && u->n_calls == 0) {
            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it loses track in uthash */
            HASH_DEL(all->table, u);
            free(u);
        }
    }
}

struct upstreams *upstreams_new(struct reactor *r, const struct upstream_limits *limits)
{
    struct upstreams *all = calloc(1, sizeof(*all));

    if (!all)
        return NULL;
    all->reactor = r;
    all->limits = *limits;
    all->nowhere.all = all;
    ev_timer_init(&all->tell, on_tell, 0, 0);
    ev_timer_init(&all->sweep, on_sweep, SWEEP_SECONDS, SWEEP_SECONDS);
    all->tell.data = all->sweep.data = all;
    ev_timer_start(r->loop, &all->sweep);
    return all;
}

void upstreams_free(struct upstreams *all)
{
    struct upstream *u, *next;

    HASH_ITER(hh, all->table, u, next)
    {
        fail_line(u, false, "the node is stopping");
        while (u->idle)
            drop(u->idle);
        while (u->busy) {
            struct call *c = u->busy->call;

            u->busy->call = NULL;
            drop(u->busy);
            if (!c)
                continue;
            snprintf(c->err, sizeof(c->err), "%s: the node is stopping", u->to.text);
            end_later(c, c->sent ? CALL_LOST : CALL_NOT_SENT);
        }
    }
    while (all->first_ended)
        on_tell(all->reactor->loop, &all->tell, 0);
    HASH_ITER(hh, all->table, u, next)
    {
        HASH_DEL(all->table, u); /* NOLINT(clang-analyzer-unix.Malloc): it loses track in uthash */
        free(u);
    }
    ev_clear_pending(all->reactor->loop, &all->tell);
    ev_timer_stop(all->reactor->loop, &all->sweep);
    free(all);
}
