/*
 * swim_private.h - what the files of the detector share.
 *
 *   swim.c           life, the clock's tick, questions
 *   swim_member.c    the table of members and the rules of what wins
 *   swim_suspicion.c suspicion's formulas, timers, retries of the dead
 *   swim_probe.c     direct and indirect probes, local health
 *   swim_gossip.c    what is told how often, datagrams out
 *   swim_receive.c   datagrams in
 *   swim_exchange.c  full exchanges and seeds
 *   swim_functions.c sets of names
 *   swim_wire.c      bytes
 */
#ifndef HOST_DISCOVERY_SWIM_PRIVATE_H
#define HOST_DISCOVERY_SWIM_PRIVATE_H

/* A table that cannot grow refuses the member; it does not end the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "host/discovery/swim.h"

enum {
    SWIM_NEVER_AT = UINT32_MAX, /* in no array */
    SWIM_ACCUSERS_MOST = 7,     /* the first and suspicion_mult - 2 more */
    SWIM_TRANSMITS_MOST = 64,
    SWIM_PROBES = 32,
    SWIM_RELAYS = 64,
    SWIM_EXCHANGES = 4,
    SWIM_WANTED = 16,
    SWIM_RECENT_DEAD = 8,
    SWIM_RECORD_MOST = 256, /* bytes of any message but a set of functions */
    SWIM_CHOSEN_MOST = 16   /* of indirect, of gossip_nodes */
};
#define SWIM_NEVER UINT64_MAX
#define SWIM_MS 1000000ull
#define SWIM_LOAD_NS (60000 * SWIM_MS) /* an older load helps nobody */
#define SWIM_FORGIVE_NS (300000 * SWIM_MS)
/* So that whoever is accused of the highest can still go above it. */
#define SWIM_INCARNATION_MOST (UINT32_MAX - 1u)

struct swim_set {
    uint32_t hash, n, uses;
    size_t bytes;
    UT_hash_handle hh;
    const char *names[]; /* the text follows */
};

/* A member and what only this file's readers know of it. */
struct swim_entry {
    struct swim_member m;
    UT_hash_handle hh, hh_id;
    struct swim_set *set;
    uint32_t all_at, live_at;
    bool refutes;  /* its incarnation answers an accusation */
    bool holds_id; /* it is the one found under its id */
    bool conflict; /* told: another holds its id */
    /* Gossip. */
    bool queued;
    uint8_t transmits;
    struct swim_entry *prev, *next;
    /* Suspicion; n_accusers counts the first, accusers[n_accusers - 1] is the latest. */
    uint64_t suspect_ns; /* first word of it; also of a death that came without */
    uint64_t counted_ns, shortest_ns, longest_ns; /* the time to refute */
    uint8_t confirmations, confirmations_needed, n_accusers;
    struct swim_address accusers[SWIM_ACCUSERS_MOST];
    uint64_t refuted_in_ns, refuted_ns; /* how long the last refutation took, and when */
    /* Of the one heap it is in: suspects' verdicts, retries of the dead. */
    uint32_t heap_at;
    uint64_t due_ns;
    uint32_t retry_ms;
    uint64_t nudged_ns;
};

struct swim_heap {
    struct swim_entry **all;
    uint32_t n;
};

/* EVIDENCE asks others along with the first ping, the rest after the timeout. */
enum swim_probe_kind { PROBE_ROUTINE, PROBE_VERIFY, PROBE_EVIDENCE };

struct swim_probe {
    struct swim_entry *target; /* NULL: free */
    enum swim_probe_kind kind;
    uint32_t seq, asked, nacks;
    uint64_t sent_ns, relay_ns, deadline_ns;
};

struct swim_relay {
    struct swim_address origin;
    uint32_t origin_seq, seq;
    uint64_t nack_ns; /* 0: free */
};

struct swim_open_exchange {
    struct swim_address to;
    uint64_t deadline_ns; /* 0: free */
};

struct swim_seed {
    struct swim_address address, answered_as; /* port 0: not answered yet */
    uint64_t due_ns;
    uint32_t delay_ms;
    bool trying;
    bool again; /* once more although it answered: others may have joined just then */
};

struct swim {
    struct swim_settings settings;
    struct swim_callbacks calls;
    void *ctx;
    bool inside; /* a callback */
    uint64_t now, random;
    uint64_t tick_due_ns; /* what the last tick asked for */
    struct swim_stats stats;

    struct swim_entry self;
    bool leaving;
    bool load_changed;

    struct swim_entry *by_address, *by_id;
    struct swim_entry **all;  /* every other member */
    struct swim_entry **live; /* ALIVE and SUSPECT: [0, probed) had their turn in this round */
    uint32_t n_all, n_live, room, probed;
    struct swim_heap suspects, dead;
    struct swim_entry *recent_dead[SWIM_RECENT_DEAD];
    uint32_t recent_at;
    bool told_full;

