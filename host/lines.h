/*
 * lines.h - what the instances of a function wrote, line by line: the last of it, for
 * readers that come at any time and may wait for more.
 *
 *   lines_feed ─► lines_put ─► the last 4096 lines, 256 KB at most ─► lines_next ─► a reader
 *
 * Nothing waits for a reader: one that is too slow misses lines and is told how many.  A
 * source that can wait has a feeder, which is told when to go on.
 *
 * [any thread], but a reader and a writer belong to one thread each.
 */
#ifndef HOST_LINES_H
#define HOST_LINES_H

#include "host/buf.h"
#include "host/reactor.h"

enum {
    LINES_TEXT = 4096, /* bytes of a line; the rest of it is cut off */
    LINES_INSTANCE = 16,
    LINES_MOST = 4096,
    LINES_BYTES = 256 << 10
};

struct line {
    int64_t when_ns;               /* since 1970 */
    char instance[LINES_INSTANCE]; /* who wrote it */
    char text[LINES_TEXT + 8];     /* UTF-8, without the line's end */
};

/* ---- the lines of one function ---- */

struct lines;

/* One that can wait; embedded in its owner. */
struct lines_feeder {
    struct reactor *home;
    /* The reader has room again, or has left.  [home thread] */
    void (*turn)(struct lines_feeder *f);
    /* Private, under the lines' lock. */
    struct task task;
    struct lines *of;
    bool posted, waits;
};

/* With one reference; `feeder` may be NULL.  NULL when memory is short. */
struct lines *lines_new(struct lines_feeder *feeder);
struct lines *lines_ref(struct lines *l);
void lines_unref(struct lines *l); /* may be NULL */
/* The text is cut and cleaned; "" is a line too. */
void lines_put(struct lines *l, int64_t when_ns, const char *instance, const char *text,
               size_t len);
/* No more come; readers end when they have read what is there.  True when a turn of the
 * feeder is still on its way; it has no others. */
bool lines_end(struct lines *l);

/* For the feeder: is more than half of the room unread?  Then its turn comes when there is
 * room again. */
bool lines_wait(struct lines *l);
/* Was it read once and is not any more? */
bool lines_are_left(struct lines *l);

/* ---- bytes into lines ---- */

struct lines_writer {
    struct lines *to;
    char instance[LINES_INSTANCE];
    struct buf text; /* of the line that has not ended */
};
void lines_writer_init(struct lines_writer *w, struct lines *to);
void lines_feed(struct lines_writer *w, const char *bytes, size_t n);
/* What was begun is a line. */
void lines_writer_end(struct lines_writer *w);

/* ---- reading ---- */

struct lines_wanted {
    char instance[LINES_INSTANCE]; /* "" = of all */
    int64_t since_ns;              /* not older; 0 = all */
    int64_t tail;                  /* at most so many that are there already; 0 = all */
    bool follow;                   /* wait for more */
};

struct lines_reader;

/* `ready` is called on that reactor's thread when there is more after a LINES_NONE, and not
 * after lines_close.  NULL when memory is short. */
struct lines_reader *lines_open(struct lines *l, const struct lines_wanted *w, struct reactor *home,
                                void (*ready)(void *owner), void *owner);
void lines_close(struct lines_reader *r); /* may be NULL */

enum lines_result {
    LINES_NONE,   /* none now */
    LINES_LINE,   /* *out is the next */
    LINES_MISSED, /* *missed lines were too old to be kept */
    LINES_OVER
};
enum lines_result lines_next(struct lines_reader *r, struct line *out, uint64_t *missed);

#endif
