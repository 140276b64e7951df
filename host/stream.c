#include "host/stream.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include "host/ingress.h"
#include "host/node.h"

enum { BLOCK = 16 << 10 };
/* Who does not take the end of a stream within it is cut off when the node stops. */
static const uint64_t LAST_WORDS_NS = 500000000;

int stream_attach(struct exchange *x, struct stream *s)
{
    struct node *n = x->shard->node;

    if (++n->streams > STREAMS_MOST) {
        n->streams--;
        return -1;
    }
    s->x = x;
    s->stopping = s->linked = s->quiet = s->gone = false;
    s->stopped_ns = 0;
    x->stream = s;
    return 0;
}

static ssize_t on_read(void *cls, uint64_t at, char *to, size_t size)
{
    struct stream *s = cls;
    struct shard *shard = s->x->shard;
    ssize_t n = s->gone ? -1 : s->read(s, to, size);

    (void)at;
    if (n > 0)
        return n;
    if (n < 0)
        return s->gone ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    s->quiet = true;
    shard->n_quiet++;
    MHD_suspend_connection(s->x->connection);
    return 0;
}

struct MHD_Response *stream_response(struct exchange *x)
{
    struct stream *s = x->stream;
    struct shard *shard = x->shard;

    s->linked = true;
    s->prev = NULL;
    s->next = shard->streams;
    if (s->next)
        s->next->prev = s;
    shard->streams = s;
    if (shard->quiesced) { /* it came after streams_stop */
        s->stopping = true;
        s->stopped_ns = clock_ns();
    }
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, s, NULL);
}

void stream_wake(struct stream *s)
{
    struct shard *shard = s->x->shard;

    if (!s->quiet)
        return;
    s->quiet = false;
    shard->n_quiet--;
    shard->run_again = true;
    MHD_resume_connection(s->x->connection);
}

void stream_over(struct exchange *x)
{
    struct stream *s = x->stream;
    struct shard *shard = x->shard;

    x->stream = NULL;
    shard->node->streams--;
    if (s->linked && s->prev)
        s->prev->next = s->next;
    else if (s->linked)
        shard->streams = s->next;
    if (s->linked && s->next)
        s->next->prev = s->prev;
    s->over(s);
}

/* The library sees an error when it writes next, and closes the connection. */
static void cut_off(struct stream *s)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(s->x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info)
        shutdown(info->connect_fd, SHUT_RDWR);
}

void streams_sweep(struct shard *shard)
{
    struct stream *s, *next;

    for (s = shard->streams; s; s = next) {
        next = s->next;
        if (s->quiet && ingress_client_gone(s->x)) {
            s->gone = true;
            stream_wake(s);
        } else if (s->stopped_ns && clock_ns() - s->stopped_ns > LAST_WORDS_NS) {
            cut_off(s);
        }
    }
}

void streams_stop(struct shard *shard)
{
    for (struct stream *s = shard->streams; s; s = s->next) {
        s->stopping = true;
        s->stopped_ns = clock_ns();
        stream_wake(s);
    }
}
