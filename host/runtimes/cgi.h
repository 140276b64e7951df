/*
 * cgi.h - what a forked function is told, and how it may answer: RFC 3875.
 */
#ifndef HOST_CGI_H
#define HOST_CGI_H

#include "host/config.h"
#include "host/http.h"

/* The environment of one run: pointers into `text`, NULL-terminated. */
struct cgi_environment {
    struct buf text;
    struct buf pointers;
};

/* 0, or -1 when it grows past its cap or memory is short. */
int cgi_build(struct cgi_environment *e, const struct function_config *f,
              const struct http_request *rq);
const char *const *cgi_list(const struct cgi_environment *e);
void cgi_release(struct cgi_environment *e);

/* Takes the header lines off the beginning of r->body: Status, Content-Type and
 * others.  0, or -1 with what is wrong in them. */
int cgi_parse(struct http_response *r, char err[P2P_ERRLEN]);

#endif
