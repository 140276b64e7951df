/*
 * server.c - a function is a long-lived program that listens on PORT: started on
 * first use or ahead, watched, restarted with back-off, reached over keep-alive
 * connections of whatever thread has the call.
 *
 *   STOPPED ─► STARTING ─► READY ─┐
 *      ▲          │ ended         │ ended
 *      └─────── BACK_OFF ◄────────┘
 *
 * The program belongs to its home thread; what other threads read of it, and the
 * line of runs that wait for it, are under its lock.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/log.h"
#include "host/runtimes/runtime.h"
#include "host/runtimes/spawn.h"

enum { LINE_MAX_BYTES = 1024, LINES_A_SECOND = 100, STRIKES = 3, MOST_VARIABLES = 96 };
static const double FIRST_LOOK = 0.001, LAST_LOOK = 0.1; /* for its port, seconds */
static const double FIRST_BACK_OFF = 0.1, LAST_BACK_OFF = 30, GRACE = 2;
static const uint64_t GOOD_LIFE_NS = 10000000000; /* a program this old starts afresh */

enum program_state { STOPPED, STARTING, READY, BACK_OFF, CLOSING };

struct program {
    const struct function_config *config;
    struct reactor *home;
    struct task wanted; /* start it, please */
    pthread_mutex_t lock;
    /* Under the lock. */
    enum program_state state;
    bool start_posted;
    struct endpoint endpoint;
    uint64_t generation;
    struct served *first, *last; /* wait for it */
    char why[P2P_ERRLEN];        /* it is not ready */
    unsigned strikes;            /* ends in a row without a good life between */
    /* The home thread's. */
    struct child child;
    int output;
    ev_io ended, talking;
    ev_timer look, give_up, again;
    double look_after;
    uint64_t ready_ns;
    char line[LINE_MAX_BYTES];
    size_t line_len;
    uint64_t line_second;
    unsigned lines, lines_dropped;
    void (*closed)(void *arg);
    void *closed_arg;
};

enum served_state { IN_LINE, CALLED_UP, CALLING };

/* One run; belongs to the run's thread, but for its place in the line. */
struct served {
    struct run *run;
    struct task task; /* it is your turn */
    struct served *next, *prev;
    enum served_state state;
    bool program_failed;     /* instead of a turn */
    enum run_result verdict; /* decided while it was called up */
    bool has_verdict, retried;
    uint64_t end_ns, generation;
    struct endpoint endpoint;
    struct call call;
    char path[2];
    ev_timer timeout;
};

/* ---- the line, under the lock ---- */

static void line_add(struct program *p, struct served *s)
{
    s->state = IN_LINE;
    s->next = NULL;
    s->prev = p->last;
    if (p->last)
        p->last->next = s;
    else
        p->first = s;
    p->last = s;
}

static void line_remove(struct program *p, struct served *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        p->first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    else
        p->last = s->prev;
}

/* Calls up everybody, each on its own thread. */
static void line_call(struct program *p, bool failed)
{
    struct served *s;

    while ((s = p->first)) {
        line_remove(p, s);
        s->state = CALLED_UP;
        s->program_failed = failed;
        s->endpoint = p->endpoint;
        s->generation = p->generation;
        reactor_post(s->run->reactor, &s->task);
    }
}

/* ---- a run ---- */

static struct ev_loop *loop_of(const struct served *s)
{
    return s->run->reactor->loop;
}

static void explain(struct served *s, int status, const char *what)
{
    s->run->status = status;
    snprintf(s->run->err, sizeof(s->run->err), "function '%s': %s", s->run->program->config->name,
             what);
}

static void finish(struct served *s, enum run_result result)
{
    struct run *run = s->run;

    ev_timer_stop(loop_of(s), &s->timeout);
    run->state = NULL;
    free(s);
    run->done(run, result);
}

static void end_with(struct served *s, enum run_result verdict)
{
    struct program *p = s->run->program;
    char why[P2P_ERRLEN];

    pthread_mutex_lock(&p->lock);
    snprintf(why, sizeof(why), "%s", p->why[0] ? p->why : "the program did not become ready");
    pthread_mutex_unlock(&p->lock);
    if (verdict == RUN_TIMEOUT)
        explain(s, 504, "no answer in time: its program is not ready");
    else if (verdict == RUN_CANCELLED)
        explain(s, 503, "was cancelled");
    else
        explain(s, 502, why);
    finish(s, verdict);
}

