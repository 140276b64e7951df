#include "host/later.h"

#include <utlist.h>

#include "host/ingress.h"
#include "host/job.h"

/* Those at work are in one list of their shard, by the links that open jobs use. */
void later_begin(struct exchange *x, void (*gone)(struct exchange *x))
{
    struct job *j = (struct job *)x;

    x->later.waits = true;
    x->later.gone = gone;
    DL_PREPEND(x->shard->later, j);
}

static void on_moved(struct task *t)
{
    struct exchange *x = (struct exchange *)((char *)t - offsetof(struct exchange, later.task));

    x->later.work(x);
}

void later_move(struct exchange *x, struct reactor *to, void (*work)(struct exchange *x))
{
    x->later.work = work;
    x->later.task.run = on_moved;
    reactor_post(to, &x->later.task);
}

static void end(struct exchange *x)
{
    struct job *j = (struct job *)x;

    DL_DELETE(x->shard->later, j);
    x->later.waits = false;
    x->later.gone = NULL;
    x->close |= x->shard->node->stopping;
    ingress_count_answer(x);
    ingress_answer(x);
    shard_end_if_idle(x->shard);
}

void later_answer(struct exchange *x)
{
    later_move(x, &x->shard->reactor, end);
}

void later_gone(struct exchange *x)
{
    void (*gone)(struct exchange *) = x->later.gone;

    x->later.gone = NULL;
    if (gone)
        gone(x);
}

void later_sweep(struct shard *s, bool stopping)
{
    struct job *j, *next;

    DL_FOREACH_SAFE(s->later, j, next)
    {
        if (j->x.later.gone && (stopping || ingress_client_gone(&j->x)))
            later_gone(&j->x);
    }
}
