/*
 * support_docker.h - one Docker daemon of a test program: its data in the cluster's folder,
 * in a network namespace that the test program has for itself, ended by its pid or with the
 * program.
 */
#ifndef TESTS_CLUSTER_SUPPORT_DOCKER_H
#define TESTS_CLUSTER_SUPPORT_DOCKER_H

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

static const double PATIENCE = 60;

static struct {
    bool is_here;
    pid_t pid;
} dockerd;

/* What a shell command prints, cut where the buffer ends; kept until the next. */
static inline const char *shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline const char *shell(const char *format, ...)
{
    static char out[64 << 10];
    char command[1024];
    va_list args;
    size_t n;
    FILE *f;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    f = popen(command, "re");
    assert_non_null(f);
    n = fread(out, 1, sizeof(out) - 1, f);
    out[n] = '\0';
    pclose(f);
    return out;
}

static inline bool daemon_serves(void *arg)
{
    (void)arg;
    return strstr(shell("docker version 2>/dev/null"), "Server:") != NULL;
}

static inline void run_dockerd(void)
{
    char data[96], exec[96], socket[96], pid[96], log[96];
    int fd;

    snprintf(data, sizeof(data), "%s/docker-data", cluster.dir);
    snprintf(exec, sizeof(exec), "%s/docker-exec", cluster.dir);
    snprintf(socket, sizeof(socket), "unix://%s/docker.sock", cluster.dir);
    snprintf(pid, sizeof(pid), "%s/docker.pid", cluster.dir);
    snprintf(log, sizeof(log), "%s/docker.log", cluster.dir);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execlp("dockerd", "dockerd", "--data-root", data, "--exec-root", exec, "-H", socket,
           "--pidfile", pid, (char *)NULL);
    _exit(127);
}

static inline bool start_dockerd(void)
{
    int status;

    dockerd.pid = fork();
    assert_true(dockerd.pid >= 0);
    if (dockerd.pid == 0)
        run_dockerd();
    for (double end = seconds_now() + PATIENCE; seconds_now() < end;) {
        if (wait_until(daemon_serves, NULL, 0.2))
            return true;
        if (waitpid(dockerd.pid, &status, WNOHANG) == dockerd.pid)
            break;
    }
    dockerd.pid = 0;
    return false;
}

static inline void stop_dockerd(void)
{
    if (dockerd.pid <= 0)
        return;
    kill(dockerd.pid, SIGTERM);
    waitpid(dockerd.pid, NULL, 0);
    dockerd.pid = 0;
}

/* After fixture_init.  False when this machine cannot. */
static inline bool docker_begin(void)
{
    char host[96];

    if (geteuid() != 0 || !shell("command -v dockerd && command -v docker")[0] ||
        unshare(CLONE_NEWNET) || system("ip link set lo up") != 0)
        return false;
    snprintf(host, sizeof(host), "unix://%s/docker.sock", cluster.dir);
    setenv("DOCKER_HOST", host, 1);
    dockerd.is_here = start_dockerd();
    return dockerd.is_here;
}

/* An image with nothing in it but the test function. */
static inline void make_image(const char *name)
{
    shell("tar -C %s/tests/cluster/images -c function | docker import --change 'ENTRYPOINT "
          "[\"/function\"]' - %s",
          getenv("P2P_TEST_BIN"), name);
    assert_non_null(strstr(shell("docker image ls -q %s", name), "\n"));
}

/* Before fixture_stop. */
static inline void docker_end(void)
{
    stop_dockerd();
    shell("umount %s/docker-exec/netns/* 2>/dev/null; umount %s/docker-data/*/* 2>/dev/null",
          cluster.dir, cluster.dir);
}

#endif