static void join(struct served *s);

static void on_answer(struct call *call, enum call_result result)
{
    struct served *s = call->owner;
    struct run *run = s->run;

    run->may_have_run = result != CALL_NOT_SENT;
    switch (result) {
    case CALL_ANSWERED:
        finish(s, RUN_ANSWERED);
        return;
    case CALL_NOT_SENT:
        if (!s->retried && clock_ns() < s->end_ns) {
            s->retried = true;
            join(s);
            return;
        }
        explain(s, 502, call->err);
        finish(s, RUN_FAILED);
        return;
    case CALL_TIMEOUT:
        explain(s, 504, call->err);
        finish(s, RUN_TIMEOUT);
        return;
    case CALL_LOST:
    case CALL_BAD:
        explain(s, 502, call->err);
        finish(s, result == CALL_BAD ? RUN_TOO_LARGE : RUN_FAILED);
        return;
    }
}

static void send_call(struct served *s)
{
    const struct http_request *rq = s->run->request;
    const char *target = rq->target.len ? rq->target.data : "";
    bool rooted = target[0] == '/';
    uint64_t now = clock_ns();

    ev_timer_stop(loop_of(s), &s->timeout);
    s->state = CALLING;
    http_response_clear(s->run->response);
    s->call = (struct call){
        .method = rq->method,
        .path = rooted ? target : "/",
        .path_tail = rooted ? NULL : target,
        .path_tail_len = rooted ? 0 : rq->target.len,
        .headers = &rq->headers,
        .body = &rq->body,
        .timeout_ns = s->end_ns > now ? s->end_ns - now : 1,
        .done = on_answer,
        .owner = s,
        .response = s->run->response,
    };
    upstream_start(s->run->reactor->upstreams, &s->endpoint, &s->call);
}

static void on_turn(struct task *t)
{
    struct served *s = (struct served *)((char *)t - offsetof(struct served, task));

    if (s->has_verdict)
        end_with(s, s->verdict);
    else if (s->program_failed)
        end_with(s, RUN_FAILED);
    else
        send_call(s);
}

/* Leaves the line with this verdict, or as soon as it is called up. */
static void leave(struct served *s, enum run_result verdict)
{
    struct program *p = s->run->program;
    bool was_in_line;

    pthread_mutex_lock(&p->lock);
    was_in_line = s->state == IN_LINE;
    if (was_in_line)
        line_remove(p, s);
    pthread_mutex_unlock(&p->lock);
    if (was_in_line) {
        end_with(s, verdict);
    } else if (!s->has_verdict) {
        s->has_verdict = true;
        s->verdict = verdict;
    }
}

static void on_waited_long(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    leave(w->data, RUN_TIMEOUT);
}

/* Gets in line, or is called up at once when the program is ready.  A retry waits
 * for another generation of it, if the last one ended. */
static void join(struct served *s)
{
    struct program *p = s->run->program;
    uint64_t now = clock_ns();

    pthread_mutex_lock(&p->lock);
    line_add(p, s);
    if (p->state == READY)
        line_call(p, false);
    else if (p->state == BACK_OFF && p->strikes >= STRIKES)
        line_call(p, true);
    else
        s->run->cold = true;
    if (p->state == STOPPED && !p->start_posted) {
        p->start_posted = true;
        reactor_post(p->home, &p->wanted);
    }
    pthread_mutex_unlock(&p->lock);
    ev_timer_stop(loop_of(s), &s->timeout);
    ev_now_update(loop_of(s));
    ev_timer_set(&s->timeout, s->end_ns > now ? (double)(s->end_ns - now) / 1e9 : 0, 0);
    ev_timer_start(loop_of(s), &s->timeout);
}

static void on_no_memory(struct task *t)
{
    struct run *run = (struct run *)((char *)t - offsetof(struct run, task));

    run->status = 503;
    snprintf(run->err, sizeof(run->err), "function '%s': out of memory",
             run->program->config->name);
    run->done(run, RUN_FAILED);
}

