/*
 * fork.c - a function is any program: started for each call, body on its standard
 * input, answer on its standard output.
 *
 * The run is over when the program has ended; what it wrote is then taken out of
 * the pipes, and whatever it left behind in its process group is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/runtimes/cgi.h"
#include "host/runtimes/runtime.h"
#include "host/runtimes/spawn.h"

enum { TAIL = 4096, CHUNK = 64 << 10, QUOTED = 160, MOST_CHUNKS = 64 };

struct program {
    const struct function_config *config;
    struct lines *lines; /* of standard error */
};

/* One program under way. */
struct forked {
    struct run *run;
    struct child child;
    int in, out, err; /* our ends; -1 = closed */
    ev_io writable, readable, complaining, ended;
    ev_timer timeout, begin;
    size_t written;
    char tail[TAIL]; /* of standard error */
    size_t tail_len;
    struct lines_writer said; /* the same, line by line */
    enum run_result verdict;  /* RUN_ANSWERED until something else was decided */
};

static struct ev_loop *loop_of(const struct forked *f)
{
    return f->run->reactor->loop;
}

/* ---- life of the program's state ---- */

static struct program *fork_open(const struct function_config *f, struct reactor *home,
                                 char err[P2P_ERRLEN])
{
    struct program *p = calloc(1, sizeof(*p));
    char why[P2P_ERRLEN];

    (void)home;
    if (!p || !(p->lines = lines_new(NULL))) {
        snprintf(err, P2P_ERRLEN, "function '%s': out of memory", f->name);
        goto fail;
    }
    p->config = f;
    if (spawn_check(f->command[0], f->directory, why)) {
        snprintf(err, P2P_ERRLEN, "function '%s': %.180s", f->name, why);
        goto fail;
    }
    return p;
fail:
    if (p)
        lines_unref(p->lines);
    free(p);
    return NULL;
}

static void fork_close(struct program *p, void (*closed)(void *arg), void *arg)
{
    lines_end(p->lines);
    lines_unref(p->lines);
    free(p);
    closed(arg);
}

static void fork_describe(struct program *p, char *out, size_t size)
{
    snprintf(out, size, "runs %s for each call", p->config->command[0]);
}

static struct lines *fork_logs(struct program *p, struct lines_wanted *w, char err[P2P_ERRLEN])
{
    (void)w;
    (void)err;
    return lines_ref(p->lines);
}

/* ---- pipes ---- */

static void close_end(struct forked *f, ev_io *w, int *fd)
{
    if (*fd < 0)
        return;
    ev_io_stop(loop_of(f), w);
    close(*fd);
    *fd = -1;
}

static void write_some(struct forked *f)
{
    const struct buf *body = &f->run->request->body;

    while (f->in >= 0 && f->written < body->len) {
        ssize_t n = write(f->in, body->data + f->written, body->len - f->written);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) /* it does not read: its right */
            break;
        f->written += (size_t)n;
    }
    close_end(f, &f->writable, &f->in);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    write_some(w->data);
}

static void decide(struct forked *f, enum run_result verdict)
{
    if (f->verdict != RUN_ANSWERED)
        return;
    f->verdict = verdict;
    spawn_kill(&f->child, SIGKILL);
}

/* True when there may be more. */
static bool read_answer(struct forked *f)
{
    struct buf *body = &f->run->response->body;
    size_t room;
    ssize_t n;

    if (f->out < 0)
        return false;
    /* One byte more than the limit shows that there are more. */
    room = body->limit - body->len < CHUNK ? body->limit - body->len : CHUNK;
    if (room == 0) {
        char byte;

        n = read(f->out, &byte, 1);
        if (n > 0)
            decide(f, RUN_TOO_LARGE);
    } else {
        if (buf_reserve(body, room)) {
            decide(f, RUN_TOO_LARGE);
            close_end(f, &f->readable, &f->out);
            return false;
        }
        n = read(f->out, body->data + body->len, room);
        if (n > 0)
            body->len += (size_t)n;
    }
    if (n > 0 && f->verdict != RUN_TOO_LARGE)
        return true;
    if (n >= 0 || (errno != EAGAIN && errno != EINTR))
        close_end(f, &f->readable, &f->out);
    return false;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    read_answer(w->data);
}

