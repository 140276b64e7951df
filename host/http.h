/*
 * http.h - requests and answers as the node passes them on: end-to-end parts only.
 *
 * Header fields are kept in one buffer as name, zero, value, zero, …: one copy
 * in, cheap to walk, nothing to free a piece.
 */
#ifndef HOST_HTTP_H
#define HOST_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "host/buf.h"

struct sockaddr;

struct headers {
    struct buf text;
    unsigned count;
};

void headers_init(struct headers *h, size_t limit);
void headers_clear(struct headers *h);
void headers_release(struct headers *h);
/* 0, or -1 past the limit.  A name that is no token and a value with control
 * characters are -1 too, so that no header can smuggle another. */
int headers_add(struct headers *h, const char *name, const char *value);
int headers_addn(struct headers *h, const char *name, size_t name_len, const char *value,
                 size_t value_len);
/* As headers_addn, unchecked: for lines that this node makes of its own words and
 * numbers. */
int headers_put(struct headers *h, const char *name, size_t name_len, const char *value,
                size_t value_len);
/* First value of that name (case does not matter), or NULL. */
const char *headers_get(const struct headers *h, const char *name);
/* Takes out every field of that name. */
void headers_remove(struct headers *h, const char *name, size_t len);
/* Takes out what a Connection field names: "close, X-Mine"; it belongs to one connection. */
void headers_remove_nominated(struct headers *h, const char *connection);
/* Walks: start with *at = 0; false at the end. */
bool headers_next(const struct headers *h, size_t *at, const char **name, const char **value);

/* Connection, Keep-Alive, Transfer-Encoding, Content-Length, TE, Trailer, Upgrade,
 * Proxy-*, Expect: they belong to one connection and are never passed on. */
bool header_is_hop_by_hop(const char *name, size_t len);

struct http_request {
    const char *method;     /* static text: "GET", "POST", … */
    struct buf target;      /* what follows the function's name: "", "/a/b", "?q=1", "/a?q" */
    struct headers headers; /* end to end */
    struct buf body;
    const struct sockaddr *client; /* address of the caller; NULL if unknown */
};

struct http_response {
    int status;
    struct headers headers;
    struct buf body;
};

struct http_limits {
    size_t headers, body;
};
void http_request_init(struct http_request *r, const struct http_limits *limits);
void http_request_clear(struct http_request *r); /* keeps small buffers for reuse */
void http_request_release(struct http_request *r);
void http_response_init(struct http_response *r, const struct http_limits *limits);
void http_response_clear(struct http_response *r);
void http_response_release(struct http_response *r);

enum { HTTP_ADDRESS = 46 }; /* INET6_ADDRSTRLEN */
/* The numeric address, without the port; "" when it is unknown. */
void http_address(const struct sockaddr *client, char out[HTTP_ADDRESS]);

/* May it stand in a request line: no blanks, no control characters? */
bool http_is_target(const char *text, size_t len);

enum { HTTP_METHODS = 5 };
extern const char *const http_methods[HTTP_METHODS];
/* The static text of a method this node passes on, or NULL. */
const char *http_method(const char *name);

#endif
