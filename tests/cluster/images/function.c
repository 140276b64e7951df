/*
 * A function for an image with nothing else in it: linked statically, HTTP on PORT, a
 * thread a connection.  Answers what it was sent, and on these paths:
 *   /host         the name of its container
 *   /sleep?N      after N milliseconds
 *   /exit?N       not at all: it ends with that status
 *   /eat?N        after it took N megabytes
 *   /file?PATH    what is in that file, a line at most
 *   /env?NAME     what that variable says
 *   /write        whether it can write beside /tmp, and there
 *   /say?N        after it wrote what it was sent N times to both its outputs
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUEST = 64 << 10 };

struct request {
    char text[REQUEST + 1];
    size_t len;
    char *body;
    size_t body_len;
};

/* The next one of the connection; false when there is none. */
static int read_request(int fd, struct request *r)
{
    char *end = NULL, *length;

    r->len = 0;
    while (!end) {
        ssize_t n = read(fd, r->text + r->len, REQUEST - r->len);

        if (n <= 0)
            return 0;
        r->len += (size_t)n;
        r->text[r->len] = '\0';
        end = strstr(r->text, "\r\n\r\n");
    }
    length = strcasestr(r->text, "content-length:");
    r->body = end + 4;
    r->body_len = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
    while (r->len < (size_t)(r->body - r->text) + r->body_len) {
        ssize_t n = r->len < REQUEST ? read(fd, r->text + r->len, REQUEST - r->len) : 0;

        if (n <= 0)
            return 0;
        r->len += (size_t)n;
    }
    return 1;
}

static const char *can_write(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return "no";
    fclose(f);
    return "yes";
}

/* What the query, up to the blank behind it, names. */
static void read_named(const char *query, int is_file, char *out, size_t size)
{
    char name[128];
    FILE *f;

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(query, " "), query);
    snprintf(out, size, "%s", is_file || !getenv(name) ? "" : getenv(name));
    f = is_file ? fopen(name, "r") : NULL;
    if (f && !fgets(out, (int)size, f))
        out[0] = '\0';
    if (f)
        fclose(f);
}

static int handle(int fd, struct request *r)
{
    const char *path = strchr(r->text, ' ') + 1, *mark = strchr(path, '?');
    long number = mark ? strtol(mark + 1, NULL, 10) : 0;
    const char *body = r->body;
    char head[128], text[256];
    size_t len = r->body_len;
    int n;

    if (strncmp(path, "/exit", 5) == 0)
        _exit((int)number);
    if (strncmp(path, "/sleep", 6) == 0)
        usleep((useconds_t)number * 1000);
    if (strncmp(path, "/eat", 4) == 0) {
        size_t bytes = (size_t)number << 20;
        volatile char *memory = malloc(bytes);

        for (size_t i = 0; memory && i < bytes; i += 4096)
            memory[i] = (char)i;
    }
    for (long i = 0; strncmp(path, "/say", 4) == 0 && i < number; i++) {
        dprintf(1, "out: %.*s\n", (int)len, body);
        dprintf(2, "err: %.*s\n", (int)len, body);
    }
    if (strncmp(path, "/host", 5) == 0 && gethostname(text, sizeof(text)) == 0) {
        body = text;
        len = strlen(text);
    }
    if (mark && (strncmp(path, "/file", 5) == 0 || strncmp(path, "/env", 4) == 0)) {
        read_named(mark + 1, path[1] == 'f', text, sizeof(text));
        body = text;
        len = strlen(text);
    }
    if (strncmp(path, "/write", 6) == 0) {
        snprintf(text, sizeof(text), "root %s, tmp %s", can_write("/file"), can_write("/tmp/file"));
        body = text;
        len = strlen(text);
    }
    n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    return write(fd, head, (size_t)n) == n && write(fd, body, len) == (ssize_t)len;
}

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    struct request *r = malloc(sizeof(*r));

    while (r && read_request(fd, r) && handle(fd, r))
        ;
    close(fd);
    free(r);
    return NULL;
}

static void on_term(int signal)
{
    (void)signal;
    _exit(0);
}

int main(void)
{
    const char *port = getenv("PORT");
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)(port ? atoi(port) : 8080))};
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 128))
        return 1;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t thread;

        /* Head and body are two writes: without it the second waits 40 ms for the other side. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (fd >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
}
