/*
 * listener.h - one listening port of a shard: libmicrohttpd on the shard's event loop.
 *
 * Every shard has one for the node's port, which all share; the first has others for
 * discovery and for the learner.  What a request is answered with is the matter of ingress.c.
 */
#ifndef HOST_LISTENER_H
#define HOST_LISTENER_H

#include <ev.h>
#include <microhttpd.h>

#include "host/clients.h"
#include "host/upstream.h"

struct shard;
struct route_table;

/* A connection's memory beyond limits.headers: the answer's header lines too. */
enum { LISTENER_POOL_EXTRA = 4096 };

struct listener {
    struct shard *shard;
    const struct route_table *routes;
    size_t body;               /* most bytes of a request's; 0: as limits.body */
    struct MHD_Daemon *daemon; /* NULL: not started */
    ev_io readable;
    struct clients clients;
    uint64_t idle_ns; /* that a client has to send the head of a request */
};

/* A listening socket; with `shared`, others may bind the same port.  Fills in the
 * port that was given when it asks for 0.  -1 with a reason that names the settings
 * `keys`. */
int listener_open(struct endpoint *at, bool shared, const char *keys, char err[P2P_ERRLEN]);

/* Takes fd over.  0 or -1. */
int listener_start(struct listener *l, struct shard *s, const struct route_table *routes, int fd,
                   unsigned connections, char err[P2P_ERRLEN]);
/* No new connections; those that are open are answered with Connection: close. */
void listener_quiesce(struct listener *l);
/* No exchange may be at work.  Nothing happens when it was not started. */
void listener_stop(struct listener *l);

/* The shard's watchers that drive its listeners: start them before the first. */
void listeners_init(struct shard *s);
void listeners_release(struct shard *s);

/* ingress.c: what the daemon calls. */
enum MHD_Result ingress_request(void *cls, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *size, void **context);
void *ingress_uri(void *cls, const char *uri, struct MHD_Connection *connection);
void ingress_completed(void *cls, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode how);
/* Frees the exchanges whose connections broke before their jobs ended. */
void ingress_end_left(struct shard *s);

#endif
