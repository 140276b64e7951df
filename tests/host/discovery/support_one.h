/*
 * support_one.h - one detector whose whole world is the test: what it sends is kept, what
 * it hears is written here.  Node 0 is the detector's own address, the others are invented.
 */
#ifndef TESTS_SUPPORT_ONE_H
#define TESTS_SUPPORT_ONE_H

#include "host/discovery/swim_private.h"
#include "tests/host/discovery/support_net.h"

enum { ONE_KEPT = 4096, NOBODY = -1 };

struct one_datagram {
    unsigned to;
    size_t len;
    uint8_t data[SWIM_DATAGRAM_MOST];
};

struct one_change {
    unsigned about;
    enum swim_state old_state;
    struct swim_member m;
};

struct one {
    struct swim *s;
    uint64_t now;
    struct swim_settings settings;
    struct one_datagram *sent;
    unsigned n_sent;
    struct {
        unsigned to;
        enum swim_want want;
    } exchanges[64];
    unsigned n_exchanges;
    struct one_change changes[256];
    unsigned n_changes, n_heard, n_conflicts, n_full;
    unsigned conflict[2];
    struct swim_packet out; /* being written */
    unsigned speaker;
    char err[P2P_ERRLEN];
};

/* Settings may be changed between the two. */
void one_init(struct one *o);
void one_start(struct one *o, uint32_t incarnation);
void one_release(struct one *o);
/* Ticks whenever it wants to. */
void one_run(struct one *o, uint64_t ns);
void one_forget_sent(struct one *o);

/* A datagram of that node, written with the put_ functions on o->out.w. */
void one_begin(struct one *o, unsigned speaker);
void one_end(struct one *o);
/* Datagrams with one message. */
void one_hear_of(struct one *o, unsigned speaker, unsigned about, enum swim_state state,
                 uint32_t incarnation, int accuser);
void one_hear(struct one *o, unsigned speaker, const struct swim_entry *e);
void one_ack(struct one *o, unsigned speaker, uint32_t seq);
void one_meet(struct one *o, unsigned n); /* nodes 1 to n are alive, incarnation 1; nothing sent */
struct swim_entry one_entry(unsigned node, enum swim_state state, uint32_t incarnation);

/* The state of one of the invented nodes: its own record and those given. */
void one_state(struct buf *out, unsigned speaker, const struct swim_entry *all, unsigned n);

/* How many of the messages kept are of that type and go to that node (NOBODY: to any). */
unsigned one_count(const struct one *o, int to, unsigned type);
/* The latest such message's body, or fails the test. */
struct swim_reader one_last(const struct one *o, int to, unsigned type);
uint32_t one_last_seq(const struct one *o, int to, unsigned type);
/* The latest record of that node among all that was sent to `to`. */
bool one_told(const struct one *o, int to, unsigned about, struct swim_record *record);
unsigned one_count_told(const struct one *o, unsigned about);

enum swim_state one_sees(const struct one *o, unsigned node); /* SWIM_UNKNOWN: not at all */
struct swim_stats one_stats(const struct one *o);

#endif
