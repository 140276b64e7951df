/*
 * program_line.c - who is served by a function's program, and who waits for it.
 */
#include <utlist.h>

#include "host/runtimes/program_private.h"

/* ---- the line, under the lock ---- */

static void line_remove(struct program *p, struct served_waiter *w)
{
    DL_DELETE(p->line, w);
    w->in_line = false;
}

void program_line_call(struct program *p, bool failed)
{
    struct served_waiter *w;

    while ((w = p->line)) {
        line_remove(p, w);
        w->failed = failed;
        w->endpoint = p->endpoint;
        w->cold = p->cold;
        p->calls += !failed;
        reactor_post(w->home, &w->turn);
    }
}

void program_line_want(struct program *p)
{
    if (p->wanted_posted)
        return;
    p->wanted_posted = true;
    reactor_post(p->home, &p->wanted);
}

/* ---- the supply ---- */

static const struct function_config *program_config(const struct program *p)
{
    return p->config;
}

/* Under the lock: a call came, and what was wished before is over. */
static void note_call(struct program *p)
{
    p->retires = false;
    p->kept |= p->config->start == FUNCTION_AHEAD;
}

static bool program_take(struct program *p, struct served_waiter *w)
{
    bool ready;

    pthread_mutex_lock(&p->lock);
    ready = p->state == READY;
    w->endpoint = p->endpoint;
    p->calls += ready;
    note_call(p);
    pthread_mutex_unlock(&p->lock);
    return ready;
}

static void program_timed_out(struct program *p)
{
    if (++p->timeouts < PROGRAM_TIMEOUTS)
        return;
    pthread_mutex_lock(&p->lock);
    if (p->state == READY && !p->hung_posted) {
        p->hung_posted = true;
        reactor_post(p->home, &p->hung);
    }
    pthread_mutex_unlock(&p->lock);
}

static void program_give(struct program *p, struct served_waiter *w, enum place_use how)
{
    (void)w;
    pthread_mutex_lock(&p->lock);
    p->calls--;
    if (p->retires && p->calls == 0)
        program_line_want(p);
    pthread_mutex_unlock(&p->lock);
    if (how == PLACE_TIMED_OUT)
        program_timed_out(p);
    else if (how == PLACE_ANSWERED && p->timeouts)
        p->timeouts = 0;
}

static bool program_wait(struct program *p, struct served_waiter *w)
{
    bool cold = false;

    pthread_mutex_lock(&p->lock);
    DL_APPEND(p->line, w);
    w->in_line = true;
    note_call(p);
    if (p->state == READY)
        program_line_call(p, false);
    else if (p->state == BACK_OFF && p->strikes >= PROGRAM_STRIKES)
        program_line_call(p, true);
    else
        cold = true;
    if (p->state == STOPPED)
        program_line_want(p);
    pthread_mutex_unlock(&p->lock);
    return cold;
}

static bool program_leave(struct program *p, struct served_waiter *w)
{
    bool was_in_line;

    pthread_mutex_lock(&p->lock);
    was_in_line = w->in_line;
    if (was_in_line)
        line_remove(p, w);
    pthread_mutex_unlock(&p->lock);
    return was_in_line;
}

static int program_why(struct program *p, char out[P2P_ERRLEN])
{
    pthread_mutex_lock(&p->lock);
    snprintf(out, P2P_ERRLEN, "%s", p->why[0] ? p->why : "the program did not become ready");
    pthread_mutex_unlock(&p->lock);
    return 502;
}

const struct supply program_supply = {
    .config = program_config,
    .take = program_take,
    .wait = program_wait,
    .leave = program_leave,
    .give = program_give,
    .why = program_why,
};
