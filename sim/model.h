/*
 * model.h - one simulated cluster: nodes, jobs, messages, time.  Private to sim/.
 *
 * It does what the live node does, in the same order: a job that is forwarded is a job
 * at each node that it visits, with a decision of its own; a slot that is given back goes
 * to the first that waits before the end of the job is told to the scheduler; an answer
 * carries the load of the node that sends it.
 *
 * A simulation lives on one thread.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "base/random.h"
#include "engine/decision.h"
#include "engine/learning.h"
#include "sim/queue.h"
#include "sim/record.h"
#include "sim/scenario.h"
#include "sim/simulation.h"
#include "sim/workload.h"

struct result;
struct trace;

enum event_kind {
    EV_ARRIVAL,  /* subject: node */
    EV_ASKED,    /* a probe reached the peer; subject: job, slot */
    EV_PROBED,   /* its answer is back; arg: load_pack() */
    EV_TIMER,    /* of a decision */
    EV_TRANSIT,  /* a forwarded job reached the peer */
    EV_ANSWER,   /* the answer to a forward is back; slot: enum visit_end, arg: load_pack() */
    EV_SERVED,   /* the function has ended */
    EV_DEADLINE, /* of a job, wherever it is */
    EV_TICK,     /* subject: node */
    EV_LEARN,    /* subject: node */
    EV_MEASURE,  /* the warm-up is over */
    EV_MESSAGE,  /* subject: message */
    EV_FAULT,    /* arg: index; slot: 1 = it begins */
    EV_VIEWS,    /* the lists of peers follow what is up */
    EV_CHECK     /* is the result precise enough? */
};

enum stage { STAGE_DECIDING, STAGE_QUEUED, STAGE_RUNNING, STAGE_FORWARDED };

/* How a visit ended, as the node that forwarded hears it. */
enum visit_end {
    VISIT_RAN,
    VISIT_REFUSED,     /* it did not run there: no room, or the scheduler's choice */
    VISIT_FAILED,      /* the node went down under it */
    VISIT_LATE,        /* its deadline passed */
    VISIT_UNREACHABLE, /* nobody took it */
};

/* A job at one node. */
struct job {
    struct job *next, *prev; /* open jobs of the node; the pool */
    struct job *queue_next;
    struct job *parent; /* at the node that forwarded it; NULL where it arrived from outside */
    struct job *child;  /* at the node that it was forwarded to, once it is there */
    struct node *node;
    uint32_t token; /* changes whenever what is awaited changes, and with every use of the memory */
    uint8_t stage;  /* enum stage */
    bool measured;  /* arrived while results are taken */
    bool full;      /* refused for want of room */
    bool may_have_run;
    bool answered; /* by the peer that it was forwarded to */
    uint16_t function;
    uint16_t refused_with; /* HTTP status of the scheduler's choice */
    uint64_t id;           /* the same at every node */
    uint64_t arrival_ns;   /* here */
    uint64_t deadline_ns;  /* 0 = none */
    uint64_t service_ns;   /* at speed 1 */
    uint64_t since_ns;     /* in this stage */
    uint64_t ends_ns;      /* while it runs */
    uint64_t rank;
    uint64_t timer_ns; /* of the decision */
    uint32_t timer_round;
    bool timer_set; /* an event is on its way */
    uint32_t forwarded_to, forwards, probes;
    /* Of the node that ran it. */
    uint32_t ran_on;
    uint64_t wait_ns, run_ns, probe_ns;
    struct decision decision; /* its room lies behind the job */
};

/* What a node told, as long as somebody is to hear it late. */
struct load_change {
    uint64_t at_ns;
    uint32_t load, queue;
};
struct load_history {
    uint64_t age_ns;
    struct load_change *change; /* ring; room is a power of two */
    uint32_t first, n, room;
};

struct node {
    struct p2p_node view; /* as the plugin sees it */
    struct simulation *sim;
    struct engine *engine;
    struct job *open;
    struct job *first, **last; /* waiting, by rank */
    struct p2p_peer *peers;    /* as the plugin sees them */
    uint32_t n_peers;
    uint16_t group;
    uint32_t nth;       /* of its group */
    uint8_t downs;      /* faults that keep it down */
    bool listed;        /* in the others' lists */
    uint32_t side;      /* of partitions: see faults.c */
    uint32_t seen_side; /* as the lists know it */
    uint64_t down_ns;   /* since when */
    uint32_t lives;     /* starts of its scheduler */
    float speed;        /* now */
    uint32_t place;     /* in the shared list */
    uint32_t seeds;     /* drawn so far */
    uint64_t busy_ns, jobs;
    struct workload_node jobs_to_come;
    struct arrival next_job;
    struct load_history *history; /* while its load is told late */
};

/* What learners did. */
struct learned {
    uint64_t choices, rewards;
    double reward; /* sum */
};

struct message {
    uint32_t from, to;
    const char *scheduler;
    uint32_t len;
    unsigned char bytes[];
};

