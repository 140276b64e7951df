#include "host/curl_loop.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <uthash.h>

enum {
    WINDOW = 64 << 10,     /* of a stream, between two looks of its reader */
    MOST_HEAD = 64 << 10,  /* bytes of header lines */
    KEPT_CONNECTIONS = 16, /* idle ones */
    KEPT_SECONDS = 30
};

/* libcurl's socket, watched.  By descriptor: libcurl may tell of a new socket that has
 * the number of one that it closed. */
struct watch {
    int fd;
    ev_io io;
    UT_hash_handle hh;
};

/* libcurl's part of a request. */
struct curl_transfer {
    struct curl_loop *loop;
    struct curl_request *request; /* NULL: cancelled while its piece was read */
    CURL *easy;
    struct curl_slist *headers;
    struct buf in;        /* came and not told yet */
    size_t head;          /* bytes of header lines */
    struct buf nominated; /* by a Connection field of the answer */
    bool paused, filled, reading, head_read, bad_head;
    bool held, over; /* over: libcurl is done with it, but its request is held */
    CURLcode code;   /* then */
    char why[CURL_ERROR_SIZE];
    struct curl_transfer *next, *prev;               /* open */
    struct curl_transfer *next_filled, *prev_filled; /* pieces to tell */
};

struct curl_loop {
    struct ev_loop *loop;
    const char *certificates; /* file of those that are trusted; NULL = the system's */
    CURLM *multi;
    ev_timer timer;
    uint64_t due_ns;
    ev_timer turn; /* pieces that are held no longer */
    struct watch *watches;
    struct curl_transfer *open, *filled;
};

/* ---- sockets ---- */

/* Callbacks of the caller are run here, outside of libcurl's. */
static void tell(struct curl_loop *l);

static void on_socket(struct ev_loop *loop, ev_io *w, int events)
{
    struct curl_loop *l = w->data;
    int action =
        (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)loop;
    curl_multi_socket_action(l->multi, w->fd, action, &running); /* frees w, perhaps */
    tell(l);
}

static void forget(struct curl_loop *l, struct watch *w)
{
    ev_io_stop(l->loop, &w->io);
    /* NOLINTNEXTLINE(clang-analyzer-*): it loses track in uthash */
    HASH_DEL(l->watches, w);
    free(w);
}

static struct watch *find_watch(struct curl_loop *l, int fd)
{
    struct watch *w;

    HASH_FIND_INT(l->watches, &fd, w);
    return w;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *mine)
{
    struct curl_loop *l = arg;
    struct watch *w = find_watch(l, fd);

    (void)easy;
    (void)mine;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            forget(l, w);
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof(*w));
        if (!w)
            return -1;
        w->fd = fd;
        w->io.data = l;
        HASH_ADD_INT(l->watches, fd, w);
        ev_init(&w->io, on_socket);
    }
    ev_io_stop(l->loop, &w->io);
    ev_io_set(&w->io, fd,
              (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(l->loop, &w->io);
    return 0;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct curl_loop *l = arg;
    struct watch *w = find_watch(l, fd);

    if (w)
        forget(l, w);
    return close(fd);
}

/* ---- time ---- */

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct curl_loop *l = w->data;
    int running;

    (void)events;
    if (timer_is_early(loop, w, l->due_ns))
        return;
    curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    tell(l);
}

static int on_timer_wanted(CURLM *multi, long ms, void *arg)
{
    struct curl_loop *l = arg;

    (void)multi;
    ev_timer_stop(l->loop, &l->timer);
    if (ms < 0)
        return 0;
    l->due_ns = clock_ns() + (uint64_t)ms * 1000000;
    ev_timer_set(&l->timer, (double)ms / 1e3, 0);
    ev_timer_start(l->loop, &l->timer);
    return 0;
}

/* ---- one transfer ---- */

static void put_filled(struct curl_transfer *t)
{
    struct curl_loop *l = t->loop;

    if (t->filled)
        return;
    t->filled = true;
    t->prev_filled = NULL;
    t->next_filled = l->filled;
    if (l->filled)
        l->filled->prev_filled = t;
    l->filled = t;
}

