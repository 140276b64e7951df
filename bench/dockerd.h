/*
 * dockerd.h - a Docker daemon of one's own: its data in a folder, in a network namespace that
 * this program has for itself, ended by its pid or with the program.
 *
 * Needs root and Debian's docker.io.  Errors: -1 and a message.
 */
#ifndef BENCH_DOCKERD_H
#define BENCH_DOCKERD_H

#include "bench/cluster.h"

struct dockerd {
    char dir[64]; /* docker.sock, docker.log and the data are in it */
    pid_t pid;    /* 0 = not running */
};

/* Before there are threads: this program and what it starts get the namespace, and docker(1)
 * finds the daemon by DOCKER_HOST.  The folder stays the caller's. */
int dockerd_begin(struct dockerd *d, const char *dir, char err[CLUSTER_ERRLEN]);
void dockerd_end(struct dockerd *d);

/* Returns when it serves. */
int dockerd_start(struct dockerd *d, char err[CLUSTER_ERRLEN]);
void dockerd_stop(struct dockerd *d);

/* An image with nothing in it but the file FOLDER/function, which it runs. */
int dockerd_image(const char *folder, const char *name, char err[CLUSTER_ERRLEN]);

/* What a shell command prints, cut where `out` ends. */
void dockerd_shell(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
