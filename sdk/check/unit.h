/*
 * unit.h - one instance of a scheduler or learner, the services that it is given, and
 * what is noticed about how it uses them.
 */
#ifndef CHECK_UNIT_H
#define CHECK_UNIT_H

#include "sdk/check/check.h"
#include "sdk/check/mock_world.h"

enum { UNIT_JOBS = 4, UNIT_METRICS = 64, UNIT_MESSAGES = 16, UNIT_DIMS = 8, UNIT_SENT = 64 };

enum stage {
    STAGE_NEW,
    STAGE_PROBING,
    STAGE_WAITING,
    STAGE_FORWARDED,
    STAGE_HERE,
    STAGE_REFUSED,
    STAGE_OVER
};

/* A job, and the memory of its decision. */
struct job {
    struct p2p_request rq;
    struct p2p_action action; /* the last one */
    enum stage stage;
    uint32_t steps, probes;
    uint64_t pending; /* the episode of a choice that is awaited, or 0 */
    bool waited;      /* for it */
};

/* What one step did, for comparing runs. */
struct trace {
    struct p2p_action *actions;
    uint32_t *events;
    unsigned n, most;
};

struct metric {
    char name[64];
    bool is_gauge;
    union {
        uint64_t counter;
        double gauge;
    } value;
};

struct message {
    uint32_t len;
    unsigned char bytes[P2P_MESSAGE_MAX];
};

/* What a learner has outside: requests by their tags, and choices that it owes. */
struct outside {
    uint64_t sent[UNIT_SENT];
    unsigned n_sent, n_awaited;
    struct {
        uint64_t episode, mask;
    } awaited[UNIT_SENT];
    uint64_t acting, mask; /* of the act() that runs and has not chosen; 0: none */
};

/* Which parameters an instance gets. */
enum preset { PRESET_DEFAULTS, PRESET_LEAST, PRESET_MOST, PRESET_RANDOM };

struct unit {
    struct unit *next;
    struct check *check;
    const struct p2p_param *params;
    enum preset preset;
    uint64_t seed; /* with the preset it makes the same unit again */
    void *self;
    struct p2p_host host;
    struct mock_world world;
    struct chance random; /* what the plugin is given */
    char settings[400];   /* "fanout=1 loss=true" */
    bool started, bound;  /* a learner is bound to it */
    uint32_t n_probes;
    struct p2p_space space;
    float lo[UNIT_DIMS], hi[UNIT_DIMS]; /* of a learner's space */
    /* Services. */
    const char *inside; /* the call that it is in */
    unsigned allocs, fail_at;
    bool fail_all; /* from that one on */
    size_t alloc_bytes;
    uint64_t episodes;
    struct outside outside;
    struct job *deciding; /* for which decide() runs, or NULL */
    unsigned n_metrics, n_messages;
    struct metric metrics[UNIT_METRICS];
    struct message messages[UNIT_MESSAGES]; /* what it told, the last ones */
    char fault[400], fault_right[200];      /* the first misuse of a service */
    /* Jobs. */
    struct job jobs[UNIT_JOBS];
    uint64_t ids;
    unsigned strange; /* percent of the steps in which an unknown event comes first */
    struct trace trace;
    struct p2p_action (*watch)(struct unit *u, const struct p2p_request *rq); /* calls decide() */
    uint64_t *spans; /* ns, of the watched calls */
    unsigned n_spans, most_spans;
};

/* Memory and parameters; the plugin does not run yet. */
struct unit *unit_new(struct check *c, enum preset preset, uint64_t seed);
/* init(), space() and probes().  0, or -1 with the plugin's reason. */
int unit_start(struct unit *u, char err[P2P_ERRLEN]);
/* fini() if it was started, and everything else. */
void unit_end(struct unit *u);
/* After a case that may have failed: nothing of the plugin runs. */
void unit_forget_all(struct check *c);

/* One that is started: with the preset, or, where init() refuses that, NULL. */
struct unit *unit_try(struct check *c, enum preset preset, uint64_t seed, char err[P2P_ERRLEN]);
/* One that is started, with the defaults if init() takes them, else with the first random
 * parameters that it does.  The case fails when there are none. */
struct unit *unit_any(struct check *c, uint64_t seed);

/* Around every call of the plugin. */
void unit_enter(struct unit *u, const char *call);
void unit_leave(struct unit *u);

const char *unit_name(const struct check *c);
uint32_t unit_size(const struct check *c); /* bytes of an instance */

/* Writes into the text what a parameter can be set to, as in plugins.yaml. */
void unit_draw_value(const struct p2p_param *p, enum preset preset, struct mock_world *w, char *out,
                     size_t size);

/* unit_services.c */
void unit_fill_host(struct unit *u);
void unit_fault(struct unit *u, const char *right, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* unit_outside.c: http() and choose(), and what surrounds an act(), whose end is true when
 * its choice is pending. */
bool outside_http(const struct p2p_host *h, const struct p2p_http_request *rq);
bool outside_choose(const struct p2p_host *h, uint64_t episode, const struct p2p_choice *choice);
void outside_begin_act(struct unit *u, uint64_t episode, uint64_t mask);
bool outside_end_act(struct unit *u, const struct p2p_choice *choice);
/* So many of the requests that are under way get their answers. */
void outside_answer(struct unit *u, unsigned percent);
/* For a scheduler's act(): true when its choice is pending.  Else the choice is made now, of
 * out->episode where that is set, unless act() is false. */
bool outside_pending(struct unit *u, struct p2p_choice *out, bool *is_false);

/* unit_jobs.c: a job's way, step by step, as the engine would drive it. */
void job_new(struct unit *u, struct job *j);
/* One more event; false when the job is over.  Every answer is judged. */
bool job_step(struct unit *u, struct job *j);
void job_end(struct unit *u, struct job *j, uint32_t status);
/* n jobs in n random worlds, some of them open at the same time. */
void unit_work(struct unit *u, unsigned n);
void unit_tick(struct unit *u);
const char *action_text(struct p2p_action a, char out[80]);

/* case_learner.c: n choices and batches of experience, rewards from -most to most. */
void unit_learn(struct unit *u, unsigned n, float most);

/* unit_state.c: save() and load() with streams that end when told to. */
struct blob {
    char *data;
    size_t len, cap, at;
    long fail_after; /* bytes until a write fails; -1: never */
};
bool unit_save(struct unit *u, struct blob *b);
bool unit_load(struct unit *u, struct blob *b);

#endif
