#include "rl_book.h"

#include <string.h>

/* ---- types ---- */

bool rl_book_name(struct rl_book *b, const char *name)
{
    size_t length = strlen(name);

    if (b->n_named == b->types || length == 0 || length >= RL_NAME)
        return false;
    for (uint32_t i = 0; i < b->n_named; i++)
        if (strcmp(b->function[i].name, name) == 0)
            return false;
    b->function[b->n_named].id = P2P_NONE;
    memcpy(b->function[b->n_named++].name, name, length + 1);
    return true;
}

int rl_book_name_all(struct rl_book *b, const char *names, char *err)
{
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, ",");
        char name[RL_NAME];

        snprintf(name, sizeof(name), "%.*s", n < RL_NAME ? (int)n : 0, at);
        if (!rl_book_name(b, name)) {
            snprintf(err, P2P_ERRLEN,
                     "functions is '%.80s', where '%.*s' cannot be a type; allowed: at most "
                     "task_types, which is %u, different names with commas between them",
                     names, n < 60 ? (int)n : 60, at, b->types);
            return -1;
        }
        at += n + (at[n] == ',');
    }
    return 0;
}

uint32_t rl_book_type(struct rl_book *b, const struct p2p_request *rq)
{
    bool awaited = b->n_named < b->types;
    const char *name;

    if (b->types == 1)
        return 0;
    if (rq->flags & P2P_RQ_TYPED && P2P_HAS(rq, task_type))
        return rq->task_type < b->types ? rq->task_type : b->types - 1;
    for (uint32_t i = 0; i < b->n_named; i++) {
        if (b->function[i].id == rq->function)
            return i;
        awaited = awaited || b->function[i].id == P2P_NONE;
    }
    name = awaited ? rq->host->function_name(rq->host, rq->function) : NULL;
    if (!name)
        return b->types - 1;
    for (uint32_t i = 0; i < b->n_named; i++) {
        if (strcmp(b->function[i].name, name) != 0)
            continue;
        b->function[i].id = rq->function;
        return i;
    }
    if (!rl_book_name(b, name))
        return b->types - 1;
    b->function[b->n_named - 1].id = rq->function;
    return b->n_named - 1;
}

/* ---- jobs ---- */

static struct rl_job *job_of(struct rl_book *b, uint32_t number)
{
    return &b->job[number - 1];
}

uint32_t rl_book_enter(struct rl_book *b, uint32_t type)
{
    uint32_t number = b->free;

    if (number)
        b->free = job_of(b, number)->after;
    else if (b->n_used < RL_ROOM)
        number = ++b->n_used;
    else
        return 0;
    *job_of(b, number) = (struct rl_job){.before = b->newest, .type = type};
    if (b->newest)
        job_of(b, b->newest)->after = number;
    else
        b->oldest = number;
    b->newest = number;
    if (!b->first_waiting)
        b->first_waiting = number;
    b->waiting[type]++;
    b->n_waiting++;
    return number;
}

void rl_book_leave(struct rl_book *b, uint32_t number)
{
    struct rl_job *j = job_of(b, number);

    if (j->running) {
        b->running[j->type]--;
        b->n_running--;
    } else {
        b->waiting[j->type]--;
        b->n_waiting--;
    }
    if (b->first_waiting == number)
        b->first_waiting = j->after;
    *(j->before ? &job_of(b, j->before)->after : &b->oldest) = j->after;
    *(j->after ? &job_of(b, j->after)->before : &b->newest) = j->before;
    j->after = b->free;
    b->free = number;
}

static void turn(struct rl_book *b, struct rl_job *j, bool running)
{
    j->running = running;
    if (running) {
        b->waiting[j->type]--;
        b->n_waiting--;
        b->running[j->type]++;
        b->n_running++;
    } else {
        b->running[j->type]--;
        b->n_running--;
        b->waiting[j->type]++;
        b->n_waiting++;
    }
}

/* The oldest `n` run, all others wait. */
static void settle(struct rl_book *b, uint32_t n)
{
    while (b->n_running < n && b->first_waiting) {
        struct rl_job *j = job_of(b, b->first_waiting);

        turn(b, j, true);
        b->first_waiting = j->after;
    }
    while (b->n_running > n) {
        uint32_t last = b->first_waiting ? job_of(b, b->first_waiting)->before : b->newest;

        turn(b, job_of(b, last), false);
        b->first_waiting = last;
    }
}

static float less(uint32_t all, uint32_t known)
{
    return all > known ? (float)(all - known) : 0;
}

void rl_book_count(struct rl_book *b, const struct p2p_node *node, float *running, float *waiting)
{
    uint64_t here = (uint64_t)node->load + node->queue, mine = b->n_running + b->n_waiting;
    uint64_t others = here > mine ? here - mine : 0;

    settle(b, node->load > others ? (uint32_t)(node->load - others) : 0);
    for (uint32_t t = 0; t < b->types; t++) {
        running[t] = (float)b->running[t];
        waiting[t] = (float)b->waiting[t];
    }
    running[0] += less(node->load, b->n_running);
    waiting[0] += less(node->queue, b->n_waiting);
}
