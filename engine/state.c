#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

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

/* Would `fresh` understand what `old` saves? */
static bool fits(const struct guest *old, const struct guest *fresh)
{
    const char *from = old->ops.state_format, *to = fresh->ops.state_format;

    return old->ops.save && fresh->ops.load && from && to && strcmp(from, to) == 0;
}

bool state_hand_over(struct guest *old, struct guest *fresh)
{
    struct state state = {0};
    bool saved, loaded;

    if (!fits(old, fresh))
        return true;
    old->world->enter(old->world_ctx, NULL);
    saved = state_save(&state, old);
    old->world->leave(old->world_ctx);
    if (!saved) {
        guest_say(fresh, P2P_LOG_WARN, "starts afresh: %s did not save its state", old->ops.name);
        return true;
    }
    loaded = state_load(&state, fresh);
    if (loaded)
        guest_say(fresh, P2P_LOG_INFO, "took over %zu bytes of state from %s", state.len,
                  old->ops.name);
    else
        guest_say(fresh, P2P_LOG_WARN,
                  "starts afresh: it did not load the %zu bytes of state of %s", state.len,
                  old->ops.name);
    state_release(&state);
    return loaded;
}

void state_release(struct state *s)
{
    free(s->data);
    memset(s, 0, sizeof(*s));
}
