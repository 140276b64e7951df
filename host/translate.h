/*
 * translate.h - jobs from nodes of the original P2PFaaS and to them: what host/original.h
 * reads and writes, as requests and answers of ours.
 *
 * Everything runs on the job's thread.
 */
#ifndef HOST_TRANSLATE_H
#define HOST_TRANSLATE_H

#include "host/job.h"
#include "host/original.h"
#include "host/wire.h"

/* ---- from them ---- */

/* Does an original node ask?  The target is known, the rest of the head is in the
 * connection. */
bool translate_is_call(const struct exchange *x, struct MHD_Connection *connection);
/* Makes the request's JSON the request that it stands for; what is wrong with it is in
 * the response then. */
void translate_call(struct job *j);
/* Makes the response, whatever it is, the JSON that the caller needs.  -1 when memory is
 * short: then it gets none, which it survives. */
int translate_answer(struct job *j);

/* ---- to them ---- */

/* Can their format carry it: a POST, or a GET without body, of the function itself? */
bool translate_fits(const struct job *j);
/* Writes j->peer_headers and j->translation, the whole head and the body of a POST.
 * 0, or -1 when a limit is reached or memory is short. */
int translate_forward(struct job *j, const struct peer *peer);
/* Makes their answer one as a peer of ours gives it.  WIRE_FOREIGN with a reason. */
enum wire_outcome translate_reply(struct job *j, char err[P2P_ERRLEN]);
/* The whole head of a probe.  0 or -1. */
int translate_probe(struct headers *h, const struct peer *peer);

#endif
