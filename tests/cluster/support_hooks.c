#include "tests/cluster/support_hooks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BODY = 1 << 20, MOST_DUMP = 1 << 20 };

struct hooks {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    hook f;
    void *ctx;
    int notes; /* the function's file; -1 = this is no function */
};

struct arrival {
    char *body;
    size_t len;
};

/* ---- the function ---- */

/* How often each body was seen by ?fail=. */
static struct {
    char body[64];
    unsigned seen;
} failing[64];

static unsigned times_seen(const char *body)
{
    for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
        if (!failing[i].body[0])
            snprintf(failing[i].body, sizeof(failing[i].body), "%s", body);
        if (strcmp(failing[i].body, body) == 0)
            return failing[i].seen++;
    }
    return 0;
}

static enum MHD_Result dump_header(void *to, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    fprintf(to, "%s: %s\n", name, value);
    return MHD_YES;
}

static unsigned query(struct MHD_Connection *c, const char *name)
{
    const char *text = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);

    return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

static void note(int fd, const char *body)
{
    size_t len = strcspn(body, "\n");
    char line[128];
    int n = snprintf(line, sizeof(line), "%.*s\n", len < 100 ? (int)len : 100, body);

    if (write(fd, line, (size_t)n) != n)
        abort();
}

static struct MHD_Response *run(struct hooks *h, struct MHD_Connection *c, const char *url,
                                const char *method, const struct arrival *a, unsigned *status)
{
    const char *after = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "after");
    struct MHD_Response *r;
    char *text = NULL;
    size_t n = 0;
    FILE *f;

    note(h->notes, a->body);
    if (strcmp(url, "/dump") != 0) {
        r = MHD_create_response_from_buffer(a->len, a->body, MHD_RESPMEM_MUST_COPY);
    } else {
        f = open_memstream(&text, &n);
        fprintf(f, "%s %s q=%u\n", method, url, query(c, "q"));
        MHD_get_connection_values(c, MHD_HEADER_KIND, dump_header, f);
        fprintf(f, "\n%s", a->body);
        fclose(f);
        r = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
    }
    *status = 200;
    if (query(c, "fail") && times_seen(a->body) < query(c, "fail")) {
        *status = query(c, "code");
        if (after)
            MHD_add_response_header(r, "Retry-After", after);
    }
    MHD_add_response_header(r, "X-Mine", "yes");
    return r;
}

/* ---- the server ---- */

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    struct hooks *h = cls;
    struct arrival *a = *context;
    struct MHD_Response *r;
    unsigned status = 200;
    enum MHD_Result sent;

    (void)version;
    if (!a) {
        *context = a = calloc(1, sizeof(*a));
        a->body = calloc(1, 1);
        return MHD_YES;
    }
    if (*size) {
        if (a->len + *size > MOST_BODY)
            return MHD_NO;
        a->body = realloc(a->body, a->len + *size + 1);
        memcpy(a->body + a->len, data, *size);
        a->len += *size;
        a->body[a->len] = '\0';
        *size = 0;
        return MHD_YES;
    }
    if (h->notes >= 0) {
        r = run(h, c, url, method, a, &status);
    } else {
        const struct hooked rq = {url, a->body, a->len, c};

        pthread_mutex_lock(&h->lock);
        status = (unsigned)h->f(h->ctx, &rq);
        pthread_mutex_unlock(&h->lock);
        r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    sent = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return sent;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct arrival *a = *context;

    (void)cls;
    (void)c;
    (void)how;
    if (a)
        free(a->body);
    free(a);
}

static struct hooks *start(unsigned port, hook f, void *ctx, int notes)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct hooks *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_mutex_init(&h->lock, NULL);
    h->f = f;
    h->ctx = ctx;
    h->notes = notes;
    h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, h,
                                 MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
                                 MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    if (h->daemon)
        return h;
    free(h);
    return NULL;
}

struct hooks *hooks_start(unsigned port, hook f, void *ctx)
{
    return start(port, f, ctx, -1);
}

unsigned hooks_port(const struct hooks *h)
{
    return MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void hooks_stop(struct hooks *h)
{
    if (!h)
        return;
    MHD_stop_daemon(h->daemon);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

const char *hooked_header(const struct hooked *rq, const char *name)
{
    const char *value = MHD_lookup_connection_value(rq->connection, MHD_HEADER_KIND, name);

    return value ? value : "";
}

void hooks_serve_if_asked(int argc, char **argv)
{
    const char *port = getenv("PORT");
    sigset_t end;
    int number, fd;

    if (argc != 3 || strcmp(argv[1], "function") != 0 || !port)
        return;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || !start((unsigned)strtoul(port, NULL, 10), NULL, NULL, fd))
        _exit(1);
    sigwait(&end, &number);
    _exit(0);
}

const char *hooks_command(const char *file)
{
    static char command[800];
    char program[512];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

    program[n > 0 ? n : 0] = '\0';
    snprintf(command, sizeof(command), "['%s', function, '%s']", program, file);
    return command;
}

unsigned hooks_runs(const char *file, const char *text)
{
    FILE *f = fopen(file, "re");
    unsigned n = 0;
    char line[128];

    while (f && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        n += strcmp(line, text) == 0;
    }
    if (f)
        fclose(f);
    return n;
}
