#include "bench/generator.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "bench/generator_private.h"

/* So many calls are made in one turn of the loop at most: answers are read in between. */
enum { MOST_A_TURN = 256, OTHER_FILES = 64 };
static const uint64_t SECOND_NS = 1000000000u, IDLE_NS = 30000000000u;

void generator_check_end(struct generator *g)
{
    if (g->loading || g->n_open > 0 || g->n_waiting > 0)
        return;
    if (g->rewards && !g->flushed) {
        g->flushed = true;
        rewards_flush(g->rewards);
    }
    if (!g->rewards || rewards_open(g->rewards) == 0 || g->signals > 1)
        ev_break(g->reactor.loop, EVBREAK_ALL);
}

/* ---- what is due ---- */

/* An expiry that is set anew was never read: that takes it back. */
static void set_timer(const struct generator *g, uint64_t at_ns)
{
    uint64_t at = g->begin_ns + at_ns;
    struct itimerspec when = {.it_value = {(time_t)(at / SECOND_NS), (long)(at % SECOND_NS)}};

    timerfd_settime(g->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_due(struct ev_loop *loop, ev_io *w, int events)
{
    struct generator *g = w->data;
    const struct planned *next = NULL;
    uint64_t now = generator_now(g);

    (void)events;
    for (unsigned i = 0; g->loading && (next = plan_next(g->setup->plan)); i++) {
        if (next->at_ns > now)
            now = generator_now(g);
        if (next->at_ns > now || i == MOST_A_TURN)
            break;
        calls_make(g, next, now);
        plan_take(g->setup->plan, next);
        now = generator_now(g);
    }
    if (g->loading && next) {
        set_timer(g, next->at_ns);
        return;
    }
    /* The load goes on to its end, of which the last call may be far away. */
    if (g->loading && now < g->setup->plan->end_ns) {
        set_timer(g, g->setup->plan->end_ns);
        return;
    }
    g->loading = false;
    ev_io_stop(loop, w);
    generator_check_end(g);
}

/* ---- seconds, signals ---- */

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct generator *g = w->data;
    uint64_t now = generator_now(g), next;

    (void)events;
    calls_expire(g, now);
    while (now >= (g->second + 1) * SECOND_NS) {
        for (uint32_t i = 0; i < g->experiment->n_nodes; i++)
            measures_open(g->setup->measures, i, g->second,
                          g->target[i].open + g->target[i].line.n);
        if (g->setup->on_second)
            g->setup->on_second(g->setup->ctx, g->second, g->n_open + g->n_waiting);
        g->second++;
    }
    next = (g->second + 1) * SECOND_NS - now;
    ev_now_update(loop);
    ev_timer_set(w, (double)next / 1e9, 0);
    ev_timer_start(loop, w);
    generator_check_end(g);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
    struct generator *g = w->data;

    (void)loop;
    (void)events;
    g->out->interrupted = g->out->interrupted || g->loading;
    g->loading = false;
    ev_io_stop(g->reactor.loop, &g->due);
    if (++g->signals > 1)
        calls_give_up(g);
    generator_check_end(g);
}

/* ---- life ---- */

static void raise_file_limit(const struct experiment *e)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)e->connections * e->n_nodes + OTHER_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit); /* a call that finds none says so */
}

static int open_all(struct generator *g, char err[P2P_ERRLEN])
{
    const struct experiment *e = g->experiment;
    const struct upstream_limits limits = {.connections = (unsigned)e->connections,
                                           .waiting = (unsigned)e->connections + OTHER_FILES,
                                           .connect_ns = (uint64_t)e->timeout,
                                           .idle_ns = IDLE_NS};

    raise_file_limit(e);
    g->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    g->upstreams = upstreams_new(&g->reactor, &limits);
    if (e->rewards.to == REWARDS_LEARNER && g->upstreams)
        g->rewards = rewards_new(e, g->upstreams);
    if (g->timer >= 0 && g->upstreams && (g->rewards || e->rewards.to != REWARDS_LEARNER) &&
        calls_init(g) == 0)
        return 0;
    snprintf(err, P2P_ERRLEN, "the generator cannot begin: %s", strerror(errno ? errno : ENOMEM));
    return -1;
}

static void watch_signal(struct generator *g, ev_signal *w, int number)
{
    ev_signal_init(w, on_signal, number);
    w->data = g;
    ev_signal_start(g->reactor.loop, w);
}

static void begin(struct generator *g)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    g->out->began = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    g->begin_ns = clock_ns();
    g->loading = true;
    ev_io_init(&g->due, on_due, g->timer, EV_READ);
    g->due.data = g;
    ev_set_priority(&g->due, EV_MAXPRI);
    ev_io_start(g->reactor.loop, &g->due);
    ev_now_update(g->reactor.loop);
    ev_timer_init(&g->tick, on_tick, 1, 0);
    g->tick.data = g;
    ev_timer_start(g->reactor.loop, &g->tick);
    set_timer(g, 0);
}

int generator_run(const struct generator_setup *setup, struct generator_outcome *out,
                  char err[P2P_ERRLEN])
{
    struct generator g = {.setup = setup, .experiment = setup->experiment, .out = out, .timer = -1};
    int rc;

    memset(out, 0, sizeof(*out));
    if (reactor_init(&g.reactor, err))
        return -1;
    rc = open_all(&g, err);
    if (rc == 0) {
        watch_signal(&g, &g.interrupt, SIGINT);
        watch_signal(&g, &g.terminate, SIGTERM);
        rc = generator_ask(&g, err);
    }
    if (rc == 0) {
        begin(&g);
        ev_run(g.reactor.loop, 0);
        out->ended_ns = generator_now(&g);
    }
    if (g.rewards)
        out->rewards = *rewards_outcome(g.rewards);
    if (rc == 0 && g.broken) {
        snprintf(err, P2P_ERRLEN, "%s", g.broken);
        rc = -1;
    }
    calls_give_up(&g);
    ev_signal_stop(g.reactor.loop, &g.interrupt);
    ev_signal_stop(g.reactor.loop, &g.terminate);
    ev_io_stop(g.reactor.loop, &g.due);
    ev_timer_stop(g.reactor.loop, &g.tick);
    rewards_free(g.rewards);
    if (g.upstreams)
        upstreams_free(g.upstreams);
    calls_release(&g);
    if (g.timer >= 0)
        close(g.timer);
    reactor_release(&g.reactor);
    return rc;
}
