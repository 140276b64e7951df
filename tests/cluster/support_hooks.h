/*
 * support_hooks.h - an HTTP server of the test, for callbacks and as a function: it hands
 * each request, whole, to the test, which says the status.
 *
 * The test's own program is the function: `PROGRAM function FILE`, mode http.  It appends
 * the first line of each body, 100 bytes at most, to FILE before it answers.  What it answers:
 *   /                 the body
 *   /dump             the request: its line, its header fields, and the body
 *   ?fail=N&code=C    with status C the first N times that it sees the body; ?after=TEXT adds
 *                     Retry-After to those
 */
#ifndef TESTS_CLUSTER_SUPPORT_HOOKS_H
#define TESTS_CLUSTER_SUPPORT_HOOKS_H

#include <stddef.h>

struct hooks;

struct hooked {
    const char *path;
    const char *body; /* zero-terminated too */
    size_t len;
    void *connection;
};
/* The status of the answer, which has no body.  One at a time. */
typedef int (*hook)(void *ctx, const struct hooked *rq);

/* On 127.0.0.1:PORT, 0 = any; NULL when it cannot. */
struct hooks *hooks_start(unsigned port, hook f, void *ctx);
unsigned hooks_port(const struct hooks *h);
void hooks_stop(struct hooks *h);
/* A header of the request, "" when it is not there. */
const char *hooked_header(const struct hooked *rq, const char *name);

/* Is this process started as the function?  Then it never returns. */
void hooks_serve_if_asked(int argc, char **argv);
/* "[PROGRAM, function, FILE]" for a configuration. */
const char *hooks_command(const char *file);
/* Lines of FILE that are this text. */
unsigned hooks_runs(const char *file, const char *text);

#endif
