/*
 * proof.h - what host/auth.h says about messages, said about HTTP calls between nodes.
 *
 * A request's MAC covers whom it is for, method, target, the headers in
 * wire_proven_request and the body; an answer's covers the MAC of its request, the
 * status, the headers in wire_proven_answer and the body.  Other headers may be changed
 * on the way unseen.
 *
 * auth NULL = the cluster has no secret: nothing is signed and everything is genuine.
 * Any thread.
 */
#ifndef HOST_PROOF_H
#define HOST_PROOF_H

#include "host/auth.h"
#include "host/upstream.h"

#define PROOF_HEADER "X-P2pfaas-Auth"
enum { PROOF_BYTES = sizeof(PROOF_HEADER) + AUTH_TEXT }; /* in struct headers */

/* Adds the proof of a call, which is complete but for it, to `into`, which is one of its
 * headers or becomes so; *asked is what its answer has to fit.  0, or -1: memory. */
int proof_sign_call(struct auth *auth, const char *to, const struct call *c, uint64_t now_ms,
                    struct headers *into, struct auth_proof *asked);
/* AUTH_OK when this answer is of the one who was asked, else UNSIGNED or FORGED, and why. */
enum auth_verdict proof_of_answer(struct auth *auth, const struct auth_proof *asked,
                                  const struct http_response *r, char why[P2P_ERRLEN]);

/* The head of a request that came in. */
struct proof_request {
    const char *to, *method, *target;
    const struct headers *internal, *headers; /* may be NULL */
    const char *text;                         /* of PROOF_HEADER, or NULL */
};
enum auth_verdict proof_of_request(struct auth *auth, const struct proof_request *rq,
                                   uint64_t now_ms, struct auth_finding *f);
/* Adds the proof of an answer, which is complete but for it.  0, or -1: memory. */
int proof_sign_answer(struct auth *auth, const struct auth_proof *asked, uint64_t now_ms,
                      struct http_response *r);

/* Wall-clock milliseconds. */
uint64_t proof_now_ms(void);

#endif
