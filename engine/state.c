#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

bool state_fits(const struct guest *old, const struct guest *fresh)
{
    const char *from = old->ops.state_format, *to = fresh->ops.state_format;

    return old->ops.save && fresh->ops.load && from && to && strcmp(from, to) == 0;
}

static int64_t append(struct p2p_stream *stream, const void *data, uint64_t n)
{
    struct state *s = stream->ctx;

    if (n > STATE_LIMIT - s->len)
        return -1;
    if (n > s->cap - s->len) {
        size_t cap = s->cap ? s->cap : 4096;
        char *grown;

        while (cap < s->len + n)
            cap *= 2;
        grown = realloc(s->data, cap);
        if (!grown)
            return -1;
        s->data = grown;
        s->cap = cap;
    }
    if (n)
        memcpy(s->data + s->len, data, n);
    s->len += n;
    return (int64_t)n;
}

static int64_t take(struct p2p_stream *stream, void *to, uint64_t n)
{
    struct state *s = stream->ctx;

    if (n > s->len - s->at)
        n = s->len - s->at;
    if (n)
        memcpy(to, s->data + s->at, n);
    s->at += n;
    return (int64_t)n;
}

bool state_save(struct state *s, struct guest *old)
{
    struct p2p_stream out = {.ctx = s, .write = append};

    memset(s, 0, sizeof(*s));
    if (old->ops.save(old->self, &out))
        return true;
    state_release(s);
    return false;
}

bool state_load(struct state *s, struct guest *fresh)
{
    struct p2p_stream in = {.ctx = s, .read = take};
    bool loaded;

    fresh->may_alloc = true;
    loaded = fresh->ops.load(fresh->self, &in);
    fresh->may_alloc = false;
    return loaded;
}

void state_release(struct state *s)
{
    free(s->data);
    memset(s, 0, sizeof(*s));
}
