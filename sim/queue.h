/*
 * queue.h - the events to come, in order of time; of equal times the one that was put
 * first comes first, so that a run is the same however it is driven.
 *
 * A 4-ary heap of 32-byte entries: its depth is half of a binary one's and the four
 * children that are compared lie in two cache lines.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
    uint64_t at_ns;
    uint64_t order; /* the queue's: number << 16 | kind << 8 | slot */
    void *subject;
    uint32_t token; /* of the subject when the event was put: an old one is void */
    uint32_t arg;
};

struct queue {
    struct event *heap;
    size_t n, room;
    uint64_t put; /* events so far */
};

void queue_init(struct queue *q);
void queue_release(struct queue *q);

/* False when memory is short. */
bool queue_put(struct queue *q, uint64_t at_ns, uint8_t kind, uint8_t slot, void *subject,
               uint32_t token, uint32_t arg);
/* False when it is empty. */
bool queue_take(struct queue *q, struct event *out);

static inline uint8_t event_kind(const struct event *e)
{
    return (uint8_t)(e->order >> 8);
}
static inline uint8_t event_slot(const struct event *e)
{
    return (uint8_t)e->order;
}

#endif
