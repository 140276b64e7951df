#include "functions/serve.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 2, CONNECTION_BYTES = 16 << 10 };

/* ---- what handlers ask ---- */

const char *serve_header(const struct invocation *in, const char *name)
{
    char variable[256] = "HTTP_";
    size_t n = strlen(variable);

    if (in->priv)
        return MHD_lookup_connection_value(in->priv, MHD_HEADER_KIND, name);
    if (strcasecmp(name, "Content-Type") == 0)
        return getenv("CONTENT_TYPE");
    for (; *name && n < sizeof(variable) - 1; name++)
        variable[n++] = isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_';
    variable[n] = '\0';
    return getenv(variable);
}

bool serve_query_text(const struct invocation *in, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);

    for (const char *at = in->query; at && *at; at = strchr(at, '&')) {
        size_t k = 0;

        at += *at == '&';
        if (strncmp(at, name, n) != 0 || at[n] != '=')
            continue;
        for (at += n + 1; *at && *at != '&' && k < size - 1; at++) {
            unsigned code;

            if (*at == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]) &&
                sscanf(at + 1, "%2x", &code) == 1) {
                out[k++] = (char)code;
                at += 2;
            } else {
                out[k++] = *at;
            }
        }
        out[k] = '\0';
        return true;
    }
    return false;
}

long serve_query(const struct invocation *in, const char *name, long otherwise)
{
    char text[32];

    return serve_query_text(in, name, text, sizeof(text)) ? strtol(text, NULL, 10) : otherwise;
}

/* ---- one call, as CGI ---- */

static char *read_all(size_t *len)
{
    char *body = malloc(1);
    size_t cap = 1;

    *len = 0;
    for (;;) {
        ssize_t n;

        if (cap - *len < 2) {
            char *grown = cap < 2 * (size_t)SERVE_MAX_BODY ? realloc(body, cap * 2 + 4096) : NULL;

            if (!grown)
                break;
            body = grown;
            cap = cap * 2 + 4096;
        }
        n = read(STDIN_FILENO, body + *len, cap - *len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    body[*len] = '\0';
    return body;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "";
}

/* CGI_HEADERS=1 in its environment: the answer begins with header lines. */
static void print_headers(const struct invocation *in)
{
    printf("Status: %d\r\nContent-Type: %s\r\n", in->status, in->content_type);
    for (unsigned i = 0; i < in->n_headers; i++)
        printf("%s: %s\r\n", in->header[i][0], in->header[i][1]);
    printf("\r\n");
}

static int run_once(void (*handle)(struct invocation *in))
{
    struct invocation in = {.method = variable("REQUEST_METHOD"),
                            .path = variable("PATH_INFO"),
                            .query = variable("QUERY_STRING"),
                            .status = 200,
                            .content_type = "application/octet-stream"};
    char *body = read_all(&in.len);
    bool written;

    in.body = body;
    handle(&in);
    if (strcmp(variable("CGI_HEADERS"), "1") == 0)
        print_headers(&in);
    written = in.out_len == 0 || fwrite(in.out, 1, in.out_len, stdout) == in.out_len;
    written = fflush(stdout) == 0 && written;
    free(in.out);
    free(body);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- many calls, as a server ---- */

struct upload {
    char *body;
    size_t len, cap;
    char *query;
};

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct upload *u = calloc(1, sizeof(*u));
    const char *mark = strchr(uri, '?');

    (void)cls;
    (void)connection;
    if (u && mark)
        u->query = strdup(mark + 1);
    return u;
}

static enum MHD_Result take(struct upload *u, const char *data, size_t size)
{
    if (u->len + size > SERVE_MAX_BODY)
        return MHD_NO;
    if (u->len + size + 1 > u->cap) {
        size_t cap = 2 * (u->len + size + 1);
        char *grown = realloc(u->body, cap);

        if (!grown)
            return MHD_NO;
        u->body = grown;
        u->cap = cap;
    }
    memcpy(u->body + u->len, data, size);
    u->len += size;
    u->body[u->len] = '\0';
    return MHD_YES;
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct invocation *in)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(in->out_len, in->out, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result sent;

    if (!r) {
        free(in->out);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, in->content_type);
    for (unsigned i = 0; i < in->n_headers; i++)
        MHD_add_response_header(r, in->header[i][0], in->header[i][1]);
    sent = MHD_queue_response(connection, (unsigned)in->status, r);
    MHD_destroy_response(r);
    return sent;
}

/* How a server shares its connections among threads. */
enum threads { FEW_THREADS, THREAD_A_CONNECTION };

struct begun {
    void (*handle)(struct invocation *in);
};

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    const struct begun *b = cls;
    struct upload *u = *context;
    struct invocation in = {.method = method,
                            .path = url,
                            .http = true,
                            .priv = connection,
                            .status = 200,
                            .content_type = "application/octet-stream"};

    (void)version;
    if (!u)
        return MHD_NO;
    if (u->cap == 0 && *size == 0 && !u->body) { /* the first of several calls */
        u->body = calloc(1, 1);
        return u->body ? MHD_YES : MHD_NO;
    }
    if (*size) {
        enum MHD_Result taken = take(u, data, *size);

        *size = 0;
        return taken;
    }
    in.query = u->query ? u->query : "";
    in.body = u->body;
    in.len = u->len;
    b->handle(&in);
    return answer(connection, &in);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct upload *u = *context;

    (void)cls;
    (void)connection;
    (void)how;
    if (!u)
        return;
    free(u->body);
    free(u->query);
    free(u);
    *context = NULL;
}

/* Where a server listens: HOST, in a container 0.0.0.0. */
static int read_host(struct in_addr *out)
{
    const char *host = getenv("HOST");

    if (inet_pton(AF_INET, host && *host ? host : "127.0.0.1", out) == 1)
        return 0;
    fprintf(stderr, "HOST=%s: allowed: a numeric IPv4 address, as in 0.0.0.0\n", host);
    return -1;
}

static int run_server(void (*handle)(struct invocation *in), const char *port, enum threads threads)
{
    unsigned flags = threads == FEW_THREADS
                         ? MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO
                         : MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD;
    unsigned pool = threads == FEW_THREADS ? THREADS : 0;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    struct begun begun = {handle};
    struct MHD_Daemon *daemon;
    sigset_t stop;
    int signal;

    if (read_host(&a.sin_addr))
        return EXIT_FAILURE;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, &begun, MHD_OPTION_SOCK_ADDR, &a,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_THREAD_POOL_SIZE, pool, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u, MHD_OPTION_END);
    if (!daemon) {
        char host[INET_ADDRSTRLEN];

        inet_ntop(AF_INET, &a.sin_addr, host, sizeof(host));
        fprintf(stderr, "cannot listen on %s:%s\n", host, port);
        return EXIT_FAILURE;
    }
    sigwait(&stop, &signal);
    MHD_stop_daemon(daemon);
    return EXIT_SUCCESS;
}

static int serve_by(void (*handle)(struct invocation *in), enum threads threads)
{
    const char *port = getenv("PORT");

    return port && *port ? run_server(handle, port, threads) : run_once(handle);
}

int serve(void (*handle)(struct invocation *in))
{
    return serve_by(handle, FEW_THREADS);
}

int serve_waiting(void (*handle)(struct invocation *in))
{
    return serve_by(handle, THREAD_A_CONNECTION);
}
