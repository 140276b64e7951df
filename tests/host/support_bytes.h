/*
 * support_bytes.h - texts as buffers.
 */
#ifndef TESTS_SUPPORT_BYTES_H
#define TESTS_SUPPORT_BYTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/buf.h"

/* A copy on the heap of exactly that size: a step beside it is seen. */
static inline struct buf bytes_n(const char *text, size_t n)
{
    struct buf b = {.data = n ? malloc(n) : NULL, .len = n, .cap = n, .limit = n};

    if (n)
        memcpy(b.data, text, n);
    return b;
}

static inline struct buf bytes(const char *text)
{
    return bytes_n(text, strlen(text));
}

static inline void is_text(struct buf *b, const char *wanted)
{
    assert_int_equal(b->len, strlen(wanted));
    if (b->len)
        assert_memory_equal(b->data, wanted, b->len);
}

#endif