    uint64_t probe_due_ns, retry_gate_ns;
    uint32_t seq;
    struct swim_probe probes[SWIM_PROBES];
    struct swim_relay relays[SWIM_RELAYS];

    struct swim_entry *queue[SWIM_TRANSMITS_MOST]; /* by how often it was told */
    uint32_t n_queued, load_cursor;
    uint64_t gossiped_ns;
    bool quiet;     /* what is learned now is no news to anyone */
    bool misjudged; /* the datagram or state at hand has the own self wrong */

    struct swim_open_exchange exchanges[SWIM_EXCHANGES];
    struct swim_address wanted[SWIM_WANTED];
    uint32_t n_wanted;
    struct swim_seed *seeds;
    uint32_t n_seeds, seeds_room;
    uint64_t seeds_due_ns, exchange_due_ns, stranger_ns;

    struct swim_set *sets;
    size_t sets_bytes;
    uint64_t functions_due_ns; /* SWIM_NEVER: none is missing */
};

/* What a message says of a member: only what travels of struct swim_member counts. */
struct swim_record {
    struct swim_member m;
    bool refutes, accused;
    struct swim_address accuser; /* if accused */
};
enum swim_source { SWIM_BY_GOSSIP, SWIM_BY_EXCHANGE };

/* ---- swim.c */
uint64_t swim_rand64(struct swim *s);
uint32_t swim_below(struct swim *s, uint32_t n); /* 0 <= x < n; 0 for n = 0 */
/* Half to one and a half of it. */
uint64_t swim_jitter(struct swim *s, uint64_t ns);
void swim_call_changed(struct swim *s, const struct swim_entry *e, enum swim_state old_state);
void swim_call_heard(struct swim *s, const struct swim_entry *e);
void swim_call_send(struct swim *s, const struct swim_address *to, const void *data, size_t len);
void swim_enter(struct swim *s, uint64_t now); /* begins every call that changes something */

/* ---- swim_member.c */
struct swim_entry *swim_entry_find(const struct swim *s, const struct swim_address *a);
static inline bool swim_is_live(const struct swim_entry *e)
{
    return e->m.state == SWIM_ALIVE || e->m.state == SWIM_SUSPECT;
}
/* With the own self, as the formulas count. */
static inline uint32_t swim_size(const struct swim *s)
{
    return s->n_live + 1;
}
static inline bool swim_load_fresh(const struct swim *s, const struct swim_entry *e)
{
    return e->m.load.heard_ns && s->now - e->m.load.heard_ns < SWIM_LOAD_NS;
}
void swim_apply(struct swim *s, const struct swim_record *r, enum swim_source how);
bool swim_same_description(const struct swim_member *a, const struct swim_member *b);
/* The own verdict, with this node as accuser. */
void swim_accuse(struct swim *s, struct swim_entry *e);
void swim_bury(struct swim *s, struct swim_entry *e);
void swim_members_free(struct swim *s);
/* A new incarnation of the own self, told to all. */
void swim_renew(struct swim *s, uint32_t above, bool refutes);

/* ---- swim_suspicion.c */
/* k: confirmations waited for. */
void swim_suspicion_bounds(const struct swim_settings *settings, uint32_t members, uint32_t *k,
                           uint64_t *shortest_ns, uint64_t *longest_ns);
uint64_t swim_suspicion_length(uint32_t confirmations, uint32_t k, uint64_t shortest_ns,
                               uint64_t longest_ns);
uint32_t swim_exchange_scale(uint32_t members);
void swim_suspicion_begin(struct swim *s, struct swim_entry *e, const struct swim_address *from);
void swim_suspicion_end(struct swim *s, struct swim_entry *e);
/* True when this accuser is news. */
bool swim_suspicion_confirm(struct swim *s, struct swim_entry *e, const struct swim_address *from);
/* It lives, if slowly: counts from now, without the confirmations so far. */
void swim_suspicion_restart(struct swim *s, struct swim_entry *e);
void swim_retry_begin(struct swim *s, struct swim_entry *e);
void swim_retry_end(struct swim *s, struct swim_entry *e);
/* Pings a suspect or dead member now, telling it so, if that was not just done. */
void swim_nudge(struct swim *s, struct swim_entry *e);
void swim_suspicions_delay(struct swim *s, uint64_t ns);
void swim_suspicion_tick(struct swim *s);
uint64_t swim_suspicion_next(const struct swim *s);

/* ---- swim_probe.c */
void swim_live_add(struct swim *s, struct swim_entry *e);
void swim_live_remove(struct swim *s, struct swim_entry *e);
void swim_probe_start(struct swim *s, struct swim_entry *e, enum swim_probe_kind kind);
void swim_probe_cancel(struct swim *s, const struct swim_entry *e);
void swim_probes_drop(struct swim *s); /* own ones and those for others, unanswered */
void swim_probes_delay(struct swim *s, uint64_t ns);
void swim_relay_start(struct swim *s, const struct swim_address *origin, uint32_t origin_seq,
                      struct swim_entry *target);