static void server_start(struct run *run)
{
    struct program *p = run->program;
    struct served *s = calloc(1, sizeof(*s));
    bool ready;

    if (!s) {
        run->task.run = on_no_memory;
        reactor_post(run->reactor, &run->task);
        return;
    }
    s->run = run;
    s->task.run = on_turn;
    s->end_ns = clock_ns() + run->timeout_ns;
    run->state = s;
    ev_timer_init(&s->timeout, on_waited_long, 0, 0);
    s->timeout.data = s;
    pthread_mutex_lock(&p->lock);
    ready = p->state == READY;
    s->endpoint = p->endpoint;
    pthread_mutex_unlock(&p->lock);
    if (ready)
        send_call(s);
    else
        join(s);
}

static void server_cancel(struct run *run)
{
    struct served *s = run->state;

    if (!s)
        return;
    if (s->state == CALLING) {
        upstream_cancel(&s->call);
        explain(s, 503, "was cancelled");
        finish(s, RUN_CANCELLED);
    } else {
        leave(s, RUN_CANCELLED);
    }
}

/* ---- the program's output ---- */

static void log_line(struct program *p)
{
    uint64_t second = clock_ns() / 1000000000;

    if (second != p->line_second) {
        if (p->lines_dropped)
            log_event(LOG_WARN, "function said more than is logged",
                      LOG_STR("function", p->config->name), LOG_INT("lines", p->lines_dropped));
        p->line_second = second;
        p->lines = p->lines_dropped = 0;
    }
    p->line[p->line_len] = '\0';
    if (p->line_len > 0 && p->lines++ < LINES_A_SECOND)
        log_event(LOG_INFO, "function says", LOG_STR("function", p->config->name),
                  LOG_STR("line", p->line));
    else if (p->line_len > 0)
        p->lines_dropped++;
    p->line_len = 0;
}

static void on_talking(struct ev_loop *loop, ev_io *w, int events)
{
    struct program *p = w->data;
    char chunk[4096];
    ssize_t n = read(p->output, chunk, sizeof(chunk));

    (void)events;
    for (ssize_t i = 0; i < n; i++) {
        if (chunk[i] != '\n')
            p->line[p->line_len++] = chunk[i];
        if (chunk[i] == '\n' || p->line_len == sizeof(p->line) - 1)
            log_line(p);
    }
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    log_line(p);
    ev_io_stop(loop, w);
}

/* ---- the program's life, on its home thread ---- */

static void begin(struct program *p);

static void enter_state(struct program *p, enum program_state state, const char *why)
{
    pthread_mutex_lock(&p->lock);
    p->state = state;
    if (why)
        snprintf(p->why, sizeof(p->why), "%s", why);
    if (state == READY)
        line_call(p, false);
    pthread_mutex_unlock(&p->lock);
}

static void destroy(struct program *p)
{
    void (*closed)(void *) = p->closed;
    void *arg = p->closed_arg;

    ev_timer_stop(p->home->loop, &p->again);
    pthread_mutex_destroy(&p->lock);
    free(p);
    closed(arg);
}

/* It is not there: once more after a while, if somebody wants it. */
static void strike(struct program *p, const char *why)
{
    double after = FIRST_BACK_OFF;

    log_event(LOG_WARN, "function's program is not there", LOG_STR("function", p->config->name),
              LOG_STR("why", why));
    pthread_mutex_lock(&p->lock);
    p->state = BACK_OFF;
    p->strikes++;
    snprintf(p->why, sizeof(p->why), "%s", why);
    if (p->strikes >= STRIKES)
        line_call(p, true);
    for (unsigned i = 1; i < p->strikes && after < LAST_BACK_OFF; i++)
        after *= 2;
    pthread_mutex_unlock(&p->lock);
    ev_now_update(p->home->loop);
    ev_timer_set(&p->again, after < LAST_BACK_OFF ? after : LAST_BACK_OFF, 0);
    ev_timer_start(p->home->loop, &p->again);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    struct program *p = w->data;
    bool wanted;

    (void)loop;
    (void)events;
    pthread_mutex_lock(&p->lock);
    wanted = p->first || p->config->start == FUNCTION_AHEAD;
    p->state = STOPPED;
    pthread_mutex_unlock(&p->lock);
    if (wanted)
        begin(p);
}

