#include "host/lines.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/timestamp.h"
#include "host/utf8.h"

static const char CUT[] = "…";

struct kept {
    int64_t when_ns;
    char instance[LINES_INSTANCE];
    size_t len;
    char text[];
};

/* Lines have numbers, from 0 on; number i is in slot i % LINES_MOST. */
struct lines {
    _Atomic unsigned refs;
    pthread_mutex_t lock;
    struct kept **slot; /* made for the first line */
    uint64_t first, next;
    size_t bytes;
    bool over, left;
    struct lines_feeder *feeder;
    struct lines_reader *readers;
};

struct lines_reader {
    struct lines *from;
    struct lines_wanted wanted;
    struct reactor *home;
    void (*ready)(void *owner);
    void *owner;
    struct lines_reader *next_reader, *prev_reader;
    /* Under the lock. */
    uint64_t next, until; /* until: no line from this number on */
    bool waits, posted, closed;
    struct task task;
};

/* ---- the lines ---- */

static void on_turn(struct task *t)
{
    struct lines_feeder *f =
        (struct lines_feeder *)((char *)t - offsetof(struct lines_feeder, task));
    struct lines *l = f->of;

    pthread_mutex_lock(&l->lock);
    f->posted = false;
    pthread_mutex_unlock(&l->lock);
    f->turn(f);
    lines_unref(l);
}

struct lines *lines_new(struct lines_feeder *feeder)
{
    struct lines *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->refs = 1;
    pthread_mutex_init(&l->lock, NULL);
    l->feeder = feeder;
    if (feeder) {
        feeder->of = l;
        feeder->task.run = on_turn;
        feeder->posted = feeder->waits = false;
    }
    return l;
}

struct lines *lines_ref(struct lines *l)
{
    l->refs++;
    return l;
}

void lines_unref(struct lines *l)
{
    if (!l || --l->refs > 0)
        return;
    for (uint64_t i = l->first; i < l->next; i++)
        free(l->slot[i % LINES_MOST]);
    free(l->slot);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Under the lock. */
static void call_feeder(struct lines *l)
{
    struct lines_feeder *f = l->feeder;

    if (!f || f->posted)
        return;
    f->posted = true;
    f->waits = false;
    lines_ref(l);
    reactor_post(f->home, &f->task);
}

/* Under the lock. */
static void call_readers(struct lines *l)
{
    for (struct lines_reader *r = l->readers; r; r = r->next_reader) {
        if (!r->waits || r->posted)
            continue;
        r->waits = false;
        r->posted = true;
        reactor_post(r->home, &r->task);
    }
}

static size_t size_of(const struct kept *k)
{
    return sizeof(*k) + k->len;
}

/* Under the lock: takes `k` over, in the place of the oldest if there are too many. */
static void keep(struct lines *l, struct kept *k)
{
    if (!l->slot && !(l->slot = calloc(LINES_MOST, sizeof(struct kept *)))) {
        free(k);
        return;
    }
    while (l->next - l->first == LINES_MOST ||
           (l->next > l->first && l->bytes + size_of(k) > LINES_BYTES)) {
        struct kept **oldest = &l->slot[l->first++ % LINES_MOST];

        l->bytes -= size_of(*oldest);
        free(*oldest);
    }
    l->slot[l->next++ % LINES_MOST] = k;
    l->bytes += size_of(k);
    call_readers(l);
}

void lines_put(struct lines *l, int64_t when_ns, const char *instance, const char *text, size_t len)
{
    char raw[LINES_TEXT + 1], clean[LINES_TEXT + sizeof(CUT)];
    bool is_cut = len > LINES_TEXT;
    struct kept *k;

    len = is_cut ? LINES_TEXT : len;
    len -= len > 0 && text[len - 1] == '\r' && !is_cut;
    for (size_t i = 0; i < len; i++)
        raw[i] = text[i] ? text[i] : '?';
    raw[len] = '\0';
    utf8_clean(clean, LINES_TEXT + 1, raw);
    if (is_cut)
        memcpy(clean + strlen(clean), CUT, sizeof(CUT));
    len = strlen(clean);
    k = malloc(sizeof(*k) + len);
    if (!k)
        return;
    k->when_ns = when_ns;
    snprintf(k->instance, sizeof(k->instance), "%s", instance);
    k->len = len;
    memcpy(k->text, clean, len);
    pthread_mutex_lock(&l->lock);
    keep(l, k);
    pthread_mutex_unlock(&l->lock);
}

bool lines_end(struct lines *l)
{
    bool is_coming;

    pthread_mutex_lock(&l->lock);
    is_coming = l->feeder && l->feeder->posted;
    l->feeder = NULL;
    l->over = true;
    call_readers(l);
    pthread_mutex_unlock(&l->lock);
    return is_coming;
}

/* Under the lock, for lines of one reader. */
static bool is_filled(const struct lines *l, unsigned share)
{
    uint64_t read = l->readers && l->readers->next > l->first ? l->readers->next : l->first;

    /* Bytes are of all lines that are kept, read or not: those unread are told by their part. */
    return l->next - read > LINES_MOST / share ||
           (l->next > read &&
            l->bytes / (l->next - l->first) * (l->next - read) > LINES_BYTES / share);
}

bool lines_wait(struct lines *l)
{
    bool waits;

    pthread_mutex_lock(&l->lock);
    waits = is_filled(l, 2);
    if (l->feeder)
        l->feeder->waits |= waits;
    pthread_mutex_unlock(&l->lock);
    return waits;
}

bool lines_are_left(struct lines *l)
{
    bool left;

    pthread_mutex_lock(&l->lock);
    left = l->left;
    pthread_mutex_unlock(&l->lock);
    return left;
}

/* ---- bytes into lines ---- */

void lines_writer_init(struct lines_writer *w, struct lines *to)
{
    w->to = to;
    w->instance[0] = '\0';
    buf_init(&w->text, LINES_TEXT + 1); /* one more shows that it has to be cut */
}

static void end_line(struct lines_writer *w)
{
    lines_put(w->to, timestamp_now(), w->instance, w->text.data, w->text.len);
    buf_clear(&w->text);
}

void lines_feed(struct lines_writer *w, const char *bytes, size_t n)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;
        size_t room = w->text.limit - w->text.len;

        buf_append(&w->text, bytes, part < room ? part : room);
        if (end)
            end_line(w);
        part += end != NULL;
        bytes += part;
        n -= part;
    }
}

