/*
 * fuzz_original.c - any bytes as what a node of the original P2PFaaS sends: the first
 * byte says whether they are a call or a reply.  Nothing may pass a limit; what was
 * read and is written again must be read as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/original.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1024 };

static void must(int condition)
{
    if (!condition)
        abort();
}

static int same_bytes(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void call(const struct buf *json)
{
    struct buf payload = {.limit = MOST}, again = {.limit = original_limit(MOST)};
    struct buf back = {.limit = MOST};
    struct original_call read, second;

    switch (original_read_call(json, &read, &payload)) {
    case ORIGINAL_OK:
        must(payload.len <= MOST && read.hops >= 1);
        must(strnlen(read.content_type, ORIGINAL_TYPE) < ORIGINAL_TYPE);
        must(original_write_call(&again, &read, &payload) == 0);
        must(original_read_call(&again, &second, &back) == ORIGINAL_OK);
        must(same_bytes(&payload, &back) && second.hops == read.hops);
        break;
    case ORIGINAL_MALFORMED:
    case ORIGINAL_TOO_LARGE:
        must(payload.len == 0);
        break;
    }
    buf_release(&payload);
    buf_release(&again);
    buf_release(&back);
}

static void reply(const struct buf *json)
{
    static struct original_reply read, second;
    struct buf body = {.limit = MOST}, again = {.limit = original_limit(MOST)};
    struct buf back = {.limit = MOST};
    char err[P2P_ERRLEN] = "";

    if (original_read_reply(json, &read, &body, err) == 0) {
        must(read.n_peers >= 1 && read.n_peers <= ORIGINAL_PEERS && body.len <= MOST);
        must(original_write_reply(&again, &read, &body, 200) == 0);
        must(original_read_reply(&again, &second, &back, err) == 0);
        must(same_bytes(&body, &back) && second.n_peers == read.n_peers);
        must(original_is_refusal(&read, &body) == original_is_refusal(&second, &back));
    } else {
        must(err[0] && strnlen(err, sizeof(err)) < sizeof(err));
    }
    buf_release(&body);
    buf_release(&again);
    buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf json = {.limit = size};

    if (size < 1)
        return 0;
    must(buf_append(&json, data + 1, size - 1) == 0);
    if (data[0] == 'c')
        call(&json);
    else
        reply(&json);
    buf_release(&json);
    return 0;
}
