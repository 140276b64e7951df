/*
 * serve.h - a function in C, in both ways that the runtimes have: with PORT set, a
 * long-lived HTTP server on HOST:PORT until SIGTERM (HOST is 127.0.0.1 when it is not
 * set; 0.0.0.0 in a container); without, one call in the manner of CGI, body on standard
 * input and answer on standard output.
 */
#ifndef FUNCTIONS_SERVE_H
#define FUNCTIONS_SERVE_H

#include <stdbool.h>
#include <stddef.h>

enum { SERVE_HEADERS = 16, SERVE_MAX_BODY = 64 << 20 };

struct invocation {
    const char *method, *path, *query; /* path without query: "" or "/a/b" */
    const char *body;                  /* zero-terminated too, for text */
    size_t len;
    bool http;  /* this is an HTTP server */
    void *priv; /* serve.c's */
    /* The answer; the body is malloc'ed by the handler and freed after it, or NULL. */
    int status; /* 200 unless changed; in CGI only with header lines */
    const char *content_type;
    char *out;
    size_t out_len;
    unsigned n_headers;
    char header[SERVE_HEADERS][2][256]; /* more of the answer's */
};

/* A request header's value, or NULL.  Valid inside the handler. */
const char *serve_header(const struct invocation *in, const char *name);
/* ?name=… of the query as a number, or `otherwise`. */
long serve_query(const struct invocation *in, const char *name, long otherwise);
/* The text of it; false when it is not there.  Percent signs are decoded. */
bool serve_query_text(const struct invocation *in, const char *name, char *out, size_t size);

/* Returns what main should. */
int serve(void (*handle)(struct invocation *in));
/* The same for a handler that waits: as a server it has a thread for each connection. */
int serve_waiting(void (*handle)(struct invocation *in));

#endif
