#include "host/runtimes/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/process.h"

const char *const spawn_inherited[] = {"PATH", "HOME", "LANG", "TZ", "TMPDIR", NULL};

enum { PATH_BYTES = 4096 };

bool spawn_has_variable(char *const *list, const char *entry)
{
    size_t n = strcspn(entry, "=") + 1;

    for (; list && *list; list++)
        if (strncmp(*list, entry, n) == 0)
            return true;
    return false;
}

/* The program's path, sought in PATH as a shell would.  0 or -1 with errno. */
static int find_program(const char *name, char *out, size_t size)
{
    const char *path = getenv("PATH");
    int error = ENOENT;

    if (strchr(name, '/')) {
        snprintf(out, size, "%s", name);
        return 0;
    }
    for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
        size_t n = strcspn(at, ":");
        int length = snprintf(out, size, "%.*s/%s", (int)n, at, name);

        if (length > 0 && (size_t)length < size) {
            if (access(out, X_OK) == 0)
                return 0;
            if (errno != ENOENT && errno != ENOTDIR)
                error = errno;
        }
        at += n + (at[n] == ':');
    }
    errno = error;
    return -1;
}

/* In the child, on the parent's stack: system calls only. */
static void become(const struct spawn *s, const char *path, int null, volatile int *error)
{
    const int from[3] = {s->in < 0 ? null : s->in, s->out < 0 ? null : s->out,
                         s->err < 0 ? null : s->err};
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &plain, NULL);
    for (int to = 0; to < 3; to++)
        if (dup2(from[to], to) < 0)
            goto fail;
    if (s->directory && s->directory[0] && chdir(s->directory))
        goto fail;
    process_restore();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(path, (char *const *)(uintptr_t)s->argv, (char *const *)(uintptr_t)s->envp);
fail:
    *error = errno;
    _exit(127);
}

/* The sanitizers make fork of vfork, so that what the child stores is lost: there
 * the exit code tells of it. */
static int failed_exec(const struct child *child, int error)
{
    int status;

    if (error == 0)
        return 0;
    waitpid(child->pid, &status, 0);
    return error;
}

/* The same, with the program's path in out. */
static int check(const char *program, const char *directory, char out[PATH_BYTES], char *err)
{
    if (find_program(program, out, PATH_BYTES) || access(out, X_OK)) {
        snprintf(err, P2P_ERRLEN, "cannot run '%.120s': %s", program, strerror(errno));
        return -1;
    }
    if (directory && directory[0] && access(directory, X_OK)) {
        snprintf(err, P2P_ERRLEN, "cannot run '%.80s' in '%.80s': %s", program, directory,
                 strerror(errno));
        return -1;
    }
    return 0;
}

int spawn_check(const char *program, const char *directory, char err[P2P_ERRLEN])
{
    char path[PATH_BYTES];

    return check(program, directory, path, err);
}

int spawn_start(const struct spawn *s, struct child *child, char err[P2P_ERRLEN])
{
    char path[PATH_BYTES];
    volatile int error = 0;
    sigset_t all, before;
    int null = -1;
    pid_t pid;

    *child = (struct child){0, -1};
    if (check(s->argv[0], s->directory, path, err))
        return -1;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        goto fail;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0)
        become(s, path, null, &error); /* NOLINT(clang-analyzer-unix.Vfork): calls only */
    child->pid = pid;
    if (child->pid < 0)
        error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(null);
    if (child->pid < 0 || failed_exec(child, error)) {
        errno = error;
        goto fail;
    }
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd < 0) {
        error = errno;
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        errno = error;
        goto fail;
    }
    return 0;
fail:
    snprintf(err, P2P_ERRLEN, "cannot run '%.120s': %s", s->argv[0], strerror(errno));
    child->pid = 0;
    return -1;
}

void spawn_kill(const struct child *child, int signal)
{
    if (child->pid > 0)
        kill(-child->pid, signal);
}

int spawn_reap(struct child *child, char *why, size_t size)
{
    int status = 0;

    waitpid(child->pid, &status, 0);
    spawn_kill(child, SIGKILL);
    close(child->pidfd);
    *child = (struct child){0, -1};
    if (WIFSIGNALED(status))
        snprintf(why, size, "killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        snprintf(why, size, "exit code %d", WEXITSTATUS(status));
    return status;
}
