#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host/discovery/etcd_private.h"
#include "host/log.h"

enum { MOST_DOUBLINGS = 8 };
static const uint64_t FIRST_PAUSE_NS = SECOND_NS / 10;

void etcd_set_state(struct discovery *d, enum etcd_state state)
{
    pthread_mutex_lock(&d->lock);
    d->state = state;
    pthread_mutex_unlock(&d->lock);
}

void etcd_start_timer(struct discovery *d, ev_timer *w, uint64_t after_ns)
{
    ev_timer_stop(d->loop, w);
    ev_now_update(d->loop);
    ev_timer_set(w, (double)after_ns / 1e9, 0);
    ev_timer_start(d->loop, w);
}

/* ---- the end of a session ---- */

void etcd_end_session(struct discovery *d)
{
    curl_request_cancel(&d->turn.request);
    curl_request_cancel(&d->beat.request);
    curl_request_cancel(&d->watch.request);
    ev_timer_stop(d->loop, &d->timer);
    ev_timer_stop(d->loop, &d->beat_timer);
    free(d->after);
    d->after = NULL;
}

/* Longer and longer, but so short that the others, who wait for a lease's time, do not
 * give this node up; and no two nodes in step. */
static uint64_t pause_ns(const struct discovery *d)
{
    uint64_t most = (uint64_t)d->config->etcd_ttl / 2, pause;
    unsigned doublings = d->failures - d->n_servers;
    unsigned char random = 0;

    if (d->failures < d->n_servers)
        return 0;
    most = most < SECOND_NS ? SECOND_NS : most > 10ull * SECOND_NS ? 10ull * SECOND_NS : most;
    pause = FIRST_PAUSE_NS << (doublings < MOST_DOUBLINGS ? doublings : MOST_DOUBLINGS);
    if (pause > most)
        pause = most;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        random = 0;
    return pause - pause / 4 + pause / 2 / 256 * random;
}

static void end_with(struct discovery *d, const char *why, bool next_server)
{
    uint64_t up_ns = d->up_ns;

    etcd_end_session(d);
    d->up_ns = 0;
    if (up_ns && clock_ns() - up_ns >= SECOND_NS)
        d->failures = 0;
    d->failures++;
    if (!d->in_trouble)
        log_event(LOG_WARN, "out of touch with etcd, the peers stay as they are",
                  LOG_STR("server", d->servers[d->server]), LOG_STR("why", why));
    d->in_trouble = true;
    pthread_mutex_lock(&d->lock);
    snprintf(d->err, sizeof(d->err), "%s", why);
    d->state = ETCD_PAUSE;
    if (next_server)
        d->server = (d->server + 1) % d->n_servers;
    pthread_mutex_unlock(&d->lock);
    etcd_start_timer(d, &d->timer, pause_ns(d));
}

void etcd_fail(struct discovery *d, const char *why)
{
    end_with(d, why, true);
}

void etcd_begin_again(struct discovery *d, const char *why)
{
    end_with(d, why, false);
}

/* ---- requests ---- */

static void on_answer(struct curl_request *r, struct buf *answer)
{
    struct etcd_step *s = (struct etcd_step *)((char *)r - offsetof(struct etcd_step, request));
    struct discovery *d = r->owner;
    const char *text = answer->data ? answer->data : "";
    char err[P2P_ERRLEN];

    free(s->body);
    s->body = NULL;
    if (d->state == ETCD_LEFT)
        return;
    if (!r->complete) {
        etcd_fail(d, r->err);
    } else if (r->status != 200) {
        etcd_read_error(r->status, text, answer->len, err);
        etcd_fail(d, err);
    } else {
        s->then(d, text, answer->len);
    }
}

uint64_t etcd_request_ns(const struct discovery *d)
{
    uint64_t third = (uint64_t)d->config->etcd_ttl / 3;

    return third > 5ull * SECOND_NS ? 5ull * SECOND_NS : third;
}

void etcd_ask(struct discovery *d, struct etcd_step *s, const char *path, char *body,
              void (*then)(struct discovery *, const char *, size_t))
{
    struct curl_request *r = &s->request;

    free(s->body);
    s->body = body;
    s->then = then;
    snprintf(s->url, sizeof(s->url), "%s/v3/%s", d->servers[d->server], path);
    *r = (struct curl_request){.url = s->url,
                               .method = "POST",
                               .headers = d->headers,
                               .body = body,
                               .body_len = body ? strlen(body) : 0,
                               .most = ETCD_MOST_SMALL,
                               .connect_ns = etcd_request_ns(d),
                               .timeout_ns = etcd_request_ns(d),
                               .done = on_answer,
                               .owner = d};
}

void etcd_send(struct discovery *d, struct etcd_step *s)
{
    if (!s->body)
        etcd_fail(d, "out of memory");
    else if (curl_request_start(d->curl, &s->request))
        etcd_fail(d, s->request.err);
}
