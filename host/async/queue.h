/*
 * queue.h - what of the accepted calls is done when: those to run, and those whose callers
 * are to be told.  Pure: it holds no call, only its row in the store, and the time is the
 * caller's, monotonic nanoseconds.
 *
 *   queue_add ─► waits in a line ─► queue_next ─► at work ─► queue_ended ─► queue_later ─► …
 *                                                                      └──► queue_remove
 *
 * One that is at work counts against its line's limit, and in LINE_RUN against that of its
 * group, the calls of one function, so that none holds up the others.  One that has ended and
 * was not put into a line again waits until its end is on the disk.  One user at a time.
 */
#ifndef HOST_ASYNC_QUEUE_H
#define HOST_ASYNC_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

enum queue_line { LINE_RUN, LINE_CALLBACK, QUEUE_LINES };
enum queue_stage { STAGE_WAITS, STAGE_AT_WORK, STAGE_ENDED };
enum { QUEUE_NAME = 64 };
#define QUEUE_NEVER UINT64_MAX

struct queue_entry {
    int64_t row;         /* in the store */
    int64_t accepted_ms; /* wall clock */
    uint64_t due_ns;
    int64_t bytes;             /* of its line's */
    struct queue_group *group; /* as long as it is */
    uint32_t place;            /* in its heap */
    uint16_t attempts;         /* made in this line */
    uint16_t refusals;         /* in a row: it did not run for want of room */
    uint8_t line, stage;
    UT_hash_handle hh;
};

struct queue_heap {
    struct queue_entry **entry;
    uint32_t n, room;
};

/* There as long as it has entries. */
struct queue_group {
    char name[QUEUE_NAME];
    uint32_t entries;
    struct queue_heap waits[QUEUE_LINES];
    /* Of LINE_RUN: */
    uint32_t at_work, limit; /* at first there is none */
    uint64_t paused_until_ns;
    /* The user's: */
    uint32_t id;      /* at first 0 */
    uint16_t refused; /* in a row */
    UT_hash_handle hh;
};

struct queue_count {
    uint32_t n; /* that wait */
    uint32_t at_work, limit;
    int64_t bytes; /* of its entries, those too that do not wait */
};

struct async_queue {
    struct queue_count line[QUEUE_LINES];
    struct queue_group *groups; /* by name */
    struct queue_entry *by_row;
    uint32_t tried_before; /* of those that wait to run: made an attempt or more */
};

void queue_init(struct async_queue *q);
void queue_release(struct async_queue *q);
/* Entries of all lines and stages. */
uint32_t queue_size(const struct async_queue *q);
int64_t queue_bytes(const struct async_queue *q);

/* Waits in a line from now on, so many attempts made there; NULL when memory is short.  It is
 * the queue's.  Of `group` the first 63 bytes count. */
struct queue_entry *queue_add(struct async_queue *q, int64_t row, const char *group,
                              enum queue_line line, unsigned attempts, uint64_t due_ns);
struct queue_entry *queue_find(const struct async_queue *q, int64_t row);
void queue_set_bytes(struct async_queue *q, struct queue_entry *e, int64_t bytes);

/* The next of that line, now at work; NULL when none is due, or no more may be at work. */
struct queue_entry *queue_next(struct async_queue *q, enum queue_line line, uint64_t now_ns);
/* One that waits is taken out of its line, as if it had ended. */
void queue_withdraw(struct async_queue *q, struct queue_entry *e);
/* It is not at work any more. */
void queue_ended(struct async_queue *q, struct queue_entry *e);
/* One that has ended waits again.  0, or -1: memory. */
int queue_later(struct async_queue *q, struct queue_entry *e, enum queue_line line,
                uint64_t due_ns);
/* One that is not at work is over. */
void queue_remove(struct async_queue *q, struct queue_entry *e);

/* None of that group is next in LINE_RUN before. */
void queue_pause(struct queue_group *g, uint64_t until_ns);
/* When queue_next may have one that it has not now, QUEUE_NEVER when only an end helps. */
uint64_t queue_wakes(const struct async_queue *q, enum queue_line line);

#endif
