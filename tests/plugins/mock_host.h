/*
 * mock_host.h - a host of one plugin instance, for tests of a plugin alone.
 *
 * The plugin is linked in (its module symbol is NAME_plugin).  Instance, state and
 * probe slots are separate blocks of exactly the declared sizes, so that a
 * sanitizer sees a step beside them.
 */
#ifndef TESTS_MOCK_HOST_H
#define TESTS_MOCK_HOST_H

#include <p2pfaas/plugin.h>

enum { MOCK_METRICS = 16, MOCK_TOLD = 64 };

struct mock_metric {
    char name[64];
    uint64_t counter;
    double gauge;
};

struct mock_message {
    uint32_t peer, len;
    void *bytes; /* a block of that length */
};

struct mock {
    struct p2p_host host;
    const struct p2p_scheduler *ops;
    void *self;
    struct p2p_node node;
    struct p2p_peer *peers;
    struct p2p_request rq; /* tests set its job's part between mock_arrive and decide */
    uint32_t n_probes;     /* slots that the instance wants */
    uint64_t now_ns;
    uint64_t rng;
    char log[1024]; /* every line that was logged */
    unsigned n_metrics;
    struct mock_metric metric[MOCK_METRICS];
    void *allocated[MOCK_METRICS]; /* by the plugin; and texts of its parameters */
    unsigned n_allocated;
    /* Peer first_id + k is the node of number k; this one is `number`. */
    uint32_t number, first_id;
    struct mock_message told[MOCK_TOLD]; /* and not yet delivered */
    unsigned n_told;
    bool tell_fails;
    char function[32], address[32]; /* as last asked for */
    /* The bound learner; NULL: there is none. */
    bool (*act)(struct mock *m, const float *state, uint64_t mask, struct p2p_choice *out);
    void (*reward)(struct mock *m, uint64_t episode, float reward, const float *next);
    void *learner; /* what those two need */
    /* Of a learner outside of the node; NULL: false. */
    bool (*http)(struct mock *m, const struct p2p_http_request *request);
    bool (*choose)(struct mock *m, uint64_t episode, const struct p2p_choice *choice);
    void *outside; /* what those two need */
};

/* An instance of the first scheduler of a module.  `settings` is "fanout=2 loss=true";
 * what it does not name has its default.  Fails the test when it cannot be made. */
struct mock *mock_new(const struct p2p_module *module, const char *settings);
void mock_free(struct mock *m);

/* n peers that are up, ids first, first + 1, …, all idle. */
void mock_peers(struct mock *m, uint32_t first, uint32_t n);

/* A new job: zeroed state, nothing asked, no hops, the clock as its arrival. */
void mock_arrive(struct mock *m);

/* One call of decide.  What it asks for by PROBE is pending afterwards; REFUSED counts
 * as an attempt. */
struct p2p_action mock_decide(struct mock *m, uint32_t event);

/* mock_arrive and the decision that follows. */
struct p2p_action mock_job(struct mock *m, uint32_t hops);

/* The answer of the peer in a slot, and one that never comes. */
void mock_answer(struct mock *m, uint32_t slot, uint32_t load, uint32_t queue);
void mock_no_answer(struct mock *m, uint32_t slot, uint32_t status);

void mock_load(struct mock *m, uint32_t load, uint32_t queue);

/* The end of the job that was decided last. */
void mock_outcome(struct mock *m, uint32_t status, uint64_t queue_ns, uint64_t run_ns);

/* The job that was decided last goes on while others come; its state, for mock_ended(). */
void *mock_goes_on(struct mock *m);
void mock_ended(struct mock *m, void *state, uint32_t function, uint32_t status, uint64_t run_ns);

/* A TICK, which must be answered by DONE. */
void mock_tick(struct mock *m);

/* A message from that peer, in a block of exactly its length. */
void mock_hear(struct mock *m, uint32_t from, const void *message, uint32_t len);

/* Thousands of random messages, many of which begin as right ones do; what is told
 * meanwhile is forgotten. */
void mock_hear_garbage(struct mock *m, uint32_t from);

void mock_forget(struct mock *m); /* what was told and not delivered */

/* n nodes that are each other's peers, each with ids of its own for them. */
void mock_network(struct mock **nodes, unsigned n, const struct p2p_module *module,
                  const char *settings);

/* Delivers what they told each other, and what they tell on hearing it, until all are
 * silent; returns how many messages that were. */
unsigned mock_deliver(struct mock *const *nodes, unsigned n);

const struct p2p_alias *mock_alias(const struct mock *m, const char *name);

/* Fails unless the counts are what n equally likely outcomes give: chi-square is
 * compared with its mean plus six standard deviations. */
void mock_uniform(const unsigned *counts, unsigned n);

/* Fails when the action is another one. */
void mock_is(struct p2p_action got, struct p2p_action wanted);

#endif
