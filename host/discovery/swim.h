/*
 * swim.h - who is in the cluster: a SWIM failure detector with Lifeguard's refinements,
 * as a pure state machine.  It owns no socket, no clock and no thread; what came in and
 * what time it is are handed to it, what is to go out goes through callbacks.
 *
 * Invariants
 *   - A member is its address: where its discovery listens, UDP for datagrams, TCP for
 *     full exchanges.  Its id is a label; two addresses with one id are two members.
 *   - All that is said of a member is one record.  Of two, the one of the higher
 *     incarnation wins, then the worse state: ALIVE < SUSPECT < DEAD < LEFT.  Only the
 *     member itself raises its incarnation, so whoever is wrongly accused refutes.
 *   - A member is forgotten only to make room: one that LEFT, else one that is DEAD for
 *     a living one; the oldest.
 *
 * Life: swim_new → swim_join, swim_set_functions → swim_tick, swim_receive, … →
 * swim_leave, swim_tick until swim_gone → swim_free.
 *
 * Threads: none of its own, no lock: one thread at a time, the caller sees to it.
 *
 * Time: `now` is in ns of a clock that never goes back and starts above 0.  Every call
 * can bring the next tick forward: ask swim_next after it.
 *
 * Memory: per member, and per set of functions; none in the steady state.
 *
 * Inside a callback only calls with a const struct swim are allowed (swim_find,
 * swim_each, swim_write_state, …); anything else is caught by assert.
 *
 * The numbers are memberlist's for a LAN, with a probe every 500 ms in place of 1 s.
 * Its shortest suspicion, 4 s, comes after the wait for the first probe (1 s on average,
 * 3 s at times) and that probe's failure (1 s): with it all of 8 members know of a crash
 * after 5.7 s in the median and 8.3 s in the 99th percentile.  With half the interval,
 * which halves suspicion too, it is 3.3 s and 4.8 s, for two datagrams a second more.
 *
 * Beyond Lifeguard:
 *   - Who hears of a suspicion probes the suspect itself, with a chance that makes a
 *     fixed number of members do it whatever the size of the cluster.  So independent
 *     confirmations come within a second if it is dead; if it lives, each of those
 *     probes tells it that it is accused.
 *   - A member that needed long to refute (it is slow, not dead) gets half as long again
 *     before the next verdict, for five minutes.
 *   - A late answer begins the suspicion anew.
 *   - A tick that comes late buries nobody: what ran out in the gap runs on by as much.
 */
#ifndef HOST_DISCOVERY_SWIM_H
#define HOST_DISCOVERY_SWIM_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/buf.h"

enum {
    SWIM_TEXT_MOST = 63, /* bytes of an id, a group, a function's name */
    SWIM_FUNCTIONS_MOST = 1024,
    SWIM_DATAGRAM_MOST = 1400,
    SWIM_SEAL_ROOM = 64, /* of it, for what the caller adds to prove who sent it */
    SWIM_ADDRESS_TEXT = 64
};

struct swim_address {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;  /* in the host's order */
};
/* May it be a member's: a port, and neither the wildcard nor a multicast address? */
bool swim_address_valid(const struct swim_address *a);
bool swim_address_equal(const struct swim_address *a, const struct swim_address *b);
/* "10.0.0.1:19000", "[fe80::1]:19000" */
const char *swim_address_text(const struct swim_address *a, char text[SWIM_ADDRESS_TEXT]);

enum swim_state {
    SWIM_ALIVE,
    SWIM_SUSPECT, /* did not answer; to be used with care */
    SWIM_DEAD,    /* tried forever, at a falling rate */
    SWIM_LEFT,    /* said goodbye */
    SWIM_UNKNOWN  /* only as the old state of a member just met */
};
const char *swim_state_name(enum swim_state state); /* "alive", … */

struct swim_load {
    uint32_t load, queue, slots;
    uint64_t heard_ns; /* when it was true, by the own clock; 0: never heard */
};

struct swim_member {
    struct swim_address address;
    uint16_t http_port; /* where it takes calls */
    enum swim_state state;
    char id[SWIM_TEXT_MOST + 1], group[SWIM_TEXT_MOST + 1];
    uint32_t slots;
    uint32_t functions_hash; /* 0: not known */
    uint32_t incarnation;
    uint64_t since_ns; /* in this state */
    uint64_t rtt_ns;   /* of direct probes, smoothed by an eighth; 0: none yet */
    struct swim_load load;
};

struct swim_settings {
    uint32_t probe_interval_ms, probe_timeout_ms; /* a probe fails after twice the timeout */
    uint32_t indirect;                            /* members that are asked to probe too */
    uint32_t retransmit_mult;
    uint32_t suspicion_mult, suspicion_max_mult; /* mult - 2 confirmations are waited for */
    uint32_t gossip_interval_ms, gossip_nodes, gossip_to_dead_ms;
    uint32_t exchange_interval_ms, exchange_timeout_ms;
    uint32_t retry_first_ms, retry_most_ms; /* of dead members and of seeds */
    uint32_t health_most;                   /* the local health is 0 to this less 1 */
    uint32_t datagram;                      /* bytes, without the seal */
    uint32_t loads;                         /* of others in one datagram */
    uint32_t members_most;
    uint32_t state_most; /* bytes of a full exchange, and of all known sets of functions */
};
void swim_defaults(struct swim_settings *settings);

/* This node, as the others see it; copied. */
struct swim_self {
    struct swim_address address;
    uint16_t http_port;
    const char *id, *group;
    uint32_t slots;
    /* Above any that it had before: the saved one + 1, or the seconds of the wall clock.
     * One that is too low is mended as soon as others tell. */
    uint32_t incarnation;
};

