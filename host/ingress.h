/*
 * ingress.h - HTTP in: requests as a listener's daemon delivers them, and their answers.
 *
 * A body is collected with a cap; a complete request goes to its route: an
 * answer at once, or a job, during which the connection is suspended if it takes long.
 */
#ifndef HOST_INGRESS_H
#define HOST_INGRESS_H

#include "host/exchange.h"
#include "host/shard.h"

/* The response of an exchange at work is complete. */
void ingress_answer(struct exchange *x);
/* A handler has answered: counts what was wrong with the request. */
void ingress_count_answer(const struct exchange *x);
/* Has the connection room for the answer's header lines? */
bool ingress_headers_fit(const struct exchange *x);
/* True when the client of an exchange at work has closed its connection. */
bool ingress_client_gone(const struct exchange *x);

#endif
