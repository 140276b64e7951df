/*
 * support_runs.h - a loop, one function, and the runs of one test of a runtime.  Each
 * test program has its own and says which runtime.  teardown() checks what every test
 * promises: a run that was started is told of once and not while it is being started,
 * no child and no descriptor is left.
 */
#ifndef TESTS_HOST_RUNTIMES_SUPPORT_RUNS_H
#define TESTS_HOST_RUNTIMES_SUPPORT_RUNS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/log.h"
#include "host/runtimes/runtime.h"

enum { GUARD_SECONDS = 20, MOST_RUNS = 64, MOST_WORDS = 8, MEGABYTE = 1 << 20 };
#define LONG_NS 15000000000u

struct asked {
    struct run run;
    struct http_request request;
    struct http_response response;
    enum run_result result;
    unsigned done;
    bool starting, told_inside_start;
};

static const struct runtime *runtime;
static struct reactor home;
static struct function_config function;
static struct program *program;
static char *words[MOST_WORDS + 1];
static struct asked asked[MOST_RUNS];
static unsigned n_asked, descriptors_before;
static ev_timer guard, tick;
static bool too_late;

#define RUN_UNTIL(condition)                                                                       \
    while (!(condition)) {                                                                         \
        if (too_late)                                                                              \
            fail_msg("in vain: %s", #condition);                                                   \
        ev_run(home.loop, EVRUN_ONCE);                                                             \
    }

static inline void on_guard(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
    too_late = true;
}

static inline void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
}

static inline unsigned count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static inline int setup(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    descriptors_before = count_descriptors();
    function = (struct function_config){.name = "f",
                                        .command = words,
                                        .directory = "",
                                        .content_type = "text/plain",
                                        .start_timeout = 10000000000};
    memset(asked, 0, sizeof(asked));
    memset(words, 0, sizeof(words));
    n_asked = 0;
    program = NULL;
    too_late = false;
    if (reactor_init(&home, err))
        return -1;
    home.upstreams = upstreams_new(&home, &(struct upstream_limits){.connections = 8,
                                                                    .waiting = MOST_RUNS,
                                                                    .connect_ns = LONG_NS,
                                                                    .idle_ns = 4 * LONG_NS});
    ev_timer_init(&guard, on_guard, GUARD_SECONDS, 0);
    ev_timer_init(&tick, on_tick, 0.001, 0.001);
    ev_timer_start(home.loop, &guard);
    ev_timer_start(home.loop, &tick);
    return home.upstreams ? 0 : -1;
}

static inline void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static inline void close_program(void)
{
    bool closed = false;

    runtime->close(program, on_closed, &closed);
    program = NULL;
    RUN_UNTIL(closed);
}

static inline int teardown(void **state)
{
    int rc = 0;

    (void)state;
    for (unsigned i = 0; i < n_asked; i++) {
        if (asked[i].done != 1 || asked[i].told_inside_start) {
            print_error("run %u: done %u times%s\n", i, asked[i].done,
                        asked[i].told_inside_start ? ", inside start" : "");
            rc = -1;
        }
    }
    if (program && rc == 0)
        close_program();
    for (unsigned i = 0; i < n_asked; i++) {
        http_request_release(&asked[i].request);
        http_response_release(&asked[i].response);
    }
    upstreams_free(home.upstreams);
    ev_timer_stop(home.loop, &guard);
    ev_timer_stop(home.loop, &tick);
    reactor_release(&home);
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
        print_error("a child is left\n");
        rc = -1;
    }
    /* A look-up of a name that nobody waits for any more ends in its own time. */
    for (int ms = 0; ms < 5000 && count_descriptors() != descriptors_before; ms++)
        poll(NULL, 0, 1);
    if (count_descriptors() != descriptors_before) {
        print_error("descriptors: %u, before %u\n", count_descriptors(), descriptors_before);
        rc = -1;
    }
    return rc;
}

/* As the node, and what the test was started with is not what is tested. */
static inline int begin_all(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    log_configure(LOG_ERROR + 1, LOG_FORMAT_TEXT, "");
    for (int fd = 3; fd < 1024; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

/* ---- a function ---- */

static inline void open_program(const char *const *argv)
{
    char err[P2P_ERRLEN] = "";

    for (size_t i = 0; argv[i]; i++)
        words[i] = (char *)(uintptr_t)argv[i];
    program = runtime->open(&function, &home, err);
    if (!program)
        fail_msg("not opened: %s", err);
}

static inline void open_script(const char *script)
{
    open_program((const char *const[]){"/bin/sh", "-c", script, NULL});
}

/* ---- runs ---- */

static inline void on_done(struct run *run, enum run_result result)
{
    struct asked *a = run->owner;

    a->done++;
    a->result = result;
    a->told_inside_start |= a->starting;
}

static inline struct asked *prepare(const void *body, size_t len)
{
    const struct http_limits limits = {.headers = 1 << 20, .body = 4 * MEGABYTE};
    struct asked *a = &asked[n_asked++];

    assert_true(n_asked <= MOST_RUNS);
    http_request_init(&a->request, &limits);
    http_response_init(&a->response, &limits);
    a->request.method = "POST";
    assert_int_equal(buf_append(&a->request.body, body, len), 0);
    a->run = (struct run){.program = program,
                          .reactor = &home,
                          .request = &a->request,
                          .response = &a->response,
                          .started_ns = clock_ns(),
                          .timeout_ns = LONG_NS,
                          .done = on_done,
                          .owner = a};
    return a;
}

static inline struct asked *start(struct asked *a)
{
    a->starting = true;
    runtime->start(&a->run);
    a->starting = false;
    return a;
}

static inline struct asked *ask(const char *body)
{
    return start(prepare(body, strlen(body)));
}

static inline void to(struct asked *a, const char *target)
{
    assert_int_equal(buf_puts(&a->request.target, target), 0);
    assert_non_null(buf_text(&a->request.target));
}

static inline void answers(struct asked *a, int status, const void *body, size_t len)
{
    RUN_UNTIL(a->done);
    if (a->result != RUN_ANSWERED)
        fail_msg("ended as %d: %s", (int)a->result, a->run.err);
    assert_int_equal(a->response.status, status);
    assert_int_equal(a->response.body.len, len);
    if (len)
        assert_memory_equal(a->response.body.data, body, len);
    assert_true(a->run.may_have_run);
}

static inline void answers_text(struct asked *a, const char *text)
{
    answers(a, 200, text, strlen(text));
}

/* What was answered, or written before the end, as text. */
static inline const char *text_of(struct asked *a)
{
    const char *text = buf_text(&a->response.body);

    return text ? text : "";
}

static inline void fails(struct asked *a, enum run_result result, int status, const char *why)
{
    RUN_UNTIL(a->done);
    if (a->result != result || a->run.status != status || !strstr(a->run.err, why))
        fail_msg("ended as %d, %d: %s", (int)a->result, a->run.status, a->run.err);
    assert_memory_equal(a->run.err, "function 'f': ", 14);
}

/* A dead process that its new parent has not taken yet is gone too. */
static inline bool is_alive(long pid)
{
    char path[64], text[512] = "";
    const char *state;
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    f = fopen(path, "r");
    if (!f)
        return false;
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    state = strrchr(text, ')');
    return state && state[1] == ' ' && state[2] != 'Z' && state[2] != 'X';
}

#endif
