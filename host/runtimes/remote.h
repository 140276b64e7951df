/*
 * remote.h - a function that is elsewhere, at a URL: what the runtimes http and openfaas
 * have in common.  A call is passed on as it came, with the URL's host as its Host.
 *
 * http:// goes over the node's own connections (site.h, served.h), https:// by libcurl,
 * which checks the certificate (remote_tls.h).
 */
#ifndef HOST_REMOTE_H
#define HOST_REMOTE_H

#include "host/runtimes/runtime.h"

/* As a runtime's open, close, start, cancel and describe.  Calls get these header fields too,
 * which outlive the program; NULL = none. */
struct program *remote_open(const struct function_config *f, struct reactor *home, const char *url,
                            const struct headers *more, char err[P2P_ERRLEN]);
void remote_close(struct program *p, void (*closed)(void *arg), void *arg);
void remote_start(struct run *run);
void remote_cancel(struct run *run);
void remote_describe(struct program *p, char *out, size_t size);

/* As close, of one that has not been used. */
void remote_drop(struct program *p);
const struct function_config *remote_config(const struct program *p);
struct reactor *remote_home(const struct program *p);

/* Ends a run that was not started: RUN_FAILED, once, not from inside.  [run's thread] */
void remote_fail(struct run *run, int status, const char *why);

#endif
