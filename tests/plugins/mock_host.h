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

enum { MOCK_METRICS = 16 };

struct mock_metric {
    char name[64];
    uint64_t counter;
    double gauge;
};

struct mock {
    struct p2p_host host;
    const struct p2p_scheduler *ops;
    void *self;
    struct p2p_node node;
    struct p2p_peer *peers;
    struct p2p_request rq; /* tests set its job's part between mock_arrive and decide */
    uint64_t now_ns;
    uint64_t rng;
    char log[1024]; /* every line that was logged */
    unsigned n_metrics;
    struct mock_metric metric[MOCK_METRICS];
    void *allocated[MOCK_METRICS]; /* by the plugin; and texts of its parameters */
    unsigned n_allocated;
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

const struct p2p_alias *mock_alias(const struct mock *m, const char *name);

/* Fails unless the counts are what n equally likely outcomes give: chi-square is
 * compared with its mean plus six standard deviations. */
void mock_uniform(const unsigned *counts, unsigned n);

/* Fails when the action is another one. */
void mock_is(struct p2p_action got, struct p2p_action wanted);

#endif
