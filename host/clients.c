#include "host/clients.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "host/reactor.h"

struct client {
    struct client *next, *prev;
    struct clients *among;
    int fd;
    bool listed;
    uint64_t since_ns;
};

static void add(struct client *k)
{
    struct clients *c = k->among;

    k->since_ns = clock_ns();
    k->listed = true;
    k->next = NULL;
    k->prev = c->last;
    if (k->prev)
        k->prev->next = k;
    else
        c->first = k;
    c->last = k;
}

static void take_out(struct client *k)
{
    struct clients *c = k->among;

    if (!k->listed)
        return;
    if (k->prev)
        k->prev->next = k->next;
    else
        c->first = k->next;
    if (k->next)
        k->next->prev = k->prev;
    else
        c->last = k->prev;
    k->listed = false;
}

void clients_notify(void *cls, struct MHD_Connection *connection, void **context,
                    enum MHD_ConnectionNotificationCode what)
{
    const union MHD_ConnectionInfo *info;
    struct client *k = *context;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (k)
            take_out(k);
        free(k);
        *context = NULL;
        return;
    }
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    k = info ? calloc(1, sizeof(*k)) : NULL;
    *context = k; /* without memory nobody watches it */
    if (!k)
        return;
    k->among = cls;
    k->fd = info->connect_fd;
    add(k);
}

static struct client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

void clients_busy(struct MHD_Connection *connection)
{
    struct client *k = client_of(connection);

    if (k)
        take_out(k);
}

void clients_idle(struct MHD_Connection *connection)
{
    struct client *k = client_of(connection);

    if (k && !k->listed)
        add(k);
}

void clients_end_older(struct clients *c, uint64_t ns)
{
    struct client *k;

    while ((k = c->first) && k->since_ns < ns) {
        take_out(k);
        shutdown(k->fd, SHUT_RDWR); /* the library sees the end and closes it */
    }
}
