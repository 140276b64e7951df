#include "bench/load.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { KEPT_CONNECTIONS = 4096, LONGEST_POLL_MS = 200 };

struct client {
    struct client *next; /* of those that are free */
    CURL *easy;
    struct load_call *call;
    char body[LOAD_TEXT];
    size_t len;
};

struct generator {
    const struct load_setup *setup;
    struct load_outcome *out;
    CURLM *multi;
    int timer;
    struct client *idle, **all;
    unsigned n_clients, room;
    unsigned sent, ended;
};

uint64_t load_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- what comes back ---- */

static size_t keep_body(char *data, size_t size, size_t count, void *arg)
{
    struct client *c = arg;
    size_t n = size * count, room = sizeof(c->body) - 1 - c->len;

    if (room > n)
        room = n;
    memcpy(c->body + c->len, data, room);
    c->len += room;
    c->body[c->len] = '\0';
    return n;
}

static uint64_t nanoseconds(const char *text)
{
    double seconds = strtod(text + (*text == '['), NULL);

    return seconds > 0 && seconds < 1e6 ? (uint64_t)(seconds * 1e9 + 0.5) : 0;
}

/* All of `["n1","n3"]` were visited, the last one ran it. */
static int last_node(const char *text)
{
    const char *last = strrchr(text, 'n');

    return last && last[1] >= '1' && last[1] <= '9' ? (int)strtol(last + 1, NULL, 10) - 1
                                                    : LOAD_NOWHERE;
}

static const char *value_of(const char *line, const char *name)
{
    size_t n = strlen(name);

    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    return line + n + 1 + strspn(line + n + 1, " \t");
}

static size_t read_header(char *data, size_t size, size_t count, void *arg)
{
    const struct client *c = arg;
    size_t n = size * count;
    const char *value;
    char line[256];

    snprintf(line, sizeof(line), "%.*s", (int)(n < sizeof(line) ? n : sizeof(line) - 1), data);
    line[strcspn(line, "\r\n")] = '\0';
    if ((value = value_of(line, "X-P2pfaas-Timing-Execution-Time-Seconds")))
        c->call->run_ns = nanoseconds(value);
    else if ((value = value_of(line, "X-P2pfaas-Timing-Queue-Time-Seconds")))
        c->call->wait_ns = nanoseconds(value);
    else if ((value = value_of(line, "X-P2pfaas-Timing-Probing-Seconds-List")))
        c->call->probe_ns = nanoseconds(value);
    else if ((value = value_of(line, "X-P2pfaas-Timing-Total-Seconds-List")))
        c->call->total_ns = nanoseconds(value);
    else if ((value = value_of(line, "X-P2pfaas-Peers-List-Id")))
        c->call->ran_on = last_node(value);
    return n;
}

static bool is_ordinary(int status)
{
    return status == 200 || status == 500 || status == 503 || status == 504;
}

static void note_odd(struct generator *g, const struct client *c, CURLcode code)
{
    if (g->out->odd[0] || is_ordinary(c->call->status))
        return;
    if (c->call->status)
        snprintf(g->out->odd, LOAD_TEXT, "HTTP %d: %.150s", c->call->status, c->body);
    else
        snprintf(g->out->odd, LOAD_TEXT, "no answer: %s", curl_easy_strerror(code));
}

static void reap(struct generator *g)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(g->multi, &left))) {
        CURLcode code = m->data.result;
        struct client *c = NULL;
        long status = 0;

        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        if (code == CURLE_OK)
            curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
        c->call->end_ns = load_now() - g->setup->begin_ns;
        c->call->status = (int)status;
        g->out->answered += status > 0;
        g->ended++;
        note_odd(g, c, code);
        curl_multi_remove_handle(g->multi, c->easy);
        c->next = g->idle;
        g->idle = c;
    }
}

/* ---- what is sent ---- */

static struct client *new_client(struct generator *g)
{
    struct client *c = calloc(1, sizeof(*c));

