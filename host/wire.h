/*
 * wire.h - the X-P2pfaas headers: what nodes tell each other about a job, and what
 * a client is told about how its job went.
 *
 * Between nodes the request and the answer of a function travel as they are, with
 * these added.  Only nodes set them: those that a client or a function sends are
 * dropped on the way in, so that nobody can claim hops or an outcome.
 */
#ifndef HOST_WIRE_H
#define HOST_WIRE_H

#include "host/job.h"

/* Is it one of the request headers that only nodes set, or an override that the first
 * node consumes? */
bool wire_is_internal(const char *name, size_t len);
/* A client's header of those; whatever its value is, it counts unless it is empty. */
void wire_note_override(struct job *j, const char *name, size_t value_len);
/* What the client calls this job; "" when it does not. */
const char *wire_tracing_id(const struct job *j);

/* Of which type the client says that it is, 0 if that is no number; false when it does not. */
bool wire_read_task_type(const struct job *j, uint32_t *type);
/* What the function says that its answer is worth; false when it does not. */
bool wire_read_reward(const struct job *j, float *reward);

/* Names of the headers that a proof covers, ended with NULL: host/proof.h. */
extern const char *const wire_proven_request[], *const wire_proven_answer[];

/* Which peer says that a call is its own; P2P_NONE when none says so that is known. */
uint32_t wire_read_sender(const struct job *j);
/* Says it of this node.  0, or -1 (memory). */
int wire_write_sender(struct headers *h, const struct node *n);

/* Takes hops, sender and remaining time from j->peer_headers. */
void wire_read_request(struct job *j);
/* Fills j->peer_headers for a forward.  0, or -1 (memory). */
int wire_write_request(struct job *j);

enum wire_outcome {
    WIRE_RAN,
    WIRE_REFUSED, /* it did not run and will not */
    WIRE_FAILED,  /* it ran or may have, without an answer of its own */
    WIRE_FOREIGN  /* not the answer of a node */
};
/* How a forwarded job went there. */
enum wire_outcome wire_read_outcome(const struct http_response *r);
/* How long it ran and waited for a slot there, as the node that ran it says; 0 = it does
 * not. */
void wire_read_times(struct job *j);
/* The load a node tells in its answers; false when it does not. */
bool wire_read_load(const struct http_response *r, struct p2p_probe *out);
/* Tells a client that its call did not run and will not. */
void wire_say_unrun(struct exchange *x);
/* The same to a peer, with this node's load. */
void wire_refuse(struct exchange *x);
/* Puts this node's load into an answer. */
void wire_write_load(struct exchange *x);

/* Completes the headers of the answer to a job: in place of the peer's own come
 * this node's, with the peer's times and list appended to ours. */
void wire_finish(struct job *j, enum ran_where where, uint32_t outcome, uint64_t total_ns);

#endif
