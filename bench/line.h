/*
 * line.h - calls that wait for a connection, in order.
 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include "bench/plan.h"

enum { LINE_MAX = 1 << 22 };

/* All-zero is empty. */
struct line {
    struct planned *call; /* a ring; room is a power of two */
    unsigned first, n, room;
};

int line_add(struct line *l, const struct planned *c);  /* 0, or -1: full or no memory */
const struct planned *line_first(const struct line *l); /* NULL: empty */
void line_take(struct line *l);
void line_release(struct line *l);

#endif
