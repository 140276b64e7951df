#include "bench/dockerd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 60 }; /* seconds */

void dockerd_shell(char *out, size_t size, const char *format, ...)
{
    char command[1024];
    va_list args;
    size_t n;
    FILE *f;

    out[0] = '\0';
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    f = popen(command, "re"); /* NOLINT(cert-env33-c): a command of this program's */
    if (!f)
        return;
    n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    pclose(f);
}

/* ---- the daemon ---- */

static void run(const char *dir)
{
    char data[96], exec[96], socket[96], pid[96], log[96];
    int fd;

    snprintf(data, sizeof(data), "%s/docker-data", dir);
    snprintf(exec, sizeof(exec), "%s/docker-exec", dir);
    snprintf(socket, sizeof(socket), "unix://%s/docker.sock", dir);
    snprintf(pid, sizeof(pid), "%s/docker.pid", dir);
    snprintf(log, sizeof(log), "%s/docker.log", dir);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execlp("dockerd", "dockerd", "--data-root", data, "--exec-root", exec, "-H", socket,
           "--pidfile", pid, (char *)NULL);
    _exit(127);
}

static bool serves(void *arg)
{
    char out[4096];

    (void)arg;
    dockerd_shell(out, sizeof(out), "docker version 2>/dev/null");
    return strstr(out, "Server:") != NULL;
}

int dockerd_start(struct dockerd *d, char err[CLUSTER_ERRLEN])
{
    d->pid = fork();
    if (d->pid == 0)
        run(d->dir);
    for (double end = seconds_now() + PATIENCE; d->pid > 0 && seconds_now() < end;) {
        if (wait_until(serves, NULL, 0.2))
            return 0;
        if (waitpid(d->pid, NULL, WNOHANG) == d->pid)
            break;
    }
    d->pid = 0;
    snprintf(err, CLUSTER_ERRLEN, "dockerd does not serve; see %s/docker.log", d->dir);
    return -1;
}

void dockerd_stop(struct dockerd *d)
{
    if (d->pid <= 0)
        return;
    kill(d->pid, SIGTERM);
    waitpid(d->pid, NULL, 0);
    d->pid = 0;
}

/* ---- around it ---- */

int dockerd_begin(struct dockerd *d, const char *dir, char err[CLUSTER_ERRLEN])
{
    char host[96], out[512];

    *d = (struct dockerd){.pid = 0};
    snprintf(d->dir, sizeof(d->dir), "%s", dir);
    dockerd_shell(out, sizeof(out), "command -v dockerd && command -v docker");
    if (geteuid() != 0 || !strchr(out, '\n')) {
        snprintf(err, CLUSTER_ERRLEN, "a Docker daemon needs root and Debian's docker.io");
        return -1;
    }
    if (unshare(CLONE_NEWNET)) {
        snprintf(err, CLUSTER_ERRLEN, "no network namespace: %s", strerror(errno));
        return -1;
    }
    dockerd_shell(out, sizeof(out), "ip link set lo up 2>&1");
    if (out[0]) {
        snprintf(err, CLUSTER_ERRLEN, "no loopback in the network namespace: %s", out);
        return -1;
    }
    snprintf(host, sizeof(host), "unix://%s/docker.sock", dir);
    setenv("DOCKER_HOST", host, 1);
    return dockerd_start(d, err);
}

void dockerd_end(struct dockerd *d)
{
    char out[64];

    dockerd_stop(d);
    if (d->dir[0])
        dockerd_shell(out, sizeof(out),
                      "umount %s/docker-exec/netns/* 2>/dev/null; "
                      "umount %s/docker-data/*/* 2>/dev/null",
                      d->dir, d->dir);
}

int dockerd_image(const char *folder, const char *name, char err[CLUSTER_ERRLEN])
{
    char out[400];

    dockerd_shell(
        out, sizeof(out),
        "tar -C %s -c function | docker import --change 'ENTRYPOINT [\"/function\"]' - %s "
        "2>&1",
        folder, name);
    if (strncmp(out, "sha256:", 7) == 0)
        return 0;
    snprintf(err, CLUSTER_ERRLEN, "no image %s: %s", name, out);
    return -1;
}
