#include "host/slots.h"

#include <stddef.h>

void slots_init(struct slots *s, uint32_t limit, uint32_t queue_limit)
{
    s->limit = limit;
    s->queue_limit = queue_limit;
    s->queue_enabled = true;
    s->running = 0;
    s->queued = 0;
    s->first = NULL;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
}

void slots_release(struct slots *s)
{
    pthread_mutex_destroy(&s->lock);
}

static void run_granted(struct task *t)
{
    struct slot_waiter *w = (struct slot_waiter *)t;

    w->granted(w);
}

static bool is_taken(const struct slot_share *share)
{
    return share && share->limit && share->running >= share->limit;
}

/* Under lock. */
static void begin(struct slots *s, struct slot_share *share)
{
    s->running++;
    if (share)
        share->running++;
}

/* Under lock: the waiter that *at points to leaves the queue. */
static void unlink_waiter(struct slots *s, struct slot_waiter **at)
{
    struct slot_waiter *w = *at;

    *at = w->next;
    if (!w->next)
        s->last = at;
    s->queued--;
}

/* Under lock: hands free slots to those who wait. */
static void grant(struct slots *s)
{
    struct slot_waiter **at = &s->first;

    while (*at && s->running < s->limit) {
        struct slot_waiter *w = *at;

        if (is_taken(w->share)) {
            at = &w->next;
            continue;
        }
        unlink_waiter(s, at);
        begin(s, w->share);
        w->task.run = run_granted;
        reactor_post(w->home, &w->task);
    }
}

void slots_configure(struct slots *s, uint32_t limit, uint32_t queue_limit, bool queue_enabled)
{
    pthread_mutex_lock(&s->lock);
    s->limit = limit;
    s->queue_limit = queue_limit;
    s->queue_enabled = queue_enabled;
    grant(s);
    pthread_mutex_unlock(&s->lock);
}

void slots_limit_share(struct slots *s, struct slot_share *share, uint32_t limit)
{
    pthread_mutex_lock(&s->lock);
    share->limit = limit;
    grant(s);
    pthread_mutex_unlock(&s->lock);
}

static const struct slot_waiter *last_of(const struct slots *s)
{
    return s->first ? (const struct slot_waiter *)((const char *)s->last -
                                                   offsetof(struct slot_waiter, next))
                    : NULL;
}

/* Under lock.  Most schedulers give all jobs one rank: then the end of the queue is it. */
static void queue_up(struct slots *s, struct slot_waiter *w)
{
    struct slot_waiter **at = &s->first;
    const struct slot_waiter *last = last_of(s);

    if (last && last->rank <= w->rank)
        at = s->last;
    while (*at && (*at)->rank <= w->rank)
        at = &(*at)->next;
    w->next = *at;
    *at = w;
    if (!w->next)
        s->last = &w->next;
    s->queued++;
}

enum slot_answer slots_take(struct slots *s, struct slot_waiter *w, bool may_wait)
{
    enum slot_answer answer = SLOT_NONE;

    pthread_mutex_lock(&s->lock);
    if (s->running < s->limit && !is_taken(w->share)) {
        begin(s, w->share);
        answer = SLOT_TAKEN;
    } else if (may_wait && s->queue_enabled && s->queued < s->queue_limit) {
        queue_up(s, w);
        answer = SLOT_QUEUED;
    }
    pthread_mutex_unlock(&s->lock);
    return answer;
}

void slots_give(struct slots *s, struct slot_share *share)
{
    pthread_mutex_lock(&s->lock);
    s->running--;
    if (share)
        share->running--;
    grant(s);
    pthread_mutex_unlock(&s->lock);
}

bool slots_leave(struct slots *s, struct slot_waiter *w)
{
    struct slot_waiter **at;
    bool found = false;

    pthread_mutex_lock(&s->lock);
    for (at = &s->first; *at; at = &(*at)->next)
        if (*at == w) {
            unlink_waiter(s, at);
            found = true;
            break;
        }
    pthread_mutex_unlock(&s->lock);
    return found;
}