struct simulation {
    const struct scenario *scenario;
    struct catalog *catalog;
    uint64_t seed;
    uint64_t now_ns;
    uint64_t measure_from_ns, measure_to_ns;
    struct queue queue;
    uint64_t events;
    struct random random; /* network and faults */
    struct node *nodes;
    uint32_t n_nodes;
    char *names;             /* NAME_STRIDE bytes a node */
    struct p2p_peer *shared; /* every listed node, twice in a row; NULL when views are private */
    uint32_t n_shared;
    uint32_t **neighbours; /* a node's, in order; NULL = all */
    bool all_well;         /* nothing was ever down, or cut off */
    struct workload workload;
    struct job *pool;
    void *chunks;
    size_t room; /* behind a job */
    uint64_t next_job;
    uint64_t decisions;     /* begun */
    uint64_t open_measured; /* of those that results are taken of */
    struct result *result;
    struct trace *trace;
    uint64_t plugin_lines; /* said by plugins */
    uint64_t messages;     /* on their way */
    uint64_t messages_sent;
    struct engine_stats *stats;    /* a group: of the schedulers that were stopped */
    struct learned learned;        /* by learners that were stopped */
    struct learned learned_before; /* by all, in the warm-up */
    bool no_memory;
};

enum { NAME_STRIDE = 40, PLUGIN_LINES_SHOWN = 20, MESSAGES_LIMIT = 1 << 20 };

/* Load and queue of a node in one word; more than 65535 is told as that. */
static inline uint32_t load_pack(uint32_t load, uint32_t queue)
{
    return (load < 0xffff ? load : 0xffff) << 16 | (queue < 0xffff ? queue : 0xffff);
}

static inline void put(struct simulation *s, uint64_t at_ns, enum event_kind kind, uint8_t slot,
                       void *subject, uint32_t token, uint32_t arg)
{
    if (!queue_put(&s->queue, at_ns, (uint8_t)kind, slot, subject, token, arg))
        s->no_memory = true;
}

/* The part of [from, to] in which results are taken. */
static inline uint64_t measured_part(const struct simulation *s, uint64_t from, uint64_t to)
{
    if (from < s->measure_from_ns)
        from = s->measure_from_ns;
    if (to > s->measure_to_ns)
        to = s->measure_to_ns;
    return to > from ? to - from : 0;
}

static inline const char *node_name(const struct simulation *s, uint32_t node)
{
    return s->names + (size_t)node * NAME_STRIDE;
}

/* ---- job.c ---- */
void jobs_release(struct simulation *s);
void job_arrive(struct node *n, const struct arrival *a);
void job_asked(struct job *j, unsigned slot);
void job_probed(struct job *j, unsigned slot, uint32_t load);
void job_timer(struct job *j);
void job_transit(struct job *j);
void job_answered(struct job *j, enum visit_end end, uint32_t load);
void job_served(struct job *j);
void job_late(struct job *j);
/* The node went down: all that is there is lost. */
void jobs_lose(struct node *n);

void sim_run_here(struct decision *d, bool may_wait, uint64_t rank);
void sim_refuse(struct decision *d, uint32_t http_status);
void sim_forward(struct decision *d, uint32_t peer);
void sim_start_probes(struct decision *d, uint32_t round, uint32_t n);
void sim_start_timer(struct decision *d, uint32_t round, uint64_t at);
void sim_stop_waiting(struct decision *d);
void sim_wake(struct decision *d, uint32_t round);

/* ---- slots.c ---- */
void slots_run(struct job *j);
void slots_queue(struct node *n, struct job *j);
void slots_leave(struct node *n, struct job *j);
/* The job does not run any more. */
void slots_give(struct job *j);
/* What is free goes to those who wait. */
void slots_grant(struct node *n);
/* A new speed of the node: what runs ends sooner or later. */
void slots_respeed(struct node *n, float speed);

/* ---- world.c ---- */
int node_start(struct node *n, char err[P2P_ERRLEN]); /* its scheduler */
void node_count(struct node *n); /* adds what its scheduler did to the group's */
void node_stop(struct node *n);
void node_tick(struct node *n);
void node_learn(struct node *n);
/* What all learners did so far. */
struct learned learned_so_far(const struct simulation *s);
/* Writes what the learner of each node knows that is up and has one. */
int learners_save(const struct simulation *s, const char *folder, char err[P2P_ERRLEN]);
void message_arrive(struct simulation *s, struct message *m);

/* ---- network.c ---- */
bool network_reach(const struct node *from, const struct node *to);
uint64_t network_delay(struct simulation *s, const struct node *from, const struct node *to);
bool network_loses(struct simulation *s);
/* Of a whole transfer: delay, repeats, bandwidth. */
uint64_t network_transfer(struct simulation *s, const struct node *from, const struct node *to,
                          int64_t bytes);

/* ---- views.c ---- */
int views_init(struct simulation *s, char err[P2P_ERRLEN]);
void views_release(struct simulation *s);
void views_follow(struct simulation *s);
/* The entry of a peer in the node's own list; NULL when it is not there, or not its own. */
struct p2p_peer *view_of(struct node *n, uint32_t peer);
bool view_has(struct node *n, uint32_t peer);
void view_heard(struct node *n, uint32_t peer, uint32_t load, uint64_t rtt_ns);
void view_inflight(struct node *n, uint32_t peer, int change);
void view_forget(struct node *n); /* all that it heard; nothing of it is out */
/* What the node tells of its load now: load_pack(). */
uint32_t node_tells(struct node *n);
void node_load_changed(struct node *n);

/* ---- faults.c ---- */
void faults_schedule(struct simulation *s);
void fault_happens(struct simulation *s, unsigned index, bool begins);

#endif
