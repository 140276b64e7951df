/*
 * learner_http.h - the requests of a learner that works outside of the node, as http() of
 * the SDK takes them: numeric addresses, kept connections, nothing is sent twice.
 *
 * One learner's are on one shard.  Each ends with engine_answered(), whatever happens; when
 * the node stops, with the reason that it does.
 */
#ifndef HOST_LEARNER_HTTP_H
#define HOST_LEARNER_HTTP_H

#include <p2pfaas/plugin.h>
#include <pthread.h>

struct node;
struct outcall;

enum {
    LEARNER_HTTP_MOST = 1024,       /* under way at once, of a node */
    LEARNER_HTTP_BYTES = 16 << 20,  /* that they send, in all */
    LEARNER_HTTP_HEADERS = 64 << 10 /* bytes of header fields, either way */
};

struct learner_http {
    pthread_mutex_t lock; /* nothing is called under it */
    struct outcall *idle; /* pooled memory */
    unsigned n_idle, under_way;
    size_t bytes;
    bool closed;
    _Atomic uint64_t sent, refused, lost;
};

void learner_http_init(struct learner_http *all);
/* Nothing is sent any more.  [main thread] */
void learner_http_close(struct learner_http *all);
/* None is under way any more. */
void learner_http_release(struct learner_http *all);

/* [any thread, under the peers' lock] */
bool learner_http_send(struct node *n, uint64_t learner, const struct p2p_http_request *request);

#endif