static void take_filled(struct curl_transfer *t)
{
    if (!t->filled)
        return;
    t->filled = false;
    if (t->prev_filled)
        t->prev_filled->next_filled = t->next_filled;
    else
        t->loop->filled = t->next_filled;
    if (t->next_filled)
        t->next_filled->prev_filled = t->prev_filled;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct curl_transfer *t = arg;
    size_t n = size * count;
    bool streams = t->request->piece != NULL;

    if (streams && (t->held || (t->in.len > 0 && n > t->in.limit - t->in.len))) {
        t->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (buf_append(&t->in, bytes, n)) {
        t->request->too_large = true;
        return 0;
    }
    if (streams && n > 0)
        put_filled(t);
    return n;
}

static int keep_header(struct curl_transfer *t, const char *name, size_t len, const char *value,
                       size_t value_len)
{
    if (len == 10 && strncasecmp(name, "Connection", 10) == 0)
        return buf_append(&t->nominated, value, value_len) || buf_puts(&t->nominated, ",");
    if (header_is_hop_by_hop(name, len))
        return 0;
    return headers_addn(t->request->answer_headers, name, len, value, value_len);
}

/* One line of an answer's head: its status, a field, or the empty one at its end.  Heads of
 * interim answers come before, trailers behind. */
static int read_line(struct curl_transfer *t, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len), *value;

    while (len > 0 && strchr("\r\n \t", line[len - 1]))
        len--;
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        headers_clear(t->request->answer_headers);
        buf_clear(&t->nominated);
        t->head_read = false;
    } else if (len == 0) {
        t->head_read = true;
        if (buf_text(&t->nominated))
            headers_remove_nominated(t->request->answer_headers, t->nominated.data);
    } else if (colon && !t->head_read) {
        for (value = colon + 1; value < line + len && strchr(" \t", *value); value++)
            ;
        return keep_header(t, line, (size_t)(colon - line), value,
                           value < line + len ? (size_t)(line + len - value) : 0);
    }
    return 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct curl_transfer *t = arg;
    size_t n = size * count;

    t->head += n;
    t->bad_head = t->head <= MOST_HEAD && t->request->answer_headers && read_line(t, bytes, n);
    return t->head <= MOST_HEAD && !t->bad_head ? n : 0;
}

static int on_sending(void *arg, char *to, char *from, int to_port, int from_port)
{
    struct curl_transfer *t = arg;

    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    if (t->request->sent)
        return CURL_PREREQFUNC_ABORT;
    t->request->sent = true;
    return CURL_PREREQFUNC_OK;
}

/* Not from inside libcurl. */
static void transfer_free(struct curl_transfer *t)
{
    struct curl_loop *l = t->loop;

    take_filled(t);
    if (t->prev)
        t->prev->next = t->next;
    else
        l->open = t->next;
    if (t->next)
        t->next->prev = t->prev;
    curl_multi_remove_handle(l->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_release(&t->in);
    buf_release(&t->nominated);
    free(t);
}

/* The caller's request is over; `t` is freed. */
static void end(struct curl_transfer *t, CURLcode code)
{
    struct curl_request *r = t->request;
    struct buf answer = t->in;
    bool streams = r->piece != NULL;
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    r->complete = code == CURLE_OK;
    r->timed_out = code == CURLE_OPERATION_TIMEDOUT;
    if (t->head > MOST_HEAD)
        snprintf(r->err, sizeof(r->err), "%.120s: the answer's head is larger than %d bytes",
                 r->url, MOST_HEAD);
    else if (t->bad_head)
        snprintf(r->err, sizeof(r->err),
                 "%.120s: the answer's head is larger than limits.headers, or has characters that "
                 "may not be there",
                 r->url);
    else if (r->too_large)
        snprintf(r->err, sizeof(r->err), "%.120s: the answer is larger than %zu bytes", r->url,
                 r->most);
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        snprintf(r->err, sizeof(r->err), "%.120s: the connection broke before an answer came",
                 r->url);
    else if (code != CURLE_OK)
        snprintf(r->err, sizeof(r->err), "%.120s: %.120s", r->url,
                 t->why[0] ? t->why : curl_easy_strerror(code));
    r->transfer = NULL;
    buf_init(&t->in, 0);
    transfer_free(t);
    r->done(r, streams ? NULL : &answer);
    buf_release(&answer);
}

/* What came of a stream goes to its reader, who may cancel it meanwhile. */
static void tell_piece(struct curl_transfer *t)
{
    struct curl_request *r = t->request;
    long status = 0;

    take_filled(t);
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    t->reading = true;
    if (t->in.len > 0)
        r->piece(r, t->in.data, t->in.len);
    t->reading = false;
    if (!t->request) {
        transfer_free(t);
        return;
    }
    buf_clear(&t->in);
    if (t->held)
        return;
    if (t->over) {
        end(t, t->code);
    } else if (t->paused) {
        t->paused = false;
        curl_easy_pause(t->easy, CURLPAUSE_CONT);
    }
}

static void tell(struct curl_loop *l)
{
    CURLMsg *message;
    int left;

    do {
        while (l->filled)
            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes itself out of the list */
            tell_piece(l->filled);
        message = curl_multi_info_read(l->multi, &left);
        if (message && message->msg == CURLMSG_DONE) {
            struct curl_transfer *t;

            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
            t->code = message->data.result;
            t->over = t->held;
            if (!t->held)
                end(t, t->code);
        }
    } while (message);
}

static void on_turn(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    tell(w->data);
}

/* ---- requests ---- */

static long to_ms(uint64_t ns)
{
    return (long)((ns + 999999) / 1000000);
}

static int set_headers(struct curl_transfer *t, const struct curl_request *r)
{
    /* What libcurl would add by itself. */
    static const char *const none[] = {"Expect:", "Accept:", "Content-Type:", NULL};
    const char *const *lists[] = {none, r->headers};

    for (unsigned i = 0; i < 2; i++)
        for (const char *const *h = lists[i]; h && *h; h++) {
            struct curl_slist *grown = curl_slist_append(t->headers, *h);

            if (!grown)
                return -1;
            t->headers = grown;
        }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    return 0;
}

static void set_method(CURL *e, const struct curl_request *r)
{
    bool is_post = r->method && strcmp(r->method, "POST") == 0;

    if (r->body || is_post) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(r->body ? r->body_len : 0));
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body ? r->body : "");
    }
    if (r->method && strcmp(r->method, "HEAD") == 0)
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    else if (r->method)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_options(struct curl_transfer *t, const struct curl_request *r)
{
    const struct curl_loop *l = t->loop;
    CURL *e = t->easy;

    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->why);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_sending);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, t->loop);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* Else the end of a request waits for the look-up of its name. */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)KEPT_SECONDS);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, to_ms(r->connect_ns));
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, to_ms(r->timeout_ns));
    if (l->certificates)
        curl_easy_setopt(e, CURLOPT_CAINFO, l->certificates);
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    if (r->user) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_USERNAME, r->user);
        curl_easy_setopt(e, CURLOPT_PASSWORD, r->password);
    }
    if (r->unix_socket)
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
    set_method(e, r);
}

