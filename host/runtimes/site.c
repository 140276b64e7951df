#include "host/runtimes/site.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "host/log.h"
#include "host/resolver.h"

static const uint64_t FRESH_NS = 30000000000, REST_NS = 1000000000;

struct site {
    struct site *next; /* at home */
    struct reactor *home;
    char host[URL_HOST];
    uint16_t port;
    bool is_number;
    unsigned users;        /* home thread */
    struct lookup *lookup; /* home thread */
    struct task wanted;    /* look it up, please */
    pthread_mutex_t lock;
    /* Under the lock. */
    bool wanted_posted, looking;
    struct served_waiter *line;
    struct resolved known;
    unsigned in_use;      /* of its addresses */
    uint64_t answered_ns; /* the last look-up */
    char why[160];        /* the last look-up failed */
    char refusal[160];    /* the last connection did */
};

/* ---- under the lock ---- */

static void tell(struct site *s, struct served_waiter *w)
{
    w->failed = s->known.n == 0;
    if (!w->failed)
        w->endpoint = s->known.address[s->in_use];
    reactor_post(w->home, &w->turn);
}

static void tell_line(struct site *s)
{
    struct served_waiter *w;

    while ((w = s->line)) {
        DL_DELETE(s->line, w);
        w->in_line = false;
        tell(s, w);
    }
}

static void want(struct site *s)
{
    if (s->wanted_posted || s->looking || s->is_number)
        return;
    s->wanted_posted = true;
    reactor_post(s->home, &s->wanted);
}

static bool is_old(const struct site *s, uint64_t limit_ns)
{
    return !s->is_number && clock_ns() - s->answered_ns > limit_ns;
}

/* The address in use stays in use while the name has it. */
static void take_over(struct site *s, const struct resolved *answer)
{
    unsigned at = 0;

    for (unsigned i = 0; s->known.n && i < answer->n; i++)
        if (strcmp(answer->address[i].text, s->known.address[s->in_use].text) == 0)
            at = i;
    s->known = *answer;
    s->in_use = at;
}

/* ---- the look-up, at home ---- */

static void on_answer(void *owner, const struct resolved *answer)
{
    struct site *s = owner;
    bool failed = answer->n == 0, had_failed;

    s->lookup = NULL;
    pthread_mutex_lock(&s->lock);
    had_failed = s->why[0] != '\0';
    s->looking = false;
    s->answered_ns = clock_ns();
    s->why[0] = '\0';
    if (failed)
        snprintf(s->why, sizeof(s->why), "%s", answer->why);
    else
        take_over(s, answer);
    tell_line(s);
    pthread_mutex_unlock(&s->lock);
    if (failed && !had_failed)
        log_event(LOG_WARN, "a name cannot be resolved", LOG_STR("host", s->host),
                  LOG_STR("why", answer->why));
    else if (!failed && had_failed)
        log_event(LOG_INFO, "a name is resolved again", LOG_STR("host", s->host),
                  LOG_STR("address", answer->address[0].text));
}

static void look_up(struct site *s)
{
    static const struct resolved none = {.why = "out of memory or of threads"};

    s->lookup = resolver_ask(s->home, s->host, s->port, on_answer, s);
    if (!s->lookup)
        on_answer(s, &none);
}

