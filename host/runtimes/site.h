/*
 * site.h - a host and port where functions are: the addresses of its name, and those who
 * wait for them.  All functions there share it.
 *
 * A numeric host is its own address.  A name is looked up when its first function is opened,
 * again half a minute later if calls still come, and when nobody was reached; while that
 * lasts the addresses known so far are used.  A connection that fails makes the next address
 * the one in use.
 */
#ifndef HOST_SITE_H
#define HOST_SITE_H

#include "host/runtimes/served.h"
#include "host/url.h"

struct site;

/* That of the URL's host and port.  NULL when memory is short.  [home thread] */
struct site *site_join(struct reactor *home, const struct url *at);
void site_part(struct site *s); /* [home thread] */

/* As a supply's.  [any thread] */
bool site_take(struct site *s, struct served_waiter *w);
void site_wait(struct site *s, struct served_waiter *w);
bool site_leave(struct site *s, struct served_waiter *w);
void site_give(struct site *s, struct served_waiter *w, enum place_use how);
void site_why(struct site *s, char *out, size_t size);
/* "resolved 10.0.0.3:8080", "cannot be resolved: …", "10.0.0.3:8080: Connection refused" */
void site_describe(struct site *s, char *out, size_t size);

#endif
