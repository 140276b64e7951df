/*
 * misbehave - a function that goes wrong on demand, for tests: ?do=
 *   crash   a segmentation fault          exit    ends with ?code=N, says why
 *   hang    never answers                 flood   writes without end (fork)
 *   slow    answers after ?ms=N           half    cuts its answer off (http)
 *   garbage answers what is not HTTP (http)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "functions/serve.h"

static void wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

/* Past the HTTP library, straight to the client. */
static void send_raw(const struct invocation *in, const char *text)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(in->priv, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info && send(info->connect_fd, text, strlen(text), MSG_NOSIGNAL) > 0)
        shutdown(info->connect_fd, SHUT_RDWR);
}

static void flood(struct invocation *in)
{
    static const char text[4096] = {'x'};

    if (in->http) {
        in->out_len = 32 << 20;
        in->out = calloc(1, in->out_len);
        return;
    }
    while (write(STDOUT_FILENO, text, sizeof(text)) > 0)
        ;
}

static void handle(struct invocation *in)
{
    char what[32] = "";

    serve_query_text(in, "do", what, sizeof(what));
    in->content_type = "text/plain";
    in->out = strdup("well behaved\n");
    in->out_len = in->out ? strlen(in->out) : 0;
    if (strcmp(what, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would end it more gently */
        raise(SIGSEGV);
    } else if (strcmp(what, "hang") == 0) {
        wait_ms(3600000);
    } else if (strcmp(what, "slow") == 0) {
        wait_ms(serve_query(in, "ms", 100));
    } else if (strcmp(what, "exit") == 0) {
        fprintf(stderr, "this is why\n");
        _exit((int)serve_query(in, "code", 3));
    } else if (strcmp(what, "flood") == 0) {
        free(in->out);
        in->out = NULL;
        flood(in);
    } else if (strcmp(what, "half") == 0 && in->http) {
        send_raw(in, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    } else if (strcmp(what, "garbage") == 0 && in->http) {
        send_raw(in, "this is not HTTP at all\r\n\r\n");
    }
}

int main(void)
{
    return serve(handle);
}
