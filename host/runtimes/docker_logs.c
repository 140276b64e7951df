#include "host/runtimes/docker_logs.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "host/runtimes/docker_frames.h"
#include "host/timestamp.h"

enum { SHORT_ID = 12 };
static const char OWN[] = "p2pfaas"; /* who says what no container wrote */

/* One container's. */
struct source {
    struct docker_logs *logs;
    struct docker_request request;
    struct docker_frames frames;
    char instance[SHORT_ID + 1];
    struct source *next, *prev;
};

/* One reader's. */
struct docker_logs {
    struct lines_feeder feeder; /* first */
    struct docker_readers *readers;
    struct docker_logs *next, *prev;
    struct docker *docker;
    struct reactor *home;
    struct lines_wanted wanted;
    struct lines *lines;
    struct source *sources;
    bool begun, ended;
};

static void say(struct docker_logs *l, const char *text)
{
    lines_put(l->lines, timestamp_now(), OWN, text, strlen(text));
}

/* ---- the end ---- */

static void source_free(struct source *s)
{
    docker_cancel(&s->request);
    docker_frames_release(&s->frames);
    free(s);
}

static void source_end(struct source *s)
{
    DL_DELETE(s->logs->sources, s);
    source_free(s);
}

static void end(struct docker_logs *l)
{
    struct source *s, *next;
    bool is_called;

    DL_FOREACH_SAFE(l->sources, s, next)
    {
        source_free(s);
    }
    l->sources = NULL;
    DL_DELETE(l->readers->first, l);
    l->ended = true;
    is_called = lines_end(l->lines);
    lines_unref(l->lines);
    if (!is_called)
        free(l);
}

static void end_if_over(struct docker_logs *l)
{
    if (l->begun && !l->sources && !l->wanted.follow)
        end(l);
}

/* ---- what comes ---- */

static void on_line(void *ctx, int64_t when_ns, const char *text, size_t len)
{
    const struct source *s = ctx;

    lines_put(s->logs->lines, when_ns ? when_ns : timestamp_now(), s->instance, text, len);
}

static void on_piece(void *owner, const char *bytes, size_t n)
{
    struct source *s = owner;
    struct docker_logs *l = s->logs;

    if (docker_frames_feed(&s->frames, bytes, n)) {
        say(l, "(what Docker tells of this container's output is not understood)");
        source_end(s);
        end_if_over(l);
        return;
    }
    if (lines_wait(l->lines))
        for (s = l->sources; s; s = s->next)
            docker_hold(&s->request);
}

static void on_end(struct docker_request *r, int status, const cJSON *answer)
{
    struct source *s = r->owner;
    struct docker_logs *l = s->logs;

    (void)answer;
    docker_frames_end(&s->frames);
    /* Without an answer the daemon is away, which ends all; 404: it was removed. */
    if (status != 0 && status != 200 && status != 404)
        say(l, r->err);
    source_end(s);
    end_if_over(l);
}

/* The reader has read what there is, or has left. */
static void on_turn(struct lines_feeder *f)
{
    struct docker_logs *l = (struct docker_logs *)f;

    if (l->ended) {
        free(l);
        return;
    }
    if (lines_are_left(l->lines)) {
        end(l);
        return;
    }
    for (struct source *s = l->sources; s; s = s->next)
        docker_go_on(&s->request);
}

/* ---- the beginning ---- */

struct docker_logs *docker_logs_new(struct docker_readers *readers, struct docker *d,
                                    struct reactor *home, struct lines_wanted *w)
{
    struct docker_logs *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->feeder = (struct lines_feeder){.home = home, .turn = on_turn};
    l->lines = lines_new(&l->feeder);
    if (!l->lines) {
        free(l);
        return NULL;
    }
    l->readers = readers;
    l->docker = d;
    l->home = home;
    l->wanted = *w;
    *w = (struct lines_wanted){.follow = true}; /* until lines_end */
    DL_PREPEND(readers->first, l);
    return l;
}

void docker_logs_add(struct docker_logs *l, const char *id)
{
    const struct lines_wanted *w = &l->wanted;
    struct source *s;
    char tail[24] = "all";

    if (strncmp(id, w->instance, strlen(w->instance)) != 0)
        return;
    s = calloc(1, sizeof(*s));
    if (!s) {
        say(l, "(out of memory: the lines of one container are missing)");
        return;
    }
    s->logs = l;
    DL_PREPEND(l->sources, s);
    snprintf(s->instance, sizeof(s->instance), "%s", id);
    docker_frames_init(&s->frames, on_line, s);
    s->request = (struct docker_request){.done = on_end, .piece = on_piece, .owner = s};
    if (w->tail > 0 && !l->begun) /* it is of those that were there */
        snprintf(tail, sizeof(tail), "%lld", (long long)w->tail);
    docker_start(docker_api(l->docker), l->home, &s->request, "GET", NULL, 0,
                 "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d&tail=%s"
                 "&since=%lld.%09lld",
                 id, w->follow, tail, (long long)(w->since_ns / 1000000000),
                 (long long)(w->since_ns % 1000000000));
}

struct lines *docker_logs_begin(struct docker_logs *l)
{
    struct lines *lines = lines_ref(l->lines);

    l->begun = true;
    end_if_over(l);
    return lines;
}

void docker_readers_add(struct docker_readers *readers, const char *id)
{
    for (struct docker_logs *l = readers->first; l; l = l->next)
        if (l->wanted.follow)
            docker_logs_add(l, id);
}

void docker_readers_end(struct docker_readers *readers, const char *why)
{
    for (struct docker_logs *l = readers->first, *next; l; l = next) {
        next = l->next;
        if (why)
            say(l, why);
        end(l);
    }
}