    if (g->n_clients == g->room) {
        unsigned room = g->room ? g->room * 2 : 64;
        struct client **grown = reallocarray(g->all, room, sizeof(struct client *));

        if (!grown) {
            free(c);
            return NULL;
        }
        g->all = grown;
        g->room = room;
    }
    if (!c || !(c->easy = curl_easy_init())) {
        free(c);
        return NULL;
    }
    g->all[g->n_clients++] = c;
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, read_header);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    return c;
}

static int send_call(struct generator *g, struct load_call *call)
{
    struct client *c = g->idle ? g->idle : new_client(g);
    char url[LOAD_URL];

    if (!c)
        return -1;
    if (c == g->idle)
        g->idle = c->next;
    c->call = call;
    c->len = 0;
    c->body[0] = '\0';
    call->status = 0;
    call->ran_on = LOAD_NOWHERE;
    call->run_ns = call->wait_ns = call->probe_ns = call->total_ns = 0;
    g->setup->url(g->setup->ctx, call, url);
    curl_easy_setopt(c->easy, CURLOPT_URL, url);
    call->sent_ns = load_now() - g->setup->begin_ns;
    if (curl_multi_add_handle(g->multi, c->easy) != CURLM_OK)
        return -1;
    g->sent++;
    if (g->sent - g->ended > g->out->most_open)
        g->out->most_open = g->sent - g->ended;
    return 0;
}

static int send_due(struct generator *g)
{
    const struct load_setup *s = g->setup;
    int running;

    while (g->sent < s->n && s->begin_ns + s->call[g->sent].at_ns <= load_now()) {
        if (send_call(g, &s->call[g->sent]))
            return -1;
        /* It leaves at once, and not when all that are due are ready. */
        curl_multi_perform(g->multi, &running);
    }
    return 0;
}

/* Until something comes, or the next is due: a poll knows milliseconds only. */
static void await(struct generator *g)
{
    const struct load_setup *s = g->setup;
    struct curl_waitfd timer = {.fd = g->timer, .events = CURL_WAIT_POLLIN};
    bool more = g->sent < s->n;
    uint64_t expirations;

    if (more) {
        uint64_t at = s->begin_ns + s->call[g->sent].at_ns;
        struct itimerspec when = {
            .it_value = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)}};

        timerfd_settime(g->timer, TFD_TIMER_ABSTIME, &when, NULL);
    }
    curl_multi_poll(g->multi, &timer, more, LONGEST_POLL_MS, NULL);
    if (more && read(g->timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
        perror("timerfd");
}

static int drive(struct generator *g)
{
    const struct load_setup *s = g->setup;
    uint64_t last = s->n ? s->begin_ns + s->call[s->n - 1].at_ns : 0;
    uint64_t end = last + (uint64_t)(s->patience * 1e9);

    while (g->ended < s->n && load_now() < end) {
        int running;

        if (send_due(g))
            return -1;
        if (curl_multi_perform(g->multi, &running) != CURLM_OK)
            return -1;
        reap(g);
        if (g->ended < s->n)
            await(g);
    }
    if (g->ended < s->n && !g->out->odd[0])
        snprintf(g->out->odd, LOAD_TEXT, "%u without an answer %.0f s after the last was sent",
                 s->n - g->ended, s->patience);
    return 0;
}

int load_run(const struct load_setup *setup, struct load_outcome *out, char *err, unsigned size)
{
    struct generator g = {.setup = setup, .out = out, .multi = curl_multi_init()};
    int rc = -1;

    *out = (struct load_outcome){0};
    g.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (g.multi && g.timer >= 0) {
        curl_multi_setopt(g.multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
        rc = drive(&g);
    }
    if (rc)
        snprintf(err, size, "the generator cannot send: %s", strerror(errno ? errno : ENOMEM));
    for (unsigned i = 0; i < g.n_clients; i++) {
        curl_multi_remove_handle(g.multi, g.all[i]->easy);
        curl_easy_cleanup(g.all[i]->easy);
        free(g.all[i]);
    }
    free(g.all);
    if (g.multi)
        curl_multi_cleanup(g.multi);
    if (g.timer >= 0)
        close(g.timer);
    return rc;
}