int curl_request_start(struct curl_loop *l, struct curl_request *r)
{
    struct curl_transfer *t = calloc(1, sizeof(*t));

    r->status = 0;
    r->complete = r->sent = r->timed_out = r->too_large = false;
    r->err[0] = '\0';
    r->transfer = NULL;
    if (!t)
        goto fail;
    t->loop = l;
    t->request = r;
    buf_init(&t->in, r->piece ? WINDOW : r->most);
    buf_init(&t->nominated, MOST_HEAD);
    t->easy = curl_easy_init();
    if (!t->easy || set_headers(t, r))
        goto fail;
    set_options(t, r);
    if (curl_multi_add_handle(l->multi, t->easy) != CURLM_OK)
        goto fail;
    t->next = l->open;
    if (l->open)
        l->open->prev = t;
    l->open = t;
    r->transfer = t;
    return 0;
fail:
    if (t) {
        curl_easy_cleanup(t->easy);
        curl_slist_free_all(t->headers);
        free(t);
    }
    snprintf(r->err, sizeof(r->err), "%.120s: out of memory", r->url);
    return -1;
}

void curl_request_cancel(struct curl_request *r)
{
    struct curl_transfer *t = r->transfer;

    if (!t)
        return;
    r->transfer = NULL;
    if (t->reading)
        t->request = NULL;
    else
        transfer_free(t);
}

bool curl_request_is_open(const struct curl_request *r)
{
    return r->transfer != NULL;
}

void curl_request_hold(struct curl_request *r)
{
    if (!r->transfer)
        return;
    r->transfer->held = true;
    take_filled(r->transfer);
}

void curl_request_go_on(struct curl_request *r)
{
    struct curl_transfer *t = r->transfer;

    if (!t || !t->held)
        return;
    t->held = false;
    put_filled(t);
    ev_timer_start(t->loop->loop, &t->loop->turn);
}

/* ---- life ---- */

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct curl_loop *curl_loop_new(struct reactor *r)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct curl_loop *l = calloc(1, sizeof(*l));

    pthread_once(&once, init_curl);
    if (!l || !(l->multi = curl_multi_init())) {
        free(l);
        return NULL;
    }
    l->loop = r->loop;
    l->certificates = getenv("SSL_CERT_FILE");
    ev_timer_init(&l->timer, on_timer, 0, 0);
    ev_timer_init(&l->turn, on_turn, 0, 0);
    l->timer.data = l->turn.data = l;
    curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
    curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
    curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    return l;
}

void curl_loop_free(struct curl_loop *l)
{
    struct curl_transfer *t, *next_t;
    struct watch *w, *next;

    if (!l)
        return;
    for (t = l->open; t; t = next_t) {
        next_t = t->next;
        t->request->transfer = NULL;
        transfer_free(t);
    }
    curl_multi_cleanup(l->multi);
    ev_timer_stop(l->loop, &l->timer);
    ev_timer_stop(l->loop, &l->turn);
    HASH_ITER(hh, l->watches, w, next)
    {
        forget(l, w);
    }
    free(l);
}

struct curl_loop *curl_loop_of(struct reactor *r)
{
    if (!r->curl)
        r->curl = curl_loop_new(r);
    return r->curl;
}
