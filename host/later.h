/*
 * later.h - answers that a handler cannot give at once, because they need a disk, another
 * thread or another server.
 *
 *   handler ─► later_begin ─► later_move ─► work, on the thread that it needs ─► … ─► later_answer
 *
 * From later_begin on the exchange is its owner's: request and response are touched by one
 * thread at a time, the one that has it now.  What hangs on the connection (headers of a
 * request to a ROUTE_ANSWER) is only there inside the handler.  Each later_begin is followed
 * by one later_answer, even if the client has gone.
 *
 * A node that stops begins no more of them (ROUTE_TO_THE_END in host/route.h), and its threads
 * end after the last later_answer, whatever node.stop_timeout is.
 */
#ifndef HOST_LATER_H
#define HOST_LATER_H

#include "host/exchange.h"

/* Inside route->answer.  `gone` is called at most once, on the shard's thread, when nobody
 * waits any more: the client hung up, or the node stops; NULL = work that ends within seconds
 * anyway.
 * x->later.held is for the owner's memory. */
void later_begin(struct exchange *x, void (*gone)(struct exchange *x));
/* Goes on with `work` on that reactor's thread.  [the thread that has it] */
void later_move(struct exchange *x, struct reactor *to, void (*work)(struct exchange *x));
/* The response is complete.  [the thread that has it] */
void later_answer(struct exchange *x);

/* Tells the owner of one that nobody waits for it.  [shard's thread] */
void later_gone(struct exchange *x);
/* Tells the owners whose clients have hung up; all of them when the node stops.
 * [shard's thread] */
void later_sweep(struct shard *s, bool stopping);

#endif
