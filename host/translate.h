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

#endif
