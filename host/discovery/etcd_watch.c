#include <stdlib.h>

#include "host/discovery/etcd_private.h"
#include "host/log.h"

/* ---- the watch ---- */

static void complete_session(struct discovery *d)
{
    ev_timer_stop(d->loop, &d->timer);
    d->up_ns = clock_ns();
    d->in_trouble = false;
    etcd_set_state(d, ETCD_WATCH);
    log_event(LOG_INFO, "registered in etcd", LOG_STR("server", d->servers[d->server]),
              LOG_STR("key", d->key), LOG_STR("lease", d->lease.id),
              LOG_INT("members", etcd_members_count(&d->members)));
    etcd_say_what_changed(d);
}

/* False: the session is over. */
static bool take_object(struct discovery *d)
{
    const struct buf *object = &d->cutter.text;
    bool was_watching = d->watching;
    char err[P2P_ERRLEN];

    if (etcd_read_watch(object->data, object->len, etcd_members_take, &d->members, &d->watching,
                        err)) {
        etcd_begin_again(d, err);
        return false;
    }
    if (d->members.own_gone) {
        d->members.own_gone = false;
        etcd_begin_again(d, "this node's key was deleted");
        return false;
    }
    if (d->members.own_taken) { /* put again with the next beat, and under the lease */
        d->members.own_taken = false;
        free(d->said);
        d->said = NULL;
    }
    buf_trim(&d->cutter.text, ETCD_MOST_SMALL);
    if (d->watching && !was_watching)
        complete_session(d);
    return curl_request_is_open(&d->watch.request);
}

static void on_watch_piece(struct curl_request *r, const char *bytes, size_t n)
{
    struct discovery *d = r->owner;
    char err[P2P_ERRLEN];

    if (r->status != 200) {
        etcd_read_error(r->status, bytes, n, err);
        etcd_fail(d, err);
        return;
    }
    while (n > 0) {
        int64_t taken = etcd_cut(&d->cutter, bytes, n, err);

        if (taken < 0) {
            etcd_fail(d, err);
            return;
        }
        bytes += taken;
        n -= (size_t)taken;
        if (d->cutter.whole && !take_object(d))
            return;
    }
}

static void on_watch_end(struct curl_request *r, struct buf *answer)
{
    (void)answer;
    etcd_fail(r->owner, r->complete ? "the server ended the watch" : r->err);
}

static void start_watch(struct discovery *d)
{
    d->cutter.depth = 0;
    d->cutter.in_text = d->cutter.escaped = d->cutter.whole = false;
    buf_clear(&d->cutter.text);
    d->watching = d->members.own_gone = false;
    etcd_ask(d, &d->watch, "watch", etcd_write_watch(d->config->etcd_prefix, d->revision + 1),
             NULL);
    d->watch.request.piece = on_watch_piece;
    d->watch.request.done = on_watch_end;
    d->watch.request.timeout_ns = 0; /* the beats show whether the server is there */
    etcd_start_timer(d, &d->timer, etcd_request_ns(d));
    etcd_send(d, &d->watch);
}

/* ---- the list ---- */

static void arm_grace(struct discovery *d)
{
    uint64_t now = clock_ns();
    uint64_t due = etcd_members_expire(&d->members, now, d->lease.ttl_ns);

    if (due)
        etcd_start_timer(d, &d->grace_timer, due - now);
}

void etcd_on_grace(struct ev_loop *loop, ev_timer *w, int events)
{
    struct discovery *d = w->data;

    (void)loop;
    (void)events;
    if (d->state == ETCD_WATCH) /* else the next list is waited for */
        arm_grace(d);
}

static void on_page(struct discovery *d, const char *text, size_t n);

static void ask_page(struct discovery *d)
{
    etcd_ask(d, &d->turn, "kv/range",
             etcd_write_range(d->config->etcd_prefix, d->after, d->after ? d->revision : 0),
             on_page);
    d->turn.request.most = ETCD_MOST_OBJECT;
    etcd_send(d, &d->turn);
}

static void on_page(struct discovery *d, const char *text, size_t n)
{
    struct etcd_page page;
    char err[P2P_ERRLEN];

    if (etcd_read_range(text, n, etcd_members_take, &d->members, &page, err)) {
        etcd_fail(d, err);
        return;
    }
    if (!d->after)
        d->revision = page.revision;
    free(d->after);
    d->after = page.last;
    if (page.more) {
        ask_page(d);
        return;
    }
    if (etcd_members_list_end(&d->members, clock_ns())) {
        arm_grace(d);
        start_watch(d);
    } else {
        etcd_begin_again(d, "this node's key was deleted");
    }
}

void etcd_list(struct discovery *d)
{
    etcd_set_state(d, ETCD_LIST);
    etcd_members_list_begin(&d->members);
    ask_page(d);
}
