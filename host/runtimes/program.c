#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/log.h"
#include "host/runtimes/program_private.h"

enum { MOST_VARIABLES = 96 };
static const double FIRST_LOOK = 0.001, LAST_LOOK = 0.1; /* for its port, seconds */
static const double FIRST_BACK_OFF = 0.1, LAST_BACK_OFF = 30, GRACE = 2;
static const uint64_t GOOD_LIFE_NS = 10000000000; /* a program this old starts afresh */

/* ---- the program's output ---- */

/* Returns as read() does. */
static ssize_t take_output(struct program *p)
{
    char chunk[4096];
    ssize_t n = read(p->output, chunk, sizeof(chunk));

    if (n > 0)
        program_output_feed(&p->said, chunk, (size_t)n);
    return n;
}

static void on_talking(struct ev_loop *loop, ev_io *w, int events)
{
    struct program *p = w->data;
    ssize_t n = take_output(p);

    (void)events;
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    program_output_end(&p->said);
    ev_io_stop(loop, w);
}

/* Its last words, when it has ended; what its children may still say is dropped. */
static void take_last_words(struct program *p)
{
    enum { MOST_CHUNKS = 64 };

    for (int i = 0; i < MOST_CHUNKS && take_output(p) > 0; i++)
        ;
    program_output_end(&p->said);
}

/* ---- the program's life, on its home thread ---- */

static void begin(struct program *p);
static void look_whether_wanted(struct program *p);

static void enter_state(struct program *p, enum program_state state, const char *why)
{
    pthread_mutex_lock(&p->lock);
    p->state = state;
    if (why)
        snprintf(p->why, sizeof(p->why), "%s", why);
    if (state == READY) {
        program_line_call(p, false);
        p->last_start = p->cold;
        p->cold = (struct cold_start){0};
    }
    pthread_mutex_unlock(&p->lock);
}

static void end_phase(struct program *p, enum cold_phase phase)
{
    uint64_t now = clock_ns();

    p->cold.phase_ns[phase] = now - p->phase_began_ns;
    p->phase_began_ns = now;
}

/* Closed, ended, and no task of it under way. */
static void destroy_if_over(struct program *p)
{
    void (*closed)(void *) = p->closed;
    void *arg = p->closed_arg;

    if (p->child.pid || p->wanted_posted || p->hung_posted)
        return;
    ev_timer_stop(p->home->loop, &p->again);
    pthread_mutex_destroy(&p->lock);
    program_output_release(&p->said);
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
    if (p->strikes >= PROGRAM_STRIKES)
        program_line_call(p, true);
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
    wanted = p->line || p->kept;
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
    take_last_words(p);
    spawn_reap(&p->child, how, sizeof(how));
    ev_io_stop(loop, &p->talking);
    close(p->output);
    if (p->state == CLOSING) {
        destroy_if_over(p);
        return;
    }
    if (p->state == ENDING) {
        enter_state(p, STOPPED, NULL);
        look_whether_wanted(p);
        return;
    }
    if (was_ready && clock_ns() - p->ready_ns > GOOD_LIFE_NS) {
        pthread_mutex_lock(&p->lock);
        p->strikes = 0;
        pthread_mutex_unlock(&p->lock);
    }
    if (p->killed_for)
        snprintf(why, sizeof(why), "its program %s and was killed", p->killed_for);
    else
        snprintf(why, sizeof(why), "its program ended %s: %s",
                 was_ready ? "while it served" : "before it listened on PORT", how);
    strike(p, why);
}

/* A connection to a free port may get that very port as its own. */
static bool is_connected_to_itself(int fd)
{
    struct sockaddr_in here = {0}, there = {0};
    socklen_t n = sizeof(here), m = sizeof(there);

    return getsockname(fd, (struct sockaddr *)&here, &n) == 0 &&
           getpeername(fd, (struct sockaddr *)&there, &m) == 0 && here.sin_port == there.sin_port;
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
    yes = yes && !is_connected_to_itself(fd);
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
        end_phase(p, COLD_READY);
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
    p->killed_for = "did not listen on PORT within start_timeout";
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
    pthread_mutex_unlock(&p->lock);
    return ntohs(a.sin_port);
}