void swim_on_ack(struct swim *s, struct swim_entry *sender, uint32_t seq);
void swim_on_nack(struct swim *s, uint32_t seq);
void swim_health(struct swim *s, int change);
void swim_probe_tick(struct swim *s);
uint64_t swim_probe_next(const struct swim *s);

/* ---- swim_wire.c */
enum swim_message {
    MESSAGE_PING = 1,      /* seq, target */
    MESSAGE_ACK = 2,       /* seq */
    MESSAGE_ASK = 3,       /* seq, target: probe it for me */
    MESSAGE_NACK = 4,      /* seq: I tried, it did not answer yet */
    MESSAGE_MEMBER = 5,    /* a record */
    MESSAGE_OWN_LOAD = 6,  /* load, queue, slots of the sender */
    MESSAGE_LOAD = 7,      /* address, age in ms, load, queue, slots */
    MESSAGE_FUNCTIONS = 8, /* hash, names in strict order; in exchanges only */
    MESSAGE_WANT = 9       /* hash; in exchanges only */
};
/* Each put_ writes a whole message or, when it does not fit, nothing and returns false. */
struct swim_writer {
    uint8_t *data;
    size_t len, size;
    bool full;
};
bool swim_put_head(struct swim_writer *w, bool exchange, const struct swim_address *sender);
bool swim_put_number(struct swim_writer *w, enum swim_message type, uint32_t number);
bool swim_put_target(struct swim_writer *w, enum swim_message type, uint32_t seq,
                     const struct swim_address *target);
bool swim_put_record(struct swim_writer *w, const struct swim_entry *e);
bool swim_put_own_load(struct swim_writer *w, const struct swim_load *load);
bool swim_put_load(struct swim_writer *w, const struct swim_member *m, uint64_t now);
bool swim_put_functions(struct swim_writer *w, const struct swim_set *set);

/* A get_ past the end, or of what may not be, gives 0 and sets bad. */
struct swim_reader {
    const uint8_t *at, *end;
    bool bad;
};
/* The sender; bad unless magic and version are ours. */
void swim_get_head(struct swim_reader *r, bool exchange, struct swim_address *sender);
/* The next message's type, its body in *body; 0 at the end or when bad. */
unsigned swim_get_message(struct swim_reader *r, struct swim_reader *body);
uint32_t swim_get_u32(struct swim_reader *r);
uint32_t swim_get_var(struct swim_reader *r);
void swim_get_address(struct swim_reader *r, struct swim_address *a);
void swim_get_text(struct swim_reader *r, char text[SWIM_TEXT_MOST + 1]);
void swim_get_record(struct swim_reader *r, struct swim_record *record);
void swim_get_load(struct swim_reader *r, struct swim_load *load); /* without the age */
bool swim_text_valid(const char *text, size_t len);

/* ---- swim_gossip.c */
struct swim_packet {
    uint8_t bytes[SWIM_DATAGRAM_MOST];
    struct swim_writer w;
};
uint32_t swim_transmit_limit(uint32_t mult, uint32_t members);
void swim_tell(struct swim *s, struct swim_entry *e); /* anew, if it is being told already */
void swim_untell(struct swim *s, struct swim_entry *e);
/* Head, own load and, if `to` is a member that is accused, the accusation. */
void swim_packet_begin(struct swim *s, struct swim_packet *p, const struct swim_entry *to);
/* What is to be told, then loads, as far as there is room. */
void swim_packet_fill(struct swim *s, struct swim_packet *p, const struct swim_entry *to);
void swim_packet_send(struct swim *s, struct swim_packet *p, const struct swim_address *to);
void swim_gossip_tick(struct swim *s);
uint64_t swim_gossip_next(const struct swim *s);

/* ---- swim_receive.c */
/* One record, load or the like, from a datagram or a state; false when it is bad. */
bool swim_take(struct swim *s, unsigned type, struct swim_reader *body, struct swim_entry *sender,
               enum swim_source how);

/* ---- swim_exchange.c */
/* Soon, with that member; dropped when many are wanted already. */
void swim_want_exchange(struct swim *s, const struct swim_address *with);
/* Someone that is no member said something. */
void swim_stranger(struct swim *s, const struct swim_address *who);
bool swim_exchange_start(struct swim *s, const struct swim_address *to, enum swim_want want);
void swim_exchange_tick(struct swim *s);
uint64_t swim_exchange_next(const struct swim *s);

/* ---- swim_functions.c */
uint32_t swim_functions_hash(const char *const *sorted, unsigned n);
struct swim_set *swim_set_find(const struct swim *s, uint32_t hash);
/* e's hash changed to that. */
void swim_set_assign(struct swim *s, struct swim_entry *e, uint32_t hash);
bool swim_take_functions(struct swim *s, struct swim_reader *body);
void swim_functions_tick(struct swim *s);
void swim_functions_free(struct swim *s);

#endif