enum swim_want { SWIM_WANT_STATE, SWIM_WANT_FUNCTIONS };

/* All but send and exchange may be NULL.  A member handed out is valid in the callback. */
struct swim_callbacks {
    void (*send)(void *ctx, const struct swim_address *to, const void *data, size_t len);
    /* POST what swim_write_state(want) gives to `to`; hand the answer to swim_merge_state,
     * or call swim_exchange_failed.  Never from inside this callback. */
    void (*exchange)(void *ctx, const struct swim_address *to, enum swim_want want);
    /* State, incarnation, functions, slots, group or id changed; also of the own self. */
    void (*changed)(void *ctx, const struct swim_member *m, enum swim_state old_state);
    /* A newer load or rtt of a living member. */
    void (*heard)(void *ctx, const struct swim_member *m);
    /* Two living members with one id; once a pair. */
    void (*conflict)(void *ctx, const struct swim_member *a, const struct swim_member *b);
    /* A member was refused because there are settings.members_most; once until one fits. */
    void (*full)(void *ctx, const struct swim_address *refused);
    /* Nobody takes calls any more at this http_port of that address: the member said
     * another, or is forgotten to make room. */
    void (*gone)(void *ctx, const struct swim_member *m);
};

struct swim_stats {
    uint64_t datagrams_in, datagrams_out, bytes_in, bytes_out;
    uint64_t malformed; /* datagrams and states that were not read to their end */
    uint64_t stray;     /* meant for another address, or from the own one */
    uint64_t probes_ok, probes_indirect /* of those, only through others */, probes_failed;
    uint64_t retries;            /* pings of the dead */
    uint64_t suspicions, deaths; /* of others, as seen here */
    uint64_t false_suspicions;   /* suspects that refuted */
    uint64_t false_deaths;       /* dead that refuted: they had lived */
    uint64_t refutations;        /* of what was said of the own self */
    uint64_t conflicts, refused; /* ids; members past the cap */
    uint64_t exchanges_ok, exchanges_failed;
    uint32_t health;                     /* 0 is best: Lifeguard's local health multiplier */
    uint32_t alive, suspect, dead, left; /* members, without the own self */
};

struct swim;

/* NULL with a reason in err. */
struct swim *swim_new(const struct swim_settings *settings, const struct swim_self *self,
                      const struct swim_callbacks *callbacks, void *ctx, uint64_t seed,
                      uint64_t now, char err[P2P_ERRLEN]);
void swim_free(struct swim *s);

/* Does what is due; returns when it wants to be called next, as swim_next.  After a gap read
 * what waits in the sockets too. */
uint64_t swim_tick(struct swim *s, uint64_t now);
uint64_t swim_next(const struct swim *s);

/* A datagram that came; `from` is where an answer is sent to.  Any bytes will do. */
void swim_receive(struct swim *s, const struct swim_address *from, const void *data, size_t len,
                  uint64_t now);

/* Joins through that address, which is tried until it answered, and again whenever it is no
 * living or dead member.  0, or -1 with a reason in err. */
int swim_join(struct swim *s, const struct swim_address *seed, char err[P2P_ERRLEN]);

enum swim_evidence { SWIM_ANSWERED, SWIM_FAILED };
/* A call to that member was answered, or could not be delivered: the second has it probed
 * at once, directly and through others, and suspected when that fails. */
void swim_evidence(struct swim *s, const struct swim_address *about, enum swim_evidence what,
                   uint64_t now);

/* What rides along from now on. */
void swim_set_load(struct swim *s, uint32_t load, uint32_t queue, uint32_t slots);
/* The names that this node offers, in any order; copied.  0, or -1 with a reason in err and
 * nothing changed. */
int swim_set_functions(struct swim *s, const char *const *names, unsigned n, char err[P2P_ERRLEN]);
/* Port, id, group, slots; the address and the incarnation in it are not looked at. */
int swim_set_self(struct swim *s, const struct swim_self *self, char err[P2P_ERRLEN]);

/* Says goodbye; swim_gone is true when all that was to be said is said. */
void swim_leave(struct swim *s, uint64_t now);
bool swim_gone(const struct swim *s);

/* The bytes of a full exchange; for SWIM_WANT_FUNCTIONS few, that ask for names only.
 * 0, or -1 when `out` cannot hold even the own record. */
int swim_write_state(const struct swim *s, enum swim_want want, struct buf *out);
/* The answer that came from there.  What can be read is taken; -1 with a reason in err when
 * that was not all. */
int swim_merge_state(struct swim *s, const struct swim_address *from, const void *data, size_t len,
                     uint64_t now, char err[P2P_ERRLEN]);
void swim_exchange_failed(struct swim *s, const struct swim_address *to, uint64_t now);
/* The other side: merges what another POSTed and writes the answer that fits.  -1 as above;
 * then there is no answer. */
int swim_answer(struct swim *s, const void *data, size_t len, struct buf *out, uint64_t now,
                char err[P2P_ERRLEN]);

/* Members are valid until the next call that changes something; the own self is no part
 * of swim_find and swim_each. */
const struct swim_member *swim_self(const struct swim *s);
const struct swim_member *swim_find(const struct swim *s, const struct swim_address *address);
/* All in no particular order, until f returns false. */
void swim_each(const struct swim *s, bool (*f)(void *ctx, const struct swim_member *m), void *ctx);
/* The names behind a hash in order of strcmp, or NULL when they are not known (yet). */
const char *const *swim_functions(const struct swim *s, uint32_t hash, unsigned *n);
void swim_stats(const struct swim *s, struct swim_stats *stats);

#endif
