/*
 * learner.h - what the answers about the learner share.  Private to host/api/learner*.c.
 *
 * On the node's port they are as those of all other paths; on learner.port as those of the
 * original's learner: text/html, and errors without a word.
 */
#ifndef HOST_API_LEARNER_H
#define HOST_API_LEARNER_H

#include "host/api/api.h"

/* Came it in at learner.port? */
bool learner_is_original(const struct exchange *x);
/* 200 with that text. */
void learner_say(struct exchange *x, const char *text);
/* What cannot be done with what was sent: 400 with the reason, or the original's 500. */
__attribute__((format(printf, 2, 3))) void learner_refuse(struct exchange *x, const char *format,
                                                          ...);
/* A header of the request, or NULL. */
const char *learner_header(const struct exchange *x, const char *name);

#endif
