#include <stdlib.h>
#include <string.h>

#include "engine/state.h"
#include "sdk/check/unit.h"

static int64_t append(struct p2p_stream *stream, const void *data, uint64_t n)
{
    struct blob *b = stream->ctx;

    if (n > STATE_LIMIT - b->len || (b->fail_after >= 0 && b->len + n > (uint64_t)b->fail_after))
        return -1;
    if (n > b->cap - b->len) {
        size_t cap = (b->len + n) * 2;
        char *grown = realloc(b->data, cap);

        if (!grown)
            return -1;
        b->data = grown;
        b->cap = cap;
    }
    if (n)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    return (int64_t)n;
}

static int64_t take(struct p2p_stream *stream, void *to, uint64_t n)
{
    struct blob *b = stream->ctx;

    if (n > b->len - b->at)
        n = b->len - b->at;
    if (n)
        memcpy(to, b->data + b->at, n);
    b->at += n;
    return (int64_t)n;
}

bool unit_save(struct unit *u, struct blob *b)
{
    const struct check *c = u->check;
    struct p2p_stream out = {.ctx = b, .write = append};
    bool saved;

    b->len = 0;
    unit_enter(u, "save");
    saved = c->is_learner ? c->learner.save(u->self, &out) : c->scheduler.save(u->self, &out);
    unit_leave(u);
    return saved;
}

bool unit_load(struct unit *u, struct blob *b)
{
    const struct check *c = u->check;
    struct p2p_stream in = {.ctx = b, .read = take};
    bool loaded;

    b->at = 0;
    unit_enter(u, "load");
    loaded = c->is_learner ? c->learner.load(u->self, &in) : c->scheduler.load(u->self, &in);
    unit_leave(u);
    return loaded;
}
