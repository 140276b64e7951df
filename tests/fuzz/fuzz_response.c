/*
 * fuzz_response.c - any bytes as the answer of a function or a peer.  The first
 * byte says in what pieces they come.  However they are cut, they must mean the
 * same, pass no limit, and let nothing through that belongs to one connection.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As in connection_open. */
enum { NAME_MOST = 1024, VALUE_MOST = 64 << 10 };

static const struct http_limits limits = {.headers = 512, .body = 1024};

struct answer {
    struct connection c;
    struct call call;
    struct http_response response;
    int rc;
    size_t unread;
};

static void must(int condition)
{
    if (!condition)
        abort();
}

static void init(struct answer *a, int drop)
{
    memset(a, 0, sizeof(*a));
    http_response_init(&a->response, &limits);
    buf_init(&a->c.name, NAME_MOST);
    buf_init(&a->c.value, VALUE_MOST);
    buf_init(&a->c.nominated, VALUE_MOST);
    a->call.response = drop ? NULL : &a->response;
    a->c.call = &a->call;
    connection_init_parser(&a->c);
}

static void release(struct answer *a)
{
    http_response_release(&a->response);
    buf_release(&a->c.name);
    buf_release(&a->c.value);
    buf_release(&a->c.nominated);
}

/* Pieces of 1 to `most` bytes, or one piece when most is 0; each is a copy of its
 * own, so that a byte too far is seen. */
static void feed(struct answer *a, const uint8_t *data, size_t size, uint32_t seed, size_t most)
{
    size_t at = 0;

    while (at < size && a->rc == 0 && !a->c.complete) {
        size_t n = most ? 1 + (seed >> 16) % most : size;
        char *piece;

        n = n < size - at ? n : size - at;
        piece = malloc(n);
        must(piece != NULL);
        memcpy(piece, data + at, n);
        a->rc = connection_parse(&a->c, piece, n);
        free(piece);
        at += n;
        seed = seed * 1103515245u + 12345u;
    }
    a->unread = size - at;
}

static void check(const struct answer *a)
{
    const struct http_response *r = &a->response;
    const char *name, *value;
    size_t at = 0;
    unsigned n = 0;

    must(r->body.len <= limits.body && r->headers.text.len <= limits.headers);
    while (headers_next(&r->headers, &at, &name, &value)) {
        must(name[0] && !header_is_hop_by_hop(name, strlen(name)));
        must(!strpbrk(name, "\r\n") && !strpbrk(value, "\r\n"));
        n++;
    }
    must(n == r->headers.count);
    must(a->call.status == 0 || a->call.status >= 200);
    must(!a->c.complete || a->rc == 0);
    must(!a->c.fault || a->rc == -1);
    must(!a->c.keep || a->c.complete);
}

static int same_bytes(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void compare(const struct answer *whole, const struct answer *cut)
{
    must(whole->rc == cut->rc && whole->c.complete == cut->c.complete);
    if (whole->rc)
        return;
    must(whole->call.status == cut->call.status);
    must(whole->response.status == cut->response.status);
    must(same_bytes(&whole->response.headers.text, &cut->response.headers.text));
    must(same_bytes(&whole->response.body, &cut->response.body));
    /* Bytes behind the answer end the connection; in pieces they are still to come. */
    must(whole->c.keep == (cut->c.keep && cut->unread == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer whole, cut;

    if (size < 2)
        return 0;
    init(&whole, data[0] & 0x80);
    init(&cut, data[0] & 0x80);
    feed(&whole, data + 1, size - 1, 0, 0);
    feed(&cut, data + 1, size - 1, data[0], 1 + data[0] % 16);
    check(&whole);
    check(&cut);
    compare(&whole, &cut);
    release(&whole);
    release(&cut);
    return 0;
}
