/*
 * message.c - POST /peer/message/SCHEDULER[?function=NAME]: what a peer's scheduler tells the
 * one of its name here.  Whatever the answer is, it tells this node's load.
 */
#include <microhttpd.h>
#include <string.h>

#include "host/api/api.h"
#include "host/job.h"
#include "host/own_scheduler.h"
#include "host/route.h"
#include "host/wire.h"

enum { NAME = 64, NAME_SHOWN = 63 };

/* Who is to hear it: the node's scheduler, or who decides for the function that is named;
 * NULL when there is none. */
static struct engine *listener_of(const struct exchange *x, const char *function)
{
    const struct function *f =
        function ? function_table_resolve(x->shard->functions, function, strlen(function),
                                          x->shard->node->domain)
                 : NULL;

    if (function && !f)
        return NULL;
    return f ? engine_of(x->shard->node, f) : x->shard->node->engine;
}

static void say_unheard(struct exchange *x, struct engine *e, const char *function)
{
    int n = (int)strcspn(x->rest, "?");
    struct engine_current now;

    if (!e) {
        exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND, "no function '%.*s' here",
                       NAME_SHOWN, function);
        return;
    }
    engine_describe(e, &now);
    exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND,
                   "no scheduler '%.*s' listens here; this node runs '%s'%s%.*s",
                   n < NAME_SHOWN ? n : NAME_SHOWN, x->rest, now.plugin,
                   function ? " for function " : "", NAME_SHOWN, function ? function : "");
}

static void deliver(struct exchange *x, uint32_t from)
{
    char text[API_ARGUMENT];
    const char *function = api_argument(x, "function", text, sizeof(text));
    struct engine *e = listener_of(x, function);
    const struct buf *b = &x->request.body;
    char name[NAME];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(x->rest, "?"), x->rest);
    if (e && engine_hear(e, from, name, b->data, (uint32_t)b->len)) {
        metrics_count(&x->shard->metrics, COUNT_MESSAGES_HEARD);
        x->response.status = MESSAGE_HEARD;
        return;
    }
    metrics_count(&x->shard->metrics, COUNT_MESSAGES_UNHEARD);
    say_unheard(x, e, function);
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
