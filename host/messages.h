/*
 * messages.h - what a scheduler tells the one of its name at a peer: one POST of its
 * bytes to /peer/message/SCHEDULER, which host/api/message.c takes.  One that a function has
 * of its own adds ?function=NAME and is heard by the one that decides for it there.
 *
 * Nobody waits for it and it is not sent again.  Its answer tells the peer's load, and
 * whether there is one is evidence of the peer, as with a probe.
 */
#ifndef HOST_MESSAGES_H
#define HOST_MESSAGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct node;
struct shard;
struct message;

enum { MESSAGE_HEARD = 204 /* the status that says so; others: it was not */ };
enum { MESSAGES_MOST = 256 /* under way at once, of a node */ };

struct messages {
    pthread_mutex_t lock; /* nothing is called under it */
    struct message *idle; /* pooled memory */
    unsigned under_way;
    _Atomic uint64_t dropped; /* not sent: too many were under way, or memory */
};

void messages_init(struct messages *m);
/* None is under way any more. */
void messages_release(struct messages *m);

/* As tell() of the SDK; `function` has that scheduler of its own, NULL: the node.  Copies the
 * message and leaves the rest to the shard that has the connections to that peer.  [any thread,
 * under the peers' lock] */
bool messages_tell(struct node *n, uint32_t peer, const char *scheduler, const char *function,
                   const void *bytes, uint32_t len);
/* Those on their way get no answer any more.  [the shard's thread] */
void messages_cancel(struct shard *s);

#endif
