#include <string.h>

#include "host/discovery/etcd_wire.h"

/* ---- a stream of objects ---- */

/* The part of the object's state that one of its characters changes. */
static void step(struct etcd_cutter *c, char at)
{
    if (c->in_text) {
        if (c->escaped)
            c->escaped = false;
        else if (at == '\\')
            c->escaped = true;
        else if (at == '"')
            c->in_text = false;
    } else if (at == '"') {
        c->in_text = true;
    } else if (at == '{') {
        c->depth++;
    } else if (at == '}') {
        c->depth--;
    }
}

int64_t etcd_cut(struct etcd_cutter *c, const char *bytes, size_t n, char err[P2P_ERRLEN])
{
    size_t from, at = 0;

    if (c->whole) {
        buf_clear(&c->text);
        c->whole = false;
    }
    while (c->depth == 0 && at < n && strchr(" \t\r\n", bytes[at]) && bytes[at])
        at++;
    from = at;
    if (c->depth == 0 && at < n && bytes[at] != '{') {
        snprintf(err, P2P_ERRLEN, "what comes is no stream of JSON objects");
        return -1;
    }
    while (at < n && !c->whole) {
        step(c, bytes[at++]);
        c->whole = c->depth == 0;
    }
    if (buf_append(&c->text, bytes + from, at - from)) {
        snprintf(err, P2P_ERRLEN, "an object of the stream is larger than %zu bytes",
                 c->text.limit);
        return -1;
    }
    return (int64_t)at;
}
