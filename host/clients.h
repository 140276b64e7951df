/*
 * clients.h - the connections of a listener that have no request under way.
 *
 * The HTTP library closes one that is silent.  One that sends a byte now and then would
 * stay for ever without ever completing the head of a request: it has as long as a
 * silent one, from when it connected or had its last answer.
 *
 * All on the listener's thread.
 */
#ifndef HOST_CLIENTS_H
#define HOST_CLIENTS_H

#include <microhttpd.h>
#include <stdint.h>

struct client;

struct clients {
    struct client *first, *last; /* the longest waiting first */
};

/* For MHD_OPTION_NOTIFY_CONNECTION, with the struct clients. */
void clients_notify(void *cls, struct MHD_Connection *connection, void **context,
                    enum MHD_ConnectionNotificationCode what);
/* The head of a request is complete; it was answered or the connection broke. */
void clients_busy(struct MHD_Connection *connection);
void clients_idle(struct MHD_Connection *connection);
/* Ends those that wait since before that time. */
void clients_end_older(struct clients *c, uint64_t ns);

#endif