static int launch(struct program *p, char *err)
{
    const char *env[MOST_VARIABLES + 1];
    struct spawn s = {.argv = (const char *const *)p->config->command,
                      .envp = env,
                      .directory = p->config->directory,
                      .in = -1};
    extern char **environ;
    char port_text[32], name[96];
    const char *const own[] = {"HOST=127.0.0.1", name};
    int port = choose_port(p, err), ends[2], n = 0, rc;

    if (port < 0)
        return -1;
    for (char **e = environ; e && *e && n < 8; e++)
        for (const char *const *v = spawn_inherited; *v; v++)
            if (strncmp(*e, *v, strlen(*v)) == 0 && (*e)[strlen(*v)] == '=' &&
                !spawn_has_variable(p->config->environment, *e))
                env[n++] = *e;
    snprintf(port_text, sizeof(port_text), "PORT=%d", port);
    snprintf(name, sizeof(name), "FUNCTION_NAME=%s", p->config->name);
    env[n++] = port_text;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (!spawn_has_variable(p->config->environment, own[i]))
            env[n++] = own[i];
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
    p->phase_began_ns = clock_ns();
    if (launch(p, err)) {
        strike(p, err);
        return;
    }
    end_phase(p, COLD_START);
    log_event(LOG_INFO, "function's program started", LOG_STR("function", p->config->name),
              LOG_STR("address", p->endpoint.text), LOG_INT("pid", p->child.pid));
    program_output_begin(&p->said, (int)p->child.pid);
    ev_io_init(&p->ended, on_ended, p->child.pidfd, EV_READ);
    ev_io_init(&p->talking, on_talking, p->output, EV_READ);
    p->look_after = FIRST_LOOK;
    p->killed_for = NULL;
    p->timeouts = 0;
    ev_now_update(loop);
    ev_timer_init(&p->look, on_look, FIRST_LOOK, 0);
    ev_timer_init(&p->give_up, on_give_up, (double)p->config->start_timeout / 1e9, 0);
    p->ended.data = p->talking.data = p->look.data = p->give_up.data = p;
    ev_io_start(loop, &p->ended);
    ev_io_start(loop, &p->talking);
    ev_timer_start(loop, &p->look);
    ev_timer_start(loop, &p->give_up);
}

static void on_grace_over(struct ev_loop *loop, ev_timer *w, int events)
{
    struct program *p = w->data;

    (void)loop;
    (void)events;
    spawn_kill(&p->child, SIGKILL);
}

/* It runs, and is told to end. */
static void end(struct program *p)
{
    struct ev_loop *loop = p->home->loop;

    ev_timer_stop(loop, &p->look);
    ev_timer_stop(loop, &p->give_up);
    spawn_kill(&p->child, SIGTERM);
    ev_now_update(loop);
    ev_timer_init(&p->give_up, on_grace_over, GRACE, 0);
    p->give_up.data = p;
    ev_timer_start(loop, &p->give_up);
}

static void look_whether_wanted(struct program *p)
{
    bool begins, ends;

    pthread_mutex_lock(&p->lock);
    begins = p->state == STOPPED && (p->line || p->kept) && !p->home->ending;
    ends = p->retires && !p->line && p->calls == 0 && (p->state == STARTING || p->state == READY);
    if (ends) {
        p->state = ENDING;
        p->retires = false;
    }
    pthread_mutex_unlock(&p->lock);
    if (begins)
        begin(p);
    else if (ends)
        end(p);
}

