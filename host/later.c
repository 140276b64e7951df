#include "host/later.h"

#include "host/ingress.h"
#include "host/job.h"
#include "host/route.h"

/* Those at work are in one list of their shard, by the links that open jobs use. */
static void link_later(struct job *j)
{
    struct shard *s = j->x.shard;

    j->prev = NULL;
    j->next = s->later;
    if (j->next)
        j->next->prev = j;
    s->later = j;
}

static void unlink_later(struct job *j)
{
    if (j->prev)
        j->prev->next = j->next;
    else
        j->x.shard->later = j->next;
    if (j->next)
        j->next->prev = j->prev;
}

void later_begin(struct exchange *x, void (*gone)(struct exchange *x))
{
    x->later.waits = true;
    x->later.gone = gone;
    link_later((struct job *)x);
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
    unlink_later((struct job *)x);
    x->later.waits = false;
    x->later.gone = NULL;
    x->close |= x->shard->node->stopping;
    if (x->route->kind == ROUTE_ANSWER && x->response.status >= 400 && x->response.status < 500)
        metrics_count(&x->shard->metrics, COUNT_BAD_REQUESTS);
    ingress_answer(x);
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

    for (j = s->later; j; j = next) {
        next = j->next;
        if (j->x.later.gone && (stopping || ingress_client_gone(&j->x)))
            later_gone(&j->x);
    }
}
