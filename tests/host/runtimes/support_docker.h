/*
 * support_docker.h - a Docker daemon that says what a table says, on a socket in a folder
 * of its own.  Its threads end with fake_stop().
 */
#ifndef TESTS_HOST_RUNTIMES_SUPPORT_DOCKER_H
#define TESTS_HOST_RUNTIMES_SUPPORT_DOCKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FAKE_RULES = 16, FAKE_CONNECTIONS = 64 };

/* A later rule counts before an earlier one. */
struct fake_rule {
    const char *begins; /* "POST /v1.41/containers/create"; of the request line */
    int status;         /* 0: the connection breaks; -1: no answer until fake_stop */
    const char *body;
};

static struct {
    char folder[64], socket[96];
    int listener;
    pthread_t acceptor, thread[FAKE_CONNECTIONS];
    pthread_mutex_t lock;
    /* Under the lock. */
    struct fake_rule rule[FAKE_RULES];
    unsigned n_rules, n_connections, ids;
    int fd[FAKE_CONNECTIONS], events; /* -1 = none */
    char log[16384];
    bool ending;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void fake_says(const char *begins, int status, const char *body)
{
    pthread_mutex_lock(&fake.lock);
    fake.rule[fake.n_rules++ % FAKE_RULES] = (struct fake_rule){begins, status, body};
    pthread_mutex_unlock(&fake.lock);
}

/* How many requests had this in their first line. */
static inline unsigned fake_asked(const char *text)
{
    unsigned n = 0;

    pthread_mutex_lock(&fake.lock);
    for (const char *at = fake.log; (at = strstr(at, text)); at++)
        n++;
    pthread_mutex_unlock(&fake.lock);
    return n;
}

static inline bool fake_has_events(void)
{
    bool has;

    pthread_mutex_lock(&fake.lock);
    has = fake.events >= 0;
    pthread_mutex_unlock(&fake.lock);
    return has;
}

/* NULL ends the stream. */
static inline void fake_event(const char *text)
{
    pthread_mutex_lock(&fake.lock);
    if (fake.events >= 0 && text)
        (void)!write(fake.events, text, strlen(text));
    else if (fake.events >= 0)
        shutdown(fake.events, SHUT_RDWR);
    pthread_mutex_unlock(&fake.lock);
}

/* True: the connection goes on. */
static inline bool fake_answer(int fd, const char *line)
{
    struct fake_rule rule = {.status = 404, .body = "{\"message\":\"no rule\"}"};
    char head[256], id[64];
    int n;

    pthread_mutex_lock(&fake.lock);
    snprintf(fake.log + strlen(fake.log), sizeof(fake.log) - strlen(fake.log), "%s", line);
    for (unsigned i = 0; i < fake.n_rules && i < FAKE_RULES; i++)
        if (strncmp(line, fake.rule[i].begins, strlen(fake.rule[i].begins)) == 0)
            rule = fake.rule[i];
    if (strstr(line, "/events?"))
        fake.events = fd;
    if (rule.body && strcmp(rule.body, "ID") == 0) {
        snprintf(id, sizeof(id), "{\"Id\":\"ab%04x\"}", ++fake.ids);
        rule.body = id;
    }
    pthread_mutex_unlock(&fake.lock);
    if (rule.status == 0)
        return false;
    if (rule.status < 0)
        return true;
    n = strstr(line, "/events?")
            ? snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n\r\n", rule.status)
            : snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n",
                       rule.status, strlen(rule.body));
    return write(fd, head, (size_t)n) == n &&
           write(fd, rule.body, strlen(rule.body)) == (ssize_t)strlen(rule.body);
}

static inline void *fake_serve(void *arg)
{
    int fd = *(int *)arg;
    char text[8192];
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
        char *end, *length;

        len += (size_t)n;
        text[len] = '\0';
        end = strstr(text, "\r\n\r\n");
        length = strstr(text, "Content-Length: ");
        if (!end || len < (size_t)(end + 4 - text) +
                              (length && length < end ? strtoul(length + 16, NULL, 10) : 0))
            continue;
        *(strstr(text, "\r\n") + 1) = '\0';
        if (!fake_answer(fd, text))
            break;
        len = 0;
    }
    pthread_mutex_lock(&fake.lock);
    if (fake.events == fd)
        fake.events = -1;
    shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&fake.lock);
    return NULL;
}

static inline void *fake_accept(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = accept4(fake.listener, NULL, NULL, SOCK_CLOEXEC);
        bool ending;

        pthread_mutex_lock(&fake.lock);
        ending = fake.ending || fd < 0 || fake.n_connections == FAKE_CONNECTIONS;
        if (!ending) {
            unsigned i = fake.n_connections++;

            fake.fd[i] = fd;
            pthread_create(&fake.thread[i], NULL, fake_serve, &fake.fd[i]);
        }
        pthread_mutex_unlock(&fake.lock);
        if (ending && fd >= 0)
            close(fd);
        if (ending)
            return NULL;
    }
}

/* Without listening: nobody is there. */
static inline void fake_make(void)
{
    snprintf(fake.folder, sizeof(fake.folder), "/tmp/test_docker_XXXXXX");
    (void)!mkdtemp(fake.folder);
    snprintf(fake.socket, sizeof(fake.socket), "%s/socket", fake.folder);
    fake.n_rules = fake.n_connections = fake.ids = 0;
    fake.log[0] = '\0';
    fake.listener = fake.events = -1;
    fake.ending = false;
}

static inline void fake_start(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", fake.socket);
    fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fake.listener, (struct sockaddr *)&a, sizeof(a)) || listen(fake.listener, 64) ||
        pthread_create(&fake.acceptor, NULL, fake_accept, NULL))
        abort();
}

static inline void fake_stop(void)
{
    if (fake.listener >= 0) {
        pthread_mutex_lock(&fake.lock);
        fake.ending = true;
        for (unsigned i = 0; i < fake.n_connections; i++)
            shutdown(fake.fd[i], SHUT_RDWR);
        pthread_mutex_unlock(&fake.lock);
        shutdown(fake.listener, SHUT_RDWR);
        pthread_join(fake.acceptor, NULL);
        for (unsigned i = 0; i < fake.n_connections; i++) {
            pthread_join(fake.thread[i], NULL);
            close(fake.fd[i]);
        }
        close(fake.listener);
        unlink(fake.socket);
    }
    rmdir(fake.folder);
}

#endif