/* Keeps the last TAIL bytes; true when there may be more. */
static bool read_complaint(struct forked *f)
{
    char chunk[TAIL];
    ssize_t n;

    if (f->err < 0)
        return false;
    n = read(f->err, chunk, sizeof(chunk));
    if (n > 0) {
        size_t take = (size_t)n, keep = TAIL - take;

        lines_feed(&f->said, chunk, take);
        if (f->tail_len < keep)
            keep = f->tail_len;
        memmove(f->tail, f->tail + f->tail_len - keep, keep);
        memcpy(f->tail + keep, chunk, take);
        f->tail_len = keep + take;
        return true;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_end(f, &f->complaining, &f->err);
    return false;
}

static void on_complaint(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    read_complaint(w->data);
}

/* ---- the end ---- */

/* The end of standard error on one line. */
static void quote_tail(const struct forked *f, char *out, size_t size)
{
    size_t n = f->tail_len, from;

    while (n > 0 && (unsigned char)f->tail[n - 1] <= ' ')
        n--;
    from = n > size - 1 ? n - (size - 1) : 0;
    n -= from;
    memcpy(out, f->tail + from, n);
    out[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
            out[i] = ' ';
}

static void explain(struct forked *f, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void explain(struct forked *f, int status, const char *format, ...)
{
    struct run *run = f->run;
    char tail[QUOTED], text[P2P_ERRLEN];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    quote_tail(f, tail, sizeof(tail));
    run->status = status;
    snprintf(run->err, sizeof(run->err), "function '%s': %s%s%s", run->program->config->name, text,
             tail[0] ? ": " : "", tail);
}

static enum run_result judge(struct forked *f, int exit_status, const char *how)
{
    const struct function_config *config = f->run->program->config;
    char err[P2P_ERRLEN];

    switch (f->verdict) {
    case RUN_TIMEOUT:
        explain(f, 504, "did not end within %.3f s and was killed",
                (double)f->run->timeout_ns / 1e9);
        return RUN_TIMEOUT;
    case RUN_TOO_LARGE:
        explain(f, 502, "its answer is larger than %zu bytes; it was killed",
                f->run->response->body.limit);
        return RUN_TOO_LARGE;
    case RUN_CANCELLED:
        explain(f, 503, "%s", "was cancelled");
        return RUN_CANCELLED;
    default:
        break;
    }
    if (exit_status != 0) {
        explain(f, 500, "%s", how);
        return RUN_FAILED;
    }
    if (config->cgi_headers) {
        if (cgi_parse(f->run->response, err)) {
            explain(f, 502, "%s", err);
            return RUN_FAILED;
        }
    } else {
        f->run->response->status = 200;
        headers_add(&f->run->response->headers, "Content-Type", config->content_type);
    }
    return RUN_ANSWERED;
}

static void finish(struct forked *f, enum run_result result)
{
    struct run *run = f->run;

    ev_timer_stop(loop_of(f), &f->timeout);
    ev_timer_stop(loop_of(f), &f->begin);
    close_end(f, &f->writable, &f->in);
    close_end(f, &f->readable, &f->out);
    close_end(f, &f->complaining, &f->err);
    lines_writer_end(&f->said);
    run->ended_ns = clock_ns();
    run->state = NULL;
    free(f);
    run->done(run, result);
}

static void on_ended(struct ev_loop *loop, ev_io *w, int events)
{
    struct forked *f = w->data;
    enum run_result result;
    char how[64];
    int status;

    (void)events;
    ev_io_stop(loop, &f->ended);
    while (read_answer(f))
        ;
    for (int i = 0; i < MOST_CHUNKS && read_complaint(f); i++)
        ; /* its children may go on for ever */
    status = spawn_reap(&f->child, how, sizeof(how));
    result = judge(f, status, how);
    finish(f, result);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    decide(w->data, RUN_TIMEOUT);
}

/* ---- the beginning ---- */

static int make_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC))
            return -1;
    for (int i = 0; i < 3; i++)
        if (fcntl(pipes[i][i == 0], F_SETFL, O_NONBLOCK))
            return -1;
    return 0;
}

