/*
 * watch.c - a plugin dropped into the folder can be selected at once: inotify.
 */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "host/log.h"
#include "host/node.h"

static void on_change(void *ctx, const char *file, const char *error)
{
    const struct node *n = ctx;

    if (!error)
        log_event(n->shards ? LOG_INFO : LOG_DEBUG, "plugin ready", LOG_STR("file", file));
    else if (strcmp(error, "removed") == 0)
        log_event(LOG_INFO, "plugin removed", LOG_STR("file", file));
    else
        log_event(LOG_WARN, "plugin refused", LOG_STR("file", file), LOG_STR("why", error));
}

void node_scan_plugins(struct node *n)
{
    char err[P2P_ERRLEN];

    if (catalog_scan(n->catalog, on_change, n, err) < 0)
        log_event(LOG_WARN, "plugin folder not read", LOG_STR("why", err));
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct node *n = w->data;
    _Alignas(struct inotify_event) char buffer[4096];

    (void)loop;
    (void)events;
    while (read(n->inotify, buffer, sizeof(buffer)) > 0)
        ;
    node_scan_plugins(n);
}

void node_watch_plugins(struct node *n)
{
    const char *folder = n->config->config.plugins.folder;

    n->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (n->inotify < 0)
        goto fail;
    /* Written, renamed or removed; never half written. */
    if (inotify_add_watch(n->inotify, folder,
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0)
        goto fail;
    ev_io_init(&n->folder_changed, on_readable, n->inotify, EV_READ);
    n->folder_changed.data = n;
    ev_io_start(n->shards[0].reactor.loop, &n->folder_changed);
    node_scan_plugins(n); /* what came since the first reading */
    return;
fail:
    log_event(LOG_WARN, "plugin folder not watched; SIGHUP reads it", LOG_STR("folder", folder),
              LOG_STR("why", strerror(errno)));
    node_unwatch_plugins(n);
}

void node_unwatch_plugins(struct node *n)
{
    if (n->inotify < 0)
        return;
    ev_io_stop(n->shards[0].reactor.loop, &n->folder_changed);
    close(n->inotify);
    n->inotify = -1;
}
