#include "sim/queue.h"

#include <stdlib.h>
#include <string.h>

enum { ARITY = 4, FIRST_ROOM = 1024 };

void queue_init(struct queue *q)
{
    memset(q, 0, sizeof(*q));
}

void queue_release(struct queue *q)
{
    free(q->heap);
    queue_init(q);
}

static inline bool before(const struct event *a, const struct event *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

static bool grow(struct queue *q)
{
    size_t room = q->room ? q->room * 2 : FIRST_ROOM;
    struct event *heap = reallocarray(q->heap, room, sizeof(*heap));

    if (!heap)
        return false;
    q->heap = heap;
    q->room = room;
    return true;
}

bool queue_put(struct queue *q, uint64_t at_ns, uint8_t kind, uint8_t slot, void *subject,
               uint32_t token, uint32_t arg)
{
    struct event e = {at_ns, q->put++ << 16 | (uint64_t)kind << 8 | slot, subject, token, arg};
    size_t i = q->n;

    if (q->n == q->room && !grow(q))
        return false;
    q->n++;
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;

        if (!before(&e, &q->heap[parent]))
            break;
        q->heap[i] = q->heap[parent];
        i = parent;
    }
    q->heap[i] = e;
    return true;
}

/* The first of the children of i; n or more when there is none. */
static inline size_t first_child(const struct queue *q, size_t i)
{
    size_t child = i * ARITY + 1, end = child + ARITY, best = child;

    if (end > q->n)
        end = q->n;
    for (size_t k = child + 1; k < end; k++)
        if (before(&q->heap[k], &q->heap[best]))
            best = k;
    return best;
}

bool queue_take(struct queue *q, struct event *out)
{
    struct event last;
    size_t i = 0;

    if (q->n == 0)
        return false;
    *out = q->heap[0];
    last = q->heap[--q->n];
    for (;;) {
        size_t child = first_child(q, i);

        if (child >= q->n || !before(&q->heap[child], &last))
            break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    if (q->n)
        q->heap[i] = last;
    return true;
}
