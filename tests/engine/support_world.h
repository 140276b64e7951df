/*
 * support_world.h - a node of which everything but the engine is pretended.
 *
 * The clock stands still unless a test moves it; probes and forwards go nowhere
 * and are answered by the test.  Jobs write down what was asked of the world.
 */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include <pthread.h>

#include "engine/decision.h"
#include "engine/engine.h"

enum { FAKE_PEERS = 8, FAKE_SENT = 256 };

struct fake {
    struct engine *engine;
    struct catalog *catalog;
    struct engine_settings settings;
    pthread_mutex_t lock;
    _Atomic uint64_t now;
    struct p2p_node node;
    enum override override; /* of the jobs to come, as are the hops */
    uint32_t hops;
    struct p2p_peer up[FAKE_PEERS]; /* under the lock, as is the next one */
    uint32_t n_up, last_known;
    uint64_t think_ns; /* that pass while a plugin decides, or says anything else */
    bool at_once;      /* probes and forwards are answered before the call returns */
    char root[64], folder[80], run_dir[80], err[P2P_ERRLEN];
    pthread_mutex_t log_lock;
    char log[8192]; /* what the plugin said, a line each; the first that fit */
    unsigned outcomes, finis, inits, heard;
    bool deaf;      /* nothing can be told */
    char told[128]; /* the last that was, under the lock, as is the next one */
    unsigned n_told;
    unsigned n_sent; /* requests of learners, under the lock, as is the next one */
    struct {
        uint64_t by, tag;
    } sent[FAKE_SENT]; /* the last ones */
    _Atomic unsigned seeds, broken_rules;
};

/* A job, and the trace of what it made the world do:
 * "timer+500 probe2 stop run run_now forward3 refuse429 " */
struct fake_job {
    struct decision decision; /* first */
    char scheduler[DECISION_SCHEDULER];
    struct decision_choice choice;
    _Alignas(16) unsigned char memory[512];
    struct fake *fake;
    char trace[1024];
    uint32_t round; /* that the world was last told */
    unsigned wakes; /* under the lock, as is the next one */
    uint32_t wake_round;
    unsigned final_calls; /* run_here, forward, refuse */
};

/* Peers 1 to 3 are up, plugins/scripted.c can be selected, nothing is. */
int fake_setup(void **state);
/* Fails when an instance or a module is left, or a rule of world.h was broken. */
int fake_teardown(void **state);

/* Selects `name` with pairs of parameter name and value, ended by NULL. */
int fake_try_select(struct fake *f, const char *name, ...);
#define fake_select(...) assert_int_equal(fake_try_select(__VA_ARGS__, NULL), 0)

/* The same plugin with other bytes: the catalog opens it as a new module. */
void fake_rebuild(struct fake *f, unsigned version);

void fake_peers(struct fake *f, uint32_t first, uint32_t n);
void fake_settings(struct fake *f, enum engine_fallback fallback, uint64_t drain_ns);

/* A job with that deadline (0 = none) arrives. */
void fake_begin(struct fake *f, struct fake_job *j, uint64_t deadline_ns);
void fake_end(struct fake_job *j, uint32_t status);
/* Begins, ends as it ran, and returns the trace. */
const char *fake_run(struct fake *f, struct fake_job *j);

/* What was woken notices it. */
void fake_woken(struct fake_job *j);
void fake_answer(struct fake_job *j, uint32_t slot, uint32_t load);

struct engine_stats fake_stats(struct fake *f);
/* How often `text` was logged. */
unsigned fake_said(struct fake *f, const char *text);

#endif
