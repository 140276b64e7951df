/*
 * message.c - POST /peer/message/SCHEDULER: what a peer's scheduler tells the one of its
 * name here.  Whatever the answer is, it tells this node's load.
 */
#include <microhttpd.h>
#include <string.h>

#include "host/job.h"
#include "host/route.h"
#include "host/wire.h"

enum { NAME = 64, NAME_SHOWN = 63 };

static void deliver(struct exchange *x, uint32_t from)
{
    struct engine *e = x->shard->node->engine;
    const struct buf *b = &x->request.body;
    int n = (int)strcspn(x->rest, "?");
    struct engine_current now;
    char name[NAME];

    snprintf(name, sizeof(name), "%.*s", n, x->rest);
    if (engine_hear(e, from, name, b->data, (uint32_t)b->len)) {
        metrics_count(&x->shard->metrics, COUNT_MESSAGES_HEARD);
        x->response.status = MESSAGE_HEARD;
        return;
    }
    metrics_count(&x->shard->metrics, COUNT_MESSAGES_UNHEARD);
    engine_describe(e, &now);
    exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND,
                   "no scheduler '%.*s' listens here; this node runs '%s'",
                   n < NAME_SHOWN ? n : NAME_SHOWN, x->rest, now.plugin);
}

void api_message(struct exchange *x)
{
    size_t len = x->request.body.len;
    uint32_t from = wire_read_sender((struct job *)x);

    wire_write_load(x);
    if (from == P2P_NONE)
        exchange_error(x, MHD_HTTP_BAD_REQUEST, MHD_HTTP_BAD_REQUEST,
                       "X-P2pfaas-From does not name a peer of this node");
    else if (len == 0)
        exchange_error(x, MHD_HTTP_BAD_REQUEST, MHD_HTTP_BAD_REQUEST,
                       "the message is empty; it has 1 to %d bytes", P2P_MESSAGE_MAX);
    else if (len > P2P_MESSAGE_MAX)
        exchange_error(x, MHD_HTTP_CONTENT_TOO_LARGE, MHD_HTTP_CONTENT_TOO_LARGE,
                       "the message has %zu bytes; it has 1 to %d", len, P2P_MESSAGE_MAX);
    else
        deliver(x, from);
}