static void on_ended(struct ev_loop *loop, ev_io *w, int events)
{
    struct program *p = w->data;
    char how[64], why[P2P_ERRLEN];
    bool was_ready = p->state == READY;

    (void)events;
    ev_io_stop(loop, &p->ended);
    ev_timer_stop(loop, &p->look);
    ev_timer_stop(loop, &p->give_up);
    while (ev_is_active(&p->talking) && ev_is_pending(&p->talking))
        ev_invoke(loop, &p->talking, EV_READ);
    spawn_reap(&p->child, how, sizeof(how));
    ev_io_stop(loop, &p->talking);
    close(p->output);
    if (p->state == CLOSING) {
        destroy(p);
        return;
    }
    if (was_ready && clock_ns() - p->ready_ns > GOOD_LIFE_NS) {
        pthread_mutex_lock(&p->lock);
        p->strikes = 0;
        pthread_mutex_unlock(&p->lock);
    }
    snprintf(why, sizeof(why), "its program ended %s: %s",
             was_ready ? "while it served" : "before it listened on PORT", how);
    strike(p, why);
}

static bool listens(const struct program *p)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    bool yes = false;

    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *)&p->endpoint.address, p->endpoint.length) == 0)
        yes = true;
    else if (errno == EINPROGRESS && poll(&poll_fd, 1, 0) == 1)
        yes = !(poll_fd.revents & (POLLERR | POLLHUP));
    close(fd);
    return yes;
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct program *p = w->data;

    (void)events;
    if (listens(p)) {
        ev_timer_stop(loop, &p->give_up);
        p->ready_ns = clock_ns();
        enter_state(p, READY, "");
        return;
    }
    p->look_after = p->look_after * 2 < LAST_LOOK ? p->look_after * 2 : LAST_LOOK;
    ev_timer_set(w, p->look_after, 0);
    ev_timer_start(loop, w);
}

static void on_give_up(struct ev_loop *loop, ev_timer *w, int events)
{
    struct program *p = w->data;

    (void)loop;
    (void)events;
    log_event(LOG_WARN, "function's program does not listen on PORT and is killed",
              LOG_STR("function", p->config->name));
    spawn_kill(&p->child, SIGKILL);
}

