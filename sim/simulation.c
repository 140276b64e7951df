#include "sim/simulation.h"

#include <stdlib.h>
#include <string.h>

#include "sim/model.h"
#include "sim/result.h"

enum {
    LOOK_UP_EVERY = 4096, /* events between looks at the outside */
    MOST_CHECKS = 1000    /* of the precision, in one run */
};

/* A stream of random numbers apart from those of the nodes: workload.c. */
#define STREAM_NETWORK ((uint64_t)1 << 56)

/* ---- set-up ---- */

static void init_node(struct simulation *s, uint32_t id, unsigned group, uint32_t nth)
{
    const struct group_config *g = &s->scenario->group[group];
    struct node *n = &s->nodes[id];

    n->sim = s;
    n->group = (uint16_t)group;
    n->nth = nth;
    n->speed = (float)g->speed;
    n->last = &n->first;
    n->view = (struct p2p_node){.size = sizeof(n->view),
                                .id = id,
                                .slots = (uint32_t)g->slots,
                                .queue_limit = (uint32_t)g->queue};
    workload_start(&n->jobs_to_come, &s->workload, s->seed, id, group, nth);
    snprintf(s->names + (size_t)id * NAME_STRIDE, NAME_STRIDE, "%.28s-%u", g->name, nth);
}

static void schedule_arrival(struct node *n)
{
    struct simulation *s = n->sim;

    if (workload_next(&n->jobs_to_come, &s->workload, &n->next_job))
        put(s, n->next_job.at_ns, EV_ARRIVAL, 0, n, 0, 0);
}

static int init_nodes(struct simulation *s, char *err)
{
    uint32_t id = 0;

    s->n_nodes = s->scenario->n_nodes;
    s->nodes = calloc(s->n_nodes, sizeof(*s->nodes));
    s->names = calloc(s->n_nodes, NAME_STRIDE);
    s->stats = calloc(s->scenario->n_groups, sizeof(*s->stats));
    if (!s->nodes || !s->names || !s->stats) {
        snprintf(err, P2P_ERRLEN, "out of memory for %u nodes", s->n_nodes);
        return -1;
    }
    for (unsigned g = 0; g < s->scenario->n_groups; g++)
        for (uint32_t i = 0; i < s->scenario->group[g].count; i++)
            init_node(s, id++, g, i);
    if (views_init(s, err))
        return -1;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        if (node_start(&s->nodes[i], err))
            return -1;
        schedule_arrival(&s->nodes[i]);
    }
    return 0;
}

/* After each batch, unless those are very many. */
static void check_later(struct simulation *s, uint64_t from_ns)
{
    const struct run_config *run = &s->scenario->run;
    int64_t parts = run->batches < MOST_CHECKS ? run->batches : MOST_CHECKS;

    put(s, from_ns + (uint64_t)(run->length / parts), EV_CHECK, 0, s, 0, 0);
}

static int init(struct simulation *s, const struct simulation_setup *setup, char *err)
{
    const struct run_config *run = &setup->scenario->run;

    *s = (struct simulation){.scenario = setup->scenario,
                             .catalog = setup->catalog,
                             .seed = setup->seed,
                             .result = setup->result,
                             .trace = setup->trace};
    queue_init(&s->queue);
    random_stream(&s->random, s->seed, STREAM_NETWORK);
    s->measure_from_ns = (uint64_t)run->warm_up;
    s->measure_to_ns = s->measure_from_ns + (uint64_t)run->length;
    if (workload_init(&s->workload, s->scenario, s->seed, err) || init_nodes(s, err))
        return -1;
    faults_schedule(s);
    put(s, s->measure_from_ns, EV_MEASURE, 0, s, 0, 0);
    if (run->target > 0)
        check_later(s, s->measure_from_ns);
    return 0;
}

static void release(struct simulation *s)
{
    struct event e;

    /* Those that are open have not failed, they are only not seen to their end. */
    s->result = NULL;
    s->trace = NULL;
    for (uint32_t i = 0; s->nodes && i < s->n_nodes; i++)
        jobs_lose(&s->nodes[i]);
    for (uint32_t i = 0; s->nodes && i < s->n_nodes; i++) {
        node_stop(&s->nodes[i]);
        if (s->nodes[i].history)
            free(s->nodes[i].history->change);
        free(s->nodes[i].history);
    }
    while (queue_take(&s->queue, &e))
        if (event_kind(&e) == EV_MESSAGE)
            free(e.subject);
    if (s->nodes)
        views_release(s);
    workload_release(&s->workload);
    jobs_release(s);
    queue_release(&s->queue);
    free(s->stats);
    free(s->names);
    free(s->nodes);
}

/* ---- events ---- */

static void node_event(struct simulation *s, const struct event *e)
{
    struct node *n = e->subject;

    (void)s;
    if (event_kind(e) == EV_TICK) {
        if (e->token == n->lives)
            node_tick(n);
        return;
    }
    if (event_kind(e) == EV_LEARN) {
        if (e->token == n->lives)
            node_learn(n);
        return;
    }
    job_arrive(n, &n->next_job);
    schedule_arrival(n);
}

