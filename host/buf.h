/*
 * buf.h - a growing byte buffer with a hard cap, so that no unbounded buffer can exist.
 *
 * Invariants: len <= cap <= limit; data is NULL only while cap is 0; the bytes
 * are not zero-terminated unless buf_text was asked.  Not thread-safe.
 *
 * Life: buf_init(limit) → append … → buf_clear (keeps memory) or buf_release.
 */
#ifndef HOST_BUF_H
#define HOST_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len, cap, limit;
};

void buf_init(struct buf *b, size_t limit);
void buf_release(struct buf *b); /* frees; the limit stays */
void buf_clear(struct buf *b);   /* len = 0 */
/* Gives memory above `keep` bytes back; for objects that are pooled. */
void buf_trim(struct buf *b, size_t keep);

/* Makes room for n more bytes: 0, or -1 when that passes the limit or memory is short. */
int buf_reserve(struct buf *b, size_t n);
/* All: 0, or -1 with the buffer unchanged. */
int buf_append(struct buf *b, const void *bytes, size_t n);
int buf_puts(struct buf *b, const char *text);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Zero-terminates (not counted in len) and returns data; NULL when it cannot. */
const char *buf_text(struct buf *b);

#endif