/* A port that is free now; the program takes it in a moment. */
static int choose_port(struct program *p, char *err)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct endpoint endpoint;
    socklen_t n = sizeof(a);
    char text[32];

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
        getsockname(fd, (struct sockaddr *)&a, &n)) {
        snprintf(err, P2P_ERRLEN, "no free port: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(a.sin_port));
    if (endpoint_parse(&endpoint, text, 0, err))
        return -1;
    pthread_mutex_lock(&p->lock);
    p->endpoint = endpoint;
    p->generation++;
    pthread_mutex_unlock(&p->lock);
    return ntohs(a.sin_port);
}

static int launch(struct program *p, char *err)
{
    const char *env[MOST_VARIABLES + 1];
    static const char *const inherited[] = {"PATH=", "HOME=", "LANG=", "TZ=", "TMPDIR="};
    struct spawn s = {.argv = (const char *const *)p->config->command,
                      .envp = env,
                      .directory = p->config->directory,
                      .in = -1};
    extern char **environ;
    char port_text[32], name[96];
    int port = choose_port(p, err), ends[2], n = 0, rc;

    if (port < 0)
        return -1;
    for (char **e = environ; e && *e && n < 8; e++)
        for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++)
            if (strncmp(*e, inherited[i], strlen(inherited[i])) == 0)
                env[n++] = *e;
    snprintf(port_text, sizeof(port_text), "PORT=%d", port);
    snprintf(name, sizeof(name), "FUNCTION_NAME=%s", p->config->name);
    env[n++] = port_text;
    env[n++] = "HOST=127.0.0.1";
    env[n++] = name;
    for (char **e = p->config->environment; e && *e && n < MOST_VARIABLES; e++)
        env[n++] = *e;
    env[n] = NULL;
    if (pipe2(ends, O_CLOEXEC)) {
        snprintf(err, P2P_ERRLEN, "no pipe: %s", strerror(errno));
        return -1;
    }
    s.out = s.err = ends[1];
    rc = spawn_start(&s, &p->child, err);
    close(ends[1]);
    if (rc) {
        close(ends[0]);
        return -1;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    p->output = ends[0];
    return 0;
}

static void begin(struct program *p)
{
    struct ev_loop *loop = p->home->loop;
    char err[P2P_ERRLEN];

    enter_state(p, STARTING, "its program is starting");
    if (launch(p, err)) {
        strike(p, err);
        return;
    }
    log_event(LOG_INFO, "function's program started", LOG_STR("function", p->config->name),
              LOG_STR("address", p->endpoint.text), LOG_INT("pid", p->child.pid));
    ev_io_init(&p->ended, on_ended, p->child.pidfd, EV_READ);
    ev_io_init(&p->talking, on_talking, p->output, EV_READ);
    p->look_after = FIRST_LOOK;
    ev_now_update(loop);
    ev_timer_init(&p->look, on_look, FIRST_LOOK, 0);
    ev_timer_init(&p->give_up, on_give_up, (double)p->config->start_timeout / 1e9, 0);
    p->ended.data = p->talking.data = p->look.data = p->give_up.data = p;
    ev_io_start(loop, &p->ended);
    ev_io_start(loop, &p->talking);
    ev_timer_start(loop, &p->look);
    ev_timer_start(loop, &p->give_up);
}

static void on_wanted(struct task *t)
{
    struct program *p = (struct program *)((char *)t - offsetof(struct program, wanted));
    bool stopped;

    pthread_mutex_lock(&p->lock);
    p->start_posted = false;
    stopped = p->state == STOPPED;
    pthread_mutex_unlock(&p->lock);
    if (stopped)
        begin(p);
}

/* ---- the vtable ---- */

static struct program *server_open(const struct function_config *f, struct reactor *home,
                                   char err[P2P_ERRLEN])
{
    struct program *p;

    if (strchr(f->command[0], '/') && access(f->command[0], X_OK)) {
        snprintf(err, P2P_ERRLEN, "function '%s': cannot run '%.120s': %s", f->name, f->command[0],
                 strerror(errno));
        return NULL;
    }
    p = calloc(1, sizeof(*p));
    if (!p) {
        snprintf(err, P2P_ERRLEN, "function '%s': out of memory", f->name);
        return NULL;
    }
    p->config = f;
    p->home = home;
    p->wanted.run = on_wanted;
    p->child.pidfd = p->output = -1;
    pthread_mutex_init(&p->lock, NULL);
    ev_timer_init(&p->again, on_again, 0, 0);
    p->again.data = p;
    if (f->start == FUNCTION_AHEAD) {
        p->start_posted = true;
        reactor_post(home, &p->wanted);
    }
    return p;
}

static void on_grace_over(struct ev_loop *loop, ev_timer *w, int events)
{
    struct program *p = w->data;

    (void)loop;
    (void)events;
    spawn_kill(&p->child, SIGKILL);
}

static void server_close(struct program *p, void (*closed)(void *arg), void *arg)
{
    struct ev_loop *loop = p->home->loop;

    p->closed = closed;
    p->closed_arg = arg;
    enter_state(p, CLOSING, "it is being closed");
    ev_timer_stop(loop, &p->again);
    if (p->child.pid == 0) {
        destroy(p);
        return;
    }
    ev_timer_stop(loop, &p->look);
    ev_timer_stop(loop, &p->give_up);
    spawn_kill(&p->child, SIGTERM);
    ev_now_update(loop);
    ev_timer_init(&p->give_up, on_grace_over, GRACE, 0);
    p->give_up.data = p;
    ev_timer_start(loop, &p->give_up);
}

static void server_describe(struct program *p, char *out, size_t size)
{
    static const char *const names[] = {"stopped, starts on first use", "starting", "ready",
                                        "back-off", "closing"};

    pthread_mutex_lock(&p->lock);
    snprintf(out, size, "%s%s%.80s", names[p->state],
             p->state == BACK_OFF ? ": "
             : p->state == READY  ? " at "
                                  : "",
             p->state == BACK_OFF ? p->why
             : p->state == READY  ? p->endpoint.text
                                  : "");
    pthread_mutex_unlock(&p->lock);
}

const struct runtime runtime_server = {
    .name = "process/http",
    .open = server_open,
    .close = server_close,
    .start = server_start,
    .cancel = server_cancel,
    .describe = server_describe,
};
