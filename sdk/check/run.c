#include "sdk/check/run.h"

#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sdk/check/fence.h"
#include "sdk/check/unit.h"

/* ---- how a case ends ---- */

_Noreturn void check_fail(struct check *c, const char *right, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->report->text, sizeof(c->report->text), format, args);
    va_end(args);
    snprintf(c->report->right, sizeof(c->report->right), "%s", right);
    c->report->verdict = FAILED;
    longjmp(c->end, 1);
}

_Noreturn void check_skip(struct check *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->report->text, sizeof(c->report->text), format, args);
    va_end(args);
    c->report->verdict = SKIPPED;
    longjmp(c->end, 1);
}

void check_note(struct check *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->report->text, sizeof(c->report->text), format, args);
    va_end(args);
}

void check_enter(struct check *c, const char *call)
{
    c->report->call = call;
}

void check_leave(struct check *c)
{
    struct report *r = c->report;
    const char *call = r->call;
    struct fence_hit hit;

    if (fence_broken(&hit))
        check_fail(c, "a plugin writes only inside of what the host gave it",
                   "%s() wrote %ld bytes %s the %zu bytes of %s", call,
                   hit.at < 0 ? -hit.at : hit.at - (long)hit.size + 1,
                   hit.at < 0 ? "before" : "behind", hit.size, hit.what);
    r->call = NULL;
}

/* ---- the plugin in this process ---- */

static void load(struct check *c, enum scope scope, unsigned part)
{
    const struct p2p_scheduler *s;
    const struct p2p_learner *l;

    c->handle = dlopen(c->file, RTLD_NOW | RTLD_LOCAL);
    c->entry = c->handle ? dlsym(c->handle, "p2p_plugin") : NULL;
    if (!c->entry)
        check_fail(c, "", "cannot be loaded: %s", dlerror());
    c->is_learner = scope == OF_LEARNER;
    if (c->is_learner) {
        l = c->entry->learners[part];
        memset(&c->learner, 0, sizeof(c->learner));
        memcpy(&c->learner, l, l->size < sizeof(*l) ? l->size : sizeof(*l));
    } else {
        s = c->entry->schedulers[part];
        memset(&c->scheduler, 0, sizeof(c->scheduler));
        memcpy(&c->scheduler, s, s->size < sizeof(*s) ? s->size : sizeof(*s));
    }
}

static void run_here(struct check *c, const struct check_case *which, unsigned part)
{
    if (setjmp(c->end) == 0) {
        if (which->scope != OF_FILE)
            load(c, which->scope, part);
        which->run(c);
        c->report->verdict = PASSED;
    }
    unit_forget_all(c);
    fence_free_all();
}

/* ---- a process of its own ---- */

void *run_share(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

void run_catch_stop(void)
{
    struct sigaction act = {.sa_handler = on_stop}; /* waitpid() is to come back */

    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

bool run_stopped(void)
{
    return stopped;
}

static struct report *crashing; /* for the handler */

static void on_crash(int number, siginfo_t *info, void *context)
{
    struct fence_hit hit;

    (void)context;
    if (fence_find(info->si_addr, &hit)) {
        crashing->touched = hit.what;
        crashing->touched_size = hit.size;
        crashing->touched_at = hit.at;
    }
    signal(number, SIG_DFL); /* the instruction is run again, and ends the process */
}

static void catch_crashes(struct report *report)
{
    static _Alignas(16) char stack[1 << 16];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction act = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct rlimit no_core = {0, 0};

    crashing = report;
    sigaltstack(&other, NULL);
    sigemptyset(&act.sa_mask);
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
    sigaction(SIGFPE, &act, NULL);
    sigaction(SIGILL, &act, NULL);
    signal(SIGALRM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static const char *signal_name(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
                 {SIGILL, "SIGILL"},   {SIGABRT, "SIGABRT"}, {SIGTRAP, "SIGTRAP"},
                 {SIGKILL, "SIGKILL"}, {SIGSYS, "SIGSYS"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].number == number)
            return names[i].name;
    return "a signal";
}

static void explain_signal(const struct check *c, int number)
{
    struct report *r = c->report;
    char in[200] = "outside of the plugin";

    if (r->call)
        snprintf(in, sizeof(in), "in %.60s()%s%.110s", r->call, r->hint[0] ? ", " : "", r->hint);
    if (number == SIGALRM) {
        snprintf(r->text, sizeof(r->text), "did not end within %u s: it is %s", c->options->seconds,
                 in);
        snprintf(r->right, sizeof(r->right),
                 "no call blocks, waits or loops long; --seconds N gives a case more time");
        return;
    }
    if (r->touched)
        snprintf(r->text, sizeof(r->text), "%s %s: it touched byte %ld of %s, which has %zu",
                 signal_name(number), in, r->touched_at, r->touched, r->touched_size);
    else
        snprintf(r->text, sizeof(r->text), "%s %s", signal_name(number), in);
    snprintf(r->right, sizeof(r->right), "no event, world or parameter may crash a plugin");
}

static void run_apart(struct check *c, const struct check_case *which, unsigned part)
{
    struct report *r = c->report;
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        catch_crashes(r);
        alarm(c->options->seconds);
        run_here(c, which, part);
        _exit(0);
    }
    if (pid < 0) {
        snprintf(r->text, sizeof(r->text), "cannot start a process: %s", strerror(errno));
        r->verdict = FAILED;
        return;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        if (stopped)
            kill(pid, SIGKILL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && r->verdict != VERDICT_NONE)
        return;
    r->verdict = FAILED;
    if (WIFSIGNALED(status)) {
        explain_signal(c, WTERMSIG(status));
    } else {
        snprintf(r->text, sizeof(r->text), "ended its process with exit code %d in %s()",
                 WEXITSTATUS(status), r->call ? r->call : "no call");
        snprintf(r->right, sizeof(r->right),
                 "a plugin does not exit; a sanitizer does, and has reported above");
    }
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

void run_case(struct check *c, const struct check_case *which, unsigned part)
{
    memset(c->report, 0, sizeof(*c->report));
    if (c->options->in_process)
        run_here(c, which, part);
    else
        run_apart(c, which, part);
    if (c->report->folder[0])
        nftw(c->report->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
