/*
 * ingress.h - HTTP in: libmicrohttpd driven by the shard's event loop.
 *
 * A body is collected with a cap; a complete request goes to its route: an
 * answer at once, or a job, during which the connection is suspended if it takes long.
 */
#ifndef HOST_INGRESS_H
#define HOST_INGRESS_H

#include "host/exchange.h"
#include "host/shard.h"
#include "host/upstream.h"

/* A listening socket; with `shared`, others may bind the same port.  Fills in the
 * port that was given when it asks for 0.  -1 with a reason. */
int ingress_listen(struct endpoint *at, bool shared, char err[P2P_ERRLEN]);

/* Takes fd over.  0 or -1. */
int ingress_start(struct shard *s, int fd, char err[P2P_ERRLEN]);
/* No new connections; those that are open are answered with Connection: close. */
void ingress_quiesce(struct shard *s);
/* No exchange may be at work. */
void ingress_stop(struct shard *s);

/* The response of an exchange at work is complete. */
void ingress_answer(struct exchange *x);
/* True when the client of an exchange at work has closed its connection. */
bool ingress_client_gone(const struct exchange *x);

#endif
