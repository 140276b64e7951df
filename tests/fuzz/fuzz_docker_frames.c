/*
 * fuzz_docker_frames.c - any bytes as the output of a container.  The first byte says in
 * what pieces they come.  However they are cut they must mean the same, lines must not grow
 * without end, and what becomes of them must be text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/lines.h"
#include "host/runtimes/docker_frames.h"
#include "host/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct lines *lines;
    unsigned n;
    uint64_t hash;
};

static void must(int condition)
{
    if (!condition)
        abort();
}

static void take(void *ctx, int64_t when_ns, const char *text, size_t len)
{
    struct seen *s = ctx;

    must(when_ns >= 0 && len <= LINES_TEXT + TIMESTAMP + 2);
    s->n++;
    for (size_t i = 0; i < len; i++)
        s->hash = s->hash * 31 + (unsigned char)text[i];
    lines_put(s->lines, when_ns, "0123456789ab", text, len);
}

static int feed(const char *bytes, size_t n, size_t piece, struct seen *s)
{
    struct docker_frames f;
    int rc = 0;

    s->lines = lines_new(NULL);
    must(s->lines != NULL);
    docker_frames_init(&f, take, s);
    for (size_t at = 0; at < n && rc == 0; at += piece)
        rc = docker_frames_feed(&f, bytes + at, n - at < piece ? n - at : piece);
    if (rc == 0)
        docker_frames_end(&f);
    docker_frames_release(&f);
    lines_unref(s->lines);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = {0}, cut = {0};
    const char *bytes = (const char *)data + 1;

    if (size < 2)
        return 0;
    must(feed(bytes, size - 1, size, &whole) == feed(bytes, size - 1, 1 + data[0] % 64, &cut));
    must(whole.n == cut.n && whole.hash == cut.hash);
    return 0;
}
