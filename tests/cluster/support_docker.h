/*
 * support_docker.h - the one Docker daemon of a test program, its data in the cluster's
 * folder.
 */
#ifndef TESTS_CLUSTER_SUPPORT_DOCKER_H
#define TESTS_CLUSTER_SUPPORT_DOCKER_H

#include <signal.h>
#include <unistd.h>

#include "bench/dockerd.h"
#include "tests/cluster/fixture.h"

static const double PATIENCE = 60;

static struct {
    bool is_here;
    struct dockerd own;
} dockerd;

static char docker_socket[128]; /* a setting for docker_node */

/* What a shell command prints, cut where the buffer ends; kept until the next. */
static inline const char *shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline const char *shell(const char *format, ...)
{
    static char out[64 << 10];
    char command[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    dockerd_shell(out, sizeof(out), "%s", command);
    return out;
}

static inline bool start_dockerd(void)
{
    char err[CLUSTER_ERRLEN];

    return dockerd_start(&dockerd.own, err) == 0;
}

static inline void stop_dockerd(void)
{
    dockerd_stop(&dockerd.own);
}

/* After fixture_init.  False when this machine cannot. */
static inline bool docker_begin(void)
{
    char err[CLUSTER_ERRLEN];

    dockerd.is_here = dockerd_begin(&dockerd.own, cluster.dir, err) == 0;
    if (!dockerd.is_here)
        print_message("%s\n", err);
    return dockerd.is_here;
}

/* An image with nothing in it but the test function. */
static inline void make_image(const char *name)
{
    char folder[512], err[CLUSTER_ERRLEN];

    snprintf(folder, sizeof(folder), "%s/tests/cluster/images", getenv("P2P_TEST_BIN"));
    if (dockerd_image(folder, name, err))
        fail_msg("%s", err);
}

/* After fixture_init: the daemon, and node 0 where functions can run in that image.  What
 * `settings` holds is there until the end. */
static inline void docker_node(const char *const *settings, const char *image)
{
    snprintf(docker_socket, sizeof(docker_socket), "docker.socket=%s/docker.sock", cluster.dir);
    cluster.settings = settings;
    if (docker_begin()) {
        make_image(image);
        start_node(0, NULL);
    }
}

/* The end of a group of tests: of node 0 if it runs, the daemon and the fixture. */
static inline int docker_end(void **state)
{
    (void)state;
    if (cluster.node[0].pid)
        stop_node(0);
    dockerd_end(&dockerd.own);
    fixture_stop();
    return 0;
}

/* Skips the test on a machine that cannot; CI has to be one that can. */
static inline void need_docker(void)
{
    const char *ci = getenv("CI");

    if (dockerd.is_here)
        return;
    if (ci && strcmp(ci, "true") == 0)
        fail_msg("no Docker daemon can be started here: install Debian's docker.io, be root");
    skip();
}

#endif