static int launch(struct forked *f, char *err)
{
    const struct function_config *config = f->run->program->config;
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    struct cgi_environment e;
    struct spawn s = {.argv = (const char *const *)config->command, .directory = config->directory};
    int rc = -1;

    if (cgi_build(&e, config, f->run->request)) {
        snprintf(err, P2P_ERRLEN, "its environment would be larger than 256 KB");
        return -1;
    }
    if (make_pipes(pipes)) {
        snprintf(err, P2P_ERRLEN, "no pipe: %s", strerror(errno));
    } else {
        s.envp = cgi_list(&e);
        s.in = pipes[0][0];
        s.out = pipes[1][1];
        s.err = pipes[2][1];
        rc = spawn_start(&s, &f->child, err);
    }
    for (int i = 0; i < 3; i++)
        if (pipes[i][i != 0] >= 0)
            close(pipes[i][i != 0]);
    f->in = pipes[0][1];
    f->out = pipes[1][0];
    f->err = pipes[2][0];
    cgi_release(&e);
    return rc;
}

static void watch(struct forked *f, ev_io *w, void (*on)(struct ev_loop *, ev_io *, int), int fd,
                  int events)
{
    ev_io_init(w, on, fd, events);
    w->data = f;
    ev_io_start(loop_of(f), w);
}

/* From the loop, so that no run ends inside start(). */
static void on_begin(struct ev_loop *loop, ev_timer *w, int events)
{
    struct forked *f = w->data;
    char err[P2P_ERRLEN];

    (void)events;
    f->in = f->out = f->err = -1;
    if (launch(f, err)) {
        explain(f, 502, "%s", err);
        finish(f, RUN_FAILED);
        return;
    }
    f->run->may_have_run = true;
    snprintf(f->said.instance, sizeof(f->said.instance), "%d", (int)f->child.pid);
    ev_now_update(loop);
    ev_timer_init(&f->timeout, on_timeout, (double)f->run->timeout_ns / 1e9, 0);
    f->timeout.data = f;
    ev_timer_start(loop, &f->timeout);
    watch(f, &f->readable, on_readable, f->out, EV_READ);
    watch(f, &f->complaining, on_complaint, f->err, EV_READ);
    watch(f, &f->ended, on_ended, f->child.pidfd, EV_READ);
    watch(f, &f->writable, on_writable, f->in, EV_WRITE);
    write_some(f);
}

static void on_no_memory(struct task *t);

static void fork_start(struct run *run)
{
    struct forked *f = calloc(1, sizeof(*f));

    if (!f) {
        run->task.run = on_no_memory;
        reactor_post(run->reactor, &run->task);
        return;
    }
    f->run = run;
    f->in = f->out = f->err = -1;
    f->child.pidfd = -1;
    lines_writer_init(&f->said, run->program->lines);
    run->state = f;
    ev_timer_init(&f->timeout, on_timeout, 0, 0);
    ev_timer_init(&f->begin, on_begin, 0, 0);
    f->begin.data = f;
    ev_feed_event(loop_of(f), &f->begin, EV_TIMER);
}

static void on_no_memory(struct task *t)
{
    struct run *run = (struct run *)((char *)t - offsetof(struct run, task));

    run->status = 503;
    snprintf(run->err, sizeof(run->err), "function '%s': out of memory",
             run->program->config->name);
    run->ended_ns = clock_ns();
    run->done(run, RUN_FAILED);
}

static void fork_cancel(struct run *run)
{
    struct forked *f = run->state;

    if (!f)
        return;
    if (f->child.pid == 0) { /* not begun */
        ev_clear_pending(loop_of(f), &f->begin);
        explain(f, 503, "%s", "was cancelled");
        finish(f, RUN_CANCELLED);
        return;
    }
    decide(f, RUN_CANCELLED);
}

static int fork_scale(struct program *p, unsigned replicas, char err[P2P_ERRLEN])
{
    if (replicas == 1)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "function '%s' is a program a call, always there: it can only have 1 replica",
             p->config->name);
    return -1;
}

const struct runtime runtime_fork = {
    .name = "process/fork",
    .open = fork_open,
    .close = fork_close,
    .start = fork_start,
    .cancel = fork_cancel,
    .describe = fork_describe,
    .scale = fork_scale,
    .logs = fork_logs,
};
