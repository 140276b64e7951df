/*
 * fuzz_docker.c - any bytes as a stream of the Docker daemon.  The first byte says in what
 * pieces they come.  However they are cut they must mean the same, and an id that is taken
 * from them must be fit to stand in a path.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/runtimes/docker_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    unsigned values;
    uint64_t hash;
};

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check_id(const char *id)
{
    size_t n = strlen(id);

    must(n > 0 && n < DOCKER_ID && strspn(id, "0123456789abcdef") == n);
}

static void take(void *ctx, const cJSON *json)
{
    struct seen *s = ctx;
    struct docker_container c;
    struct docker_event e;
    struct docker_state state;

    if (docker_read_listed(json, &c))
        check_id(c.id);
    docker_read_event(json, &e);
    if (e.kind != DOCKER_EVENT_OTHER)
        check_id(e.id);
    docker_read_state(json, 8080, &state);
    must(state.port >= 0 && state.port <= 65535 && state.exit_code >= 0);
    s->values++;
    s->hash = s->hash * 31 + (uint64_t)state.port + e.kind;
}

static int feed(const char *bytes, size_t n, size_t piece, struct seen *s)
{
    struct docker_lines l;
    int rc = 0;

    docker_lines_init(&l, take, s);
    for (size_t at = 0; at < n && rc == 0; at += piece)
        rc = docker_lines_feed(&l, bytes + at, n - at < piece ? n - at : piece);
    docker_lines_release(&l);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = {0}, cut = {0};
    const char *bytes = (const char *)data + 1;

    if (size < 2)
        return 0;
    must(feed(bytes, size - 1, size, &whole) == feed(bytes, size - 1, 1 + data[0] % 64, &cut));
    must(whole.values == cut.values && whole.hash == cut.hash);
    return 0;
}