static void destroy(struct site *s)
{
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void on_wanted(struct task *t)
{
    struct site *s = (struct site *)((char *)t - offsetof(struct site, wanted));

    pthread_mutex_lock(&s->lock);
    s->wanted_posted = false;
    s->looking = s->users > 0;
    pthread_mutex_unlock(&s->lock);
    if (s->users == 0)
        destroy(s);
    else
        look_up(s);
}

/* ---- those who use it ---- */

bool site_take(struct site *s, struct served_waiter *w)
{
    bool taken;

    pthread_mutex_lock(&s->lock);
    taken = s->known.n > 0;
    if (taken) {
        w->endpoint = s->known.address[s->in_use];
        if (is_old(s, FRESH_NS))
            want(s);
    }
    pthread_mutex_unlock(&s->lock);
    return taken;
}

void site_wait(struct site *s, struct served_waiter *w)
{
    pthread_mutex_lock(&s->lock);
    if (s->known.n || (s->why[0] && !s->looking && !is_old(s, REST_NS))) {
        tell(s, w);
    } else {
        w->in_line = true;
        DL_APPEND(s->line, w);
        want(s);
    }
    pthread_mutex_unlock(&s->lock);
}

bool site_leave(struct site *s, struct served_waiter *w)
{
    bool was_in_line;

    pthread_mutex_lock(&s->lock);
    was_in_line = w->in_line;
    if (was_in_line)
        DL_DELETE(s->line, w);
    w->in_line = false;
    pthread_mutex_unlock(&s->lock);
    return was_in_line;
}

void site_give(struct site *s, struct served_waiter *w, enum place_use how)
{
    pthread_mutex_lock(&s->lock);
    if (how == PLACE_UNREACHABLE) {
        snprintf(s->refusal, sizeof(s->refusal), "%s", w->refusal);
        if (s->known.n && strcmp(w->endpoint.text, s->known.address[s->in_use].text) == 0)
            s->in_use = (s->in_use + 1) % s->known.n;
        if (is_old(s, REST_NS))
            want(s);
    } else if (how != PLACE_UNUSED) {
        s->refusal[0] = '\0';
    }
    pthread_mutex_unlock(&s->lock);
}

void site_why(struct site *s, char *out, size_t size)
{
    pthread_mutex_lock(&s->lock);
    snprintf(out, size, "%s cannot be resolved: %s", s->host, s->why);
    pthread_mutex_unlock(&s->lock);
}

void site_describe(struct site *s, char *out, size_t size)
{
    pthread_mutex_lock(&s->lock);
    if (s->known.n == 0 && s->why[0])
        snprintf(out, size, "cannot be resolved: %s", s->why);
    else if (s->known.n == 0)
        snprintf(out, size, "%s is being resolved", s->host);
    else if (s->refusal[0])
        snprintf(out, size, "%s", s->refusal);
    else
        snprintf(out, size, "%s %s%s%s", s->is_number ? "at" : "resolved",
                 s->known.address[s->in_use].text, s->why[0] ? "; now it cannot be: " : "", s->why);
    pthread_mutex_unlock(&s->lock);
}

/* ---- life ---- */

static struct site *site_new(struct reactor *home, const struct url *at)
{
    struct site *s = calloc(1, sizeof(*s));
    char unused[P2P_ERRLEN];

    if (!s)
        return NULL;
    s->home = home;
    s->wanted.run = on_wanted;
    snprintf(s->host, sizeof(s->host), "%s", at->host);
    s->port = at->port;
    s->is_number = endpoint_is_bare(at->host) &&
                   endpoint_parse(&s->known.address[0], at->host, at->port, unused) == 0;
    s->known.n = s->is_number;
    pthread_mutex_init(&s->lock, NULL);
    LL_PREPEND(home->sites, s);
    pthread_mutex_lock(&s->lock);
    want(s);
    pthread_mutex_unlock(&s->lock);
    return s;
}

struct site *site_join(struct reactor *home, const struct url *at)
{
    struct site *s;

    LL_FOREACH(home->sites, s)
    {
        if (s->port == at->port && strcmp(s->host, at->host) == 0)
            break;
    }
    if (!s)
        s = site_new(home, at);
    if (s)
        s->users++;
    return s;
}

void site_part(struct site *s)
{
    bool posted;

    if (--s->users > 0)
        return;
    LL_DELETE(s->home->sites, s);
    if (s->lookup)
        resolver_cancel(s->lookup);
    pthread_mutex_lock(&s->lock);
    posted = s->wanted_posted;
    pthread_mutex_unlock(&s->lock);
    if (!posted)
        destroy(s);
}