void lines_writer_end(struct lines_writer *w)
{
    if (w->text.len > 0)
        end_line(w);
    buf_release(&w->text);
}

/* ---- reading ---- */

static void on_ready(struct task *t)
{
    struct lines_reader *r =
        (struct lines_reader *)((char *)t - offsetof(struct lines_reader, task));
    bool closed;

    pthread_mutex_lock(&r->from->lock);
    r->posted = false;
    closed = r->closed;
    pthread_mutex_unlock(&r->from->lock);
    if (!closed) {
        r->ready(r->owner);
        return;
    }
    lines_unref(r->from);
    free(r);
}

static bool is_wanted(const struct lines_reader *r, const struct kept *k)
{
    const struct lines_wanted *w = &r->wanted;

    return k->when_ns >= w->since_ns && (!w->instance[0] || strcmp(w->instance, k->instance) == 0);
}

/* Under the lock: where the last `tail` of those that are wanted begin. */
static uint64_t beginning(const struct lines_reader *r)
{
    const struct lines *l = r->from;
    uint64_t at = l->next;
    int64_t left = r->wanted.tail;

    if (left <= 0)
        return l->first;
    while (at > l->first && left > 0)
        left -= is_wanted(r, l->slot[--at % LINES_MOST]);
    return at;
}

struct lines_reader *lines_open(struct lines *l, const struct lines_wanted *w, struct reactor *home,
                                void (*ready)(void *owner), void *owner)
{
    struct lines_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->from = lines_ref(l);
    r->wanted = *w;
    r->home = home;
    r->ready = ready;
    r->owner = owner;
    r->task.run = on_ready;
    pthread_mutex_lock(&l->lock);
    r->next = beginning(r);
    r->until = w->follow ? UINT64_MAX : l->next;
    r->next_reader = l->readers;
    if (l->readers)
        l->readers->prev_reader = r;
    l->readers = r;
    pthread_mutex_unlock(&l->lock);
    return r;
}

void lines_close(struct lines_reader *r)
{
    struct lines *l = r ? r->from : NULL;
    bool posted;

    if (!r)
        return;
    pthread_mutex_lock(&l->lock);
    if (r->prev_reader)
        r->prev_reader->next_reader = r->next_reader;
    else
        l->readers = r->next_reader;
    if (r->next_reader)
        r->next_reader->prev_reader = r->prev_reader;
    l->left = true;
    call_feeder(l);
    posted = r->posted;
    r->closed = true;
    pthread_mutex_unlock(&l->lock);
    if (posted)
        return; /* on_ready ends it */
    lines_unref(l);
    free(r);
}

/* Under the lock. */
static enum lines_result next(struct lines_reader *r, struct line *out, uint64_t *missed)
{
    struct lines *l = r->from;

    if (r->next < l->first && r->next < r->until) {
        *missed = (l->first < r->until ? l->first : r->until) - r->next;
        r->next = l->first;
        return LINES_MISSED;
    }
    for (; r->next < l->next && r->next < r->until; r->next++) {
        const struct kept *k = l->slot[r->next % LINES_MOST];

        if (!is_wanted(r, k))
            continue;
        r->next++;
        out->when_ns = k->when_ns;
        memcpy(out->instance, k->instance, sizeof(out->instance));
        memcpy(out->text, k->text, k->len);
        out->text[k->len] = '\0';
        return LINES_LINE;
    }
    if (r->next >= r->until || l->over)
        return LINES_OVER;
    r->waits = true;
    return LINES_NONE;
}

enum lines_result lines_next(struct lines_reader *r, struct line *out, uint64_t *missed)
{
    struct lines *l = r->from;
    enum lines_result result;

    pthread_mutex_lock(&l->lock);
    result = next(r, out, missed);
    if (l->feeder && l->feeder->waits && !is_filled(l, 4))
        call_feeder(l);
    pthread_mutex_unlock(&l->lock);
    return result;
}