static void job_event(const struct event *e)
{
    struct job *j = e->subject;

    if (e->token != j->token)
        return;
    switch ((enum event_kind)event_kind(e)) {
    case EV_ASKED:
        job_asked(j, event_slot(e));
        break;
    case EV_PROBED:
        job_probed(j, event_slot(e), e->arg);
        break;
    case EV_TIMER:
        job_timer(j);
        break;
    case EV_TRANSIT:
        job_transit(j);
        break;
    case EV_ANSWER:
        job_answered(j, (enum visit_end)event_slot(e), e->arg);
        break;
    case EV_SERVED:
        job_served(j);
        break;
    default:
        job_late(j);
        break;
    }
}

/* What is precise enough ends as what has run its length: its jobs are seen to their end. */
static void check(struct simulation *s)
{
    if (s->now_ns >= s->measure_to_ns)
        return;
    if (result_precise_enough(s->result, s->scenario->run.target))
        s->measure_to_ns = s->now_ns;
    else
        check_later(s, s->now_ns);
}

static void handle(struct simulation *s, const struct event *e)
{
    switch ((enum event_kind)event_kind(e)) {
    case EV_ARRIVAL:
    case EV_TICK:
    case EV_LEARN:
        node_event(s, e);
        break;
    case EV_MEASURE:
        s->learned_before = learned_so_far(s);
        break;
    case EV_MESSAGE:
        message_arrive(s, e->subject);
        break;
    case EV_FAULT:
        fault_happens(s, e->arg, event_slot(e));
        break;
    case EV_VIEWS:
        views_follow(s);
        break;
    case EV_CHECK:
        check(s);
        break;
    default:
        job_event(e);
    }
}

/* Results are taken of jobs that arrive in the time for it, so it goes on until they have
 * ended; those that take as long again are given up. */
static bool is_over(const struct simulation *s)
{
    uint64_t length = s->measure_to_ns - s->measure_from_ns;

    return s->no_memory || (s->now_ns >= s->measure_to_ns &&
                            (s->open_measured == 0 || s->now_ns >= s->measure_to_ns + length));
}

static int drive(struct simulation *s, const struct simulation_setup *setup, char *err)
{
    struct event e;

    while (!is_over(s) && queue_take(&s->queue, &e)) {
        s->now_ns = e.at_ns;
        handle(s, &e);
        if (++s->events % LOOK_UP_EVERY)
            continue;
        if (setup->done_ns)
            *setup->done_ns = s->now_ns;
        if (setup->cancelled && *setup->cancelled) {
            snprintf(err, P2P_ERRLEN, "interrupted");
            return -1;
        }
    }
    if (s->no_memory) {
        snprintf(err, P2P_ERRLEN, "out of memory at %.3f s of virtual time",
                 (double)s->now_ns / 1e9);
        return -1;
    }
    /* That nothing happens any more does not end the time that is measured. */
    if (s->now_ns < s->measure_to_ns)
        s->now_ns = s->measure_to_ns;
    return 0;
}

/* ---- results that are not of one job ---- */

static void add_misbehaviour(struct simulation *s, unsigned group)
{
    const struct engine_stats *stats = &s->stats[group];

    for (unsigned i = 0; i < MISBEHAVED_KINDS; i++)
        if (stats->misbehaved[i])
            result_misbehaved(s->result, s->scenario->group[group].plugin,
                              misbehaviour_name((enum misbehaviour)i), stats->misbehaved[i]);
}

static void take_results(struct simulation *s)
{
    struct learned l = learned_so_far(s);

    result_learned(s->result, l.choices - s->learned_before.choices,
                   l.rewards - s->learned_before.rewards, l.reward - s->learned_before.reward);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        struct node *n = &s->nodes[i];

        for (const struct job *j = n->open; j; j = j->next)
            if (j->stage == STAGE_RUNNING)
                n->busy_ns += measured_part(s, j->since_ns, s->now_ns);
        result_node(s->result, i, n->busy_ns, n->jobs);
    }
}

int simulation_run(const struct simulation_setup *setup, struct simulation_cost *cost,
                   char err[P2P_ERRLEN])
{
    struct simulation s;
    int rc = init(&s, setup, err);

    if (rc == 0)
        rc = drive(&s, setup, err);
    if (rc == 0) {
        take_results(&s);
        for (uint32_t i = 0; i < s.n_nodes; i++)
            node_count(&s.nodes[i]);
        for (unsigned g = 0; g < s.scenario->n_groups; g++)
            add_misbehaviour(&s, g);
        if (s.open_measured)
            result_count(s.result, "jobs without an end", s.open_measured);
        if (s.messages_sent)
            result_count(s.result, "messages between schedulers", s.messages_sent);
        if (result_end(s.result, s.measure_to_ns)) {
            snprintf(err, P2P_ERRLEN, "out of memory for the results");
            rc = -1;
        }
        if (rc == 0 && setup->learners)
            rc = learners_save(&s, setup->learners, err);
    }
    if (cost)
        *cost = (struct simulation_cost){s.events, s.next_job, s.now_ns};
    release(&s);
    return rc;
}