static void on_wanted(struct task *t)
{
    struct program *p = (struct program *)((char *)t - offsetof(struct program, wanted));
    bool is_closing;

    pthread_mutex_lock(&p->lock);
    p->wanted_posted = false;
    is_closing = p->state == CLOSING;
    pthread_mutex_unlock(&p->lock);
    if (is_closing)
        destroy_if_over(p);
    else
        look_whether_wanted(p);
}

static void on_hung(struct task *t)
{
    struct program *p = (struct program *)((char *)t - offsetof(struct program, hung));
    enum program_state state;

    pthread_mutex_lock(&p->lock);
    p->hung_posted = false;
    state = p->state;
    pthread_mutex_unlock(&p->lock);
    if (state == CLOSING) {
        destroy_if_over(p);
    } else if (state == READY && p->timeouts >= PROGRAM_TIMEOUTS) {
        log_event(LOG_WARN, "function's program hangs and is killed",
                  LOG_STR("function", p->config->name));
        p->killed_for = "gave no answer in time to several calls in a row";
        spawn_kill(&p->child, SIGKILL);
    }
}

/* ---- from outside ---- */

struct program *program_open(const struct function_config *f, struct reactor *home,
                             char err[P2P_ERRLEN])
{
    char why[P2P_ERRLEN];
    struct program *p;

    if (spawn_check(f->command[0], f->directory, why)) {
        snprintf(err, P2P_ERRLEN, "function '%s': %.180s", f->name, why);
        return NULL;
    }
    p = calloc(1, sizeof(*p));
    if (!p || program_output_init(&p->said, f->name)) {
        snprintf(err, P2P_ERRLEN, "function '%s': out of memory", f->name);
        free(p);
        return NULL;
    }
    p->config = f;
    p->home = home;
    p->wanted.run = on_wanted;
    p->hung.run = on_hung;
    p->child.pidfd = p->output = -1;
    pthread_mutex_init(&p->lock, NULL);
    ev_timer_init(&p->again, on_again, 0, 0);
    p->again.data = p;
    p->kept = f->start == FUNCTION_AHEAD;
    if (p->kept) {
        p->wanted_posted = true;
        reactor_post(home, &p->wanted);
    }
    return p;
}

void program_close(struct program *p, void (*closed)(void *arg), void *arg)
{
    p->closed = closed;
    p->closed_arg = arg;
    enter_state(p, CLOSING, "it is being closed");
    ev_timer_stop(p->home->loop, &p->again);
    if (p->child.pid == 0) {
        destroy_if_over(p);
        return;
    }
    end(p);
}

struct lines *program_logs(struct program *p, struct lines_wanted *w, char err[P2P_ERRLEN])
{
    (void)w;
    (void)err;
    return lines_ref(p->said.lines);
}

void program_usage(struct program *p, void (*done)(void *owner, const struct usage *u), void *owner)
{
    struct usage usage = {0};
    pid_t pid = p->child.pid;

    done(owner, pid == 0 || process_usage(&p->meter, pid, &usage) == 0 ? &usage : NULL);
}

void program_describe(struct program *p, char *out, size_t size)
{
    static const char *const names[] = {
        "stopped, starts on first use", "starting", "ready", "back-off", "ending", "closing"};

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

int program_scale(struct program *p, unsigned replicas, char err[P2P_ERRLEN])
{
    if (replicas > 1) {
        snprintf(err, P2P_ERRLEN, "function '%s' is one program: it can have 0 or 1 replicas",
                 p->config->name);
        return -1;
    }
    pthread_mutex_lock(&p->lock);
    p->kept = replicas == 1;
    p->retires = replicas == 0;
    pthread_mutex_unlock(&p->lock);
    look_whether_wanted(p);
    return 0;
}

void program_count(struct program *p, struct replica_count *out)
{
    pthread_mutex_lock(&p->lock);
    out->replicas = p->state != STOPPED && p->state != BACK_OFF;
    out->available = p->state == READY;
    out->last = p->last_start;
    pthread_mutex_unlock(&p->lock);
}
