/*
 * access.h - who may call what on this node.
 *
 * Each route says for whom it is (host/route.c).  What a caller has to show follows from
 * the configuration alone, and is fixed at the start:
 *
 *                       loopback, or trust_network     beyond loopback
 *   peers               a proof if there is a secret   a proof; without a secret: closed
 *   administration      a password if there is a user  a password; without a user: closed
 *   everyone            nothing                        nothing
 *
 * A browser sends what the page of any site tells it to, with the password of its user if it
 * has it: what changes something is refused when a browser says that another site asks.  Both
 * the site and the name by which it calls this node are of the page's choice: where nothing
 * is asked a page has to call it by address.
 *
 * A route for both peers and administration opens for either, but never to an
 * administrator without a password where peers need a proof.
 *
 * A proof is judged when the head of a request is there, and the body compared when it
 * is; both before there is a job.  An answer is signed when the head was genuine.  Others'
 * are not: an attacker who replays a request must not get a signed refusal for it, with
 * which the sender of the first could be told that it never ran.
 */
#ifndef HOST_ACCESS_H
#define HOST_ACCESS_H

#include "host/auth.h"
#include "host/exchange.h"
#include "host/upstream.h"

struct config;
struct node;
struct sockaddr;

enum access_who { ACCESS_EVERYONE = 0, ACCESS_PEERS = 1 << 0, ACCESS_ADMINISTRATION = 1 << 1 };

/* What a caller has to show. */
enum access_need { ACCESS_NOTHING, ACCESS_PROOF, ACCESS_PASSWORD, ACCESS_CLOSED };

/* Counted apart from the verdicts of messages. */
enum access_refusal {
    ACCESS_NO_PASSWORD, /* asked for one */
    ACCESS_WRONG_PASSWORD,
    ACCESS_CLOSED_PEERS,
    ACCESS_CLOSED_ADMINISTRATION,
    ACCESS_OTHER_SITE, /* a page in a browser asks */
    ACCESS_REFUSALS
};
const char *access_refusal_name(enum access_refusal r);

/* What is logged: verdicts of messages, refusals, answers. */
enum { ACCESS_ANSWERS = AUTH_VERDICTS + ACCESS_REFUSALS, ACCESS_REASONS };

struct access {
    struct auth *auth; /* NULL = no secret */
    bool exposed;      /* listens beyond loopback and does not trust it */
    bool has_user;
    unsigned char login[AUTH_DIGEST]; /* of user and password */
    _Atomic uint64_t messages[AUTH_VERDICTS], answers[AUTH_VERDICTS], refusals[ACCESS_REFUSALS];
    _Atomic uint64_t told_ms[ACCESS_REASONS]; /* when it was last logged */
    _Atomic uint64_t untold[ACCESS_REASONS];  /* refused since then */
};

/* 0 or -1. */
int access_init(struct access *a, const struct config *c, char err[P2P_ERRLEN]);
void access_release(struct access *a);
/* Says loudly what is not served, or served to strangers, and which keys change that. */
void access_warn(const struct access *a, const struct config *c);

enum access_need access_need(const struct access *a, enum access_who who);
/* Are the user and password those of the configuration?  Takes as long for any. */
bool access_login(const struct access *a, const char *user, const char *password);

/* May peers and discovery talk to this node at all?  [any thread] */
bool access_peers_allowed(const struct node *n);

/* Judges a request whose head is complete.  Refused: the exchange is answered. */
void access_check(struct exchange *x);
/* Compares its body, once that is complete, with what was proven. */
void access_check_body(struct exchange *x);
/* Signs an answer that is complete, if its request was genuine. */
void access_sign_answer(struct exchange *x);

/* One log line for each reason and ten seconds, so that a stranger cannot fill the log:
 * true when now is the time, and how many there were since the last.  [any thread] */
bool access_may_tell(struct access *a, unsigned reason, uint64_t *untold);
/* Counts and logs a request or a datagram that was not taken.  [any thread] */
void access_refused(struct node *n, const struct auth_finding *f, const struct sockaddr *from);

/* Of calls to other nodes; without a secret, nothing.  Signs a call that is complete but
 * for its proof, which is added to `into`, one of its headers; *asked is what the answer
 * has to fit.  0, or -1: memory. */
int access_sign_call(struct node *n, const struct endpoint *to, const struct call *c,
                     struct headers *into, struct auth_proof *asked);
/* Is an answer of the node that was asked?  Else it is counted and logged, and false with
 * why. */
bool access_is_answer(struct node *n, const struct endpoint *from, const struct auth_proof *asked,
                      const struct http_response *r, char why[P2P_ERRLEN]);

#endif
