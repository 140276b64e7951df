/*
 * auth.h - proof that a message comes from a node that knows the cluster's secret,
 * was meant for this one, is fresh, and was not seen before: HMAC-SHA256.
 *
 * No sockets, no clock, no randomness: all come from the caller.  Any thread may
 * call with the same struct auth.
 *
 * What a sender says of itself: the wall-clock time in milliseconds, a session (a
 * random number for each start of a node) and a counter.  Session and counter are the
 * nonce.  Over HTTP this is one header, in hexadecimal digits of fixed width:
 *
 *     X-P2pfaas-Auth: v1 TIME SESSION COUNTER DIGEST MAC
 *
 * DIGEST is the SHA-256 of the body.  It travels, so that the head of a request can be
 * judged before its body is read: a stranger's body is never held, and a replay is one
 * however slowly the rest of it comes.
 *
 * The MAC covers the version, the kind, time, session, counter, the digest and fields
 * that the caller names, each with its length.  The first field says for whom it is, so
 * that what one node was sent cannot be played to another.
 *
 * What a replay is: a counter that the session used before.  Each session has a bitmap
 * of the last counters, 4096 of them at first; it doubles, up to 2^20, while a session
 * uses them up in less than two clock_skew, so that one late among many that overtook it
 * is not taken for old.  A session that was silent for two clock_skew is forgotten when
 * another one needs its place.  When all places are taken by sessions that are not, a new
 * session is refused (AUTH_FULL): to forget one earlier would let its messages in again.
 *
 * The floor: no message is taken that is as old as the start of this node, or as the
 * newest one of any session that was forgotten.  So what was seen is not taken again
 * even if this node's clock is set back.  One gap is left: messages of a node whose
 * clock is ahead by some seconds, recorded in those last seconds before this node was
 * started again, are younger than its start.
 */
#ifndef HOST_AUTH_H
#define HOST_AUTH_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    AUTH_DIGEST = 32,
    AUTH_MAC = 32,
    AUTH_TEXT = 2 + 3 * 17 + 2 * 65 + 1, /* the header's value and its zero */
    AUTH_ROOM = 64,                      /* what a seal adds to a datagram */
    AUTH_SESSIONS = 8192
};

enum auth_kind { AUTH_REQUEST = 1, AUTH_ANSWER, AUTH_DATAGRAM };

enum auth_verdict {
    AUTH_OK,
    AUTH_UNSIGNED,
    AUTH_FORGED, /* another secret, another receiver, or changed on its way */
    AUTH_LATE,
    AUTH_REPLAYED,
    AUTH_FULL,
    AUTH_VERDICTS
};
const char *auth_verdict_name(enum auth_verdict v); /* "ok", "unsigned", … */

/* Bytes of a field, in two pieces; both lengths 0 = it is not there. */
struct auth_field {
    const void *data;
    size_t len;
    const void *tail;
    size_t tail_len;
};

struct auth_proof {
    unsigned char digest[AUTH_DIGEST], mac[AUTH_MAC];
};

struct auth_finding {
    enum auth_verdict verdict;
    struct auth_proof proof; /* unless UNSIGNED or FORGED */
    int64_t behind_ms;       /* this node's clock less the message's time */
    bool below_floor;        /* LATE: as old as the start, or as what was forgotten */
};
/* For people: "late by 12.3 s, more than security.clock_skew, 30.0 s: …". */
struct auth;
void auth_explain(const struct auth *a, const struct auth_finding *f, char out[P2P_ERRLEN]);

struct auth_settings {
    uint64_t skew_ms;  /* the most that clocks may differ */
    uint64_t start_ms; /* now */
    uint64_t session;  /* random */
    unsigned sessions; /* most senders known at once; 0 = AUTH_SESSIONS */
};
/* Derives the key, which takes milliseconds.  NULL: memory is short. */
struct auth *auth_new(const char *secret, const struct auth_settings *s);
void auth_free(struct auth *a);

/* Writes the header's value for a message with these fields and this body.  0, or -1:
 * memory is short. */
int auth_sign(struct auth *a, enum auth_kind kind, const struct auth_field *fields, unsigned n,
              const void *body, size_t len, uint64_t now_ms, char text[AUTH_TEXT],
              struct auth_proof *out);

/* Judges the head of a message; `text` NULL = it has no such header.  Only AUTH_OK uses
 * the nonce up.  An answer is bound to its request by a field, so neither its time nor
 * its nonce is looked at.  The body is still to be compared: auth_body_is. */
enum auth_verdict auth_check(struct auth *a, enum auth_kind kind, const struct auth_field *fields,
                             unsigned n, const char *text, uint64_t now_ms, struct auth_finding *f);
bool auth_body_is(const struct auth_proof *p, const void *body, size_t len);

/* Appends AUTH_ROOM bytes to the `len` bytes of a datagram in `data`, which has `size`.
 * `to` is what both sides call the receiver.  The new length, or 0: no room, or memory
 * is short. */
size_t auth_seal(struct auth *a, const char *to, void *data, size_t len, size_t size,
                 uint64_t now_ms);
/* The length of the content, which begins where the datagram does, or -1 with
 * f->verdict. */
ssize_t auth_open(struct auth *a, const char *to, const void *data, size_t len, uint64_t now_ms,
                  struct auth_finding *f);

/* For tests and /metrics: senders that are known. */
unsigned auth_sessions(struct auth *a);

#endif
