/*
 * stream.h - an answer whose body comes piece by piece, for as long as there is something to
 * say.  Its connection is suspended while there is nothing.
 *
 *   stream_attach ─► the answer begins ─► read … read: 0 ─► stream_wake ─► read … ─► over
 *
 * It ends when read says so; when the client hung up, which is looked for every 100 ms; when
 * the client takes nothing for limits.idle_timeout; and at once when the node stops.
 *
 * [shard's thread], but for stream_attach.
 */
#ifndef HOST_STREAM_H
#define HOST_STREAM_H

#include "host/exchange.h"

struct MHD_Response;

enum { STREAMS_MOST = 128 }; /* of a node */

/* Embedded in its owner's memory. */
struct stream {
    /* Copies 1 to `size` bytes and returns how many; 0: none now, -1: that was all. */
    ssize_t (*read)(struct stream *s, char *to, size_t size);
    /* Nobody reads any more: the last call, exactly once. */
    void (*over)(struct stream *s);
    /* The node stops: read is to finish the line that it began, then to return -1. */
    bool stopping;
    /* Private. */
    struct exchange *x;
    struct stream *next, *prev;
    bool linked, quiet, gone;
    uint64_t stopped_ns;
};

/* Makes it the body of the answer; before the answer is complete, by the thread that has the
 * exchange.  -1, and it is not called, when the node has too many. */
int stream_attach(struct exchange *x, struct stream *s);
/* There is more after a 0, or the end; harmless otherwise. */
void stream_wake(struct stream *s);

/* For ingress.c, listener.c and shard.c. */
struct MHD_Response *stream_response(struct exchange *x); /* NULL when memory is short */
void stream_over(struct exchange *x);
void streams_sweep(struct shard *s);
void streams_stop(struct shard *s);

#endif
