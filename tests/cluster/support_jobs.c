#include "tests/cluster/support_jobs.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

enum { ANSWER_MAX = 64 << 10, REQUEST_HEAD = 512, PATIENCE_SECONDS = 60 };

struct sending {
    char address[64];
    char path[128];
    unsigned first, clients, each;
    size_t padding;
    _Atomic unsigned next_client, answered;
    pthread_mutex_t lock;
    struct tally tally;
    pthread_t thread[MOST_CLIENTS];
};

static int connect_to(const char *address)
{
    const struct timeval patience = {PATIENCE_SECONDS, 0};
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char ip[64];

    snprintf(ip, sizeof(ip), "%s", address);
    a.sin_port = htons((uint16_t)strtoul(strchr(ip, ':') + 1, NULL, 10));
    *strchr(ip, ':') = '\0';
    inet_pton(AF_INET, ip, &a.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* All that comes until the other side closes; its length. */
static size_t exchange(const struct sending *s, const char *line, char *answer)
{
    size_t body = strlen(line) + s->padding, len = 0, sent = 0, total;
    char *request = malloc(REQUEST_HEAD + body);
    int fd = connect_to(s->address);
    ssize_t n = 0;

    if (!request)
        abort(); /* cmocka's asserts are for the main thread */
    total = (size_t)snprintf(request, REQUEST_HEAD,
                             "POST %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                             "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                             s->path, s->address, body, line);
    memset(request + total, 'x', s->padding);
    total += s->padding;
    while (fd >= 0 && sent < total && n >= 0) {
        n = send(fd, request + sent, total - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
    }
    while (fd >= 0 && len < ANSWER_MAX - 1 &&
           (n = recv(fd, answer + len, ANSWER_MAX - 1 - len, 0)) > 0)
        len += (size_t)n;
    answer[len] = '\0';
    if (fd >= 0)
        close(fd);
    free(request);
    return len;
}

/* Exactly one answer?  Then its status, and the body. */
static int only_answer(const char *answer, size_t len, const char **body)
{
    const char *head_end = strstr(answer, "\r\n\r\n");
    const char *length = strcasestr(answer, "\r\nContent-Length:");

    if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || !head_end || !length || length > head_end)
        return 0;
    *body = head_end + 4;
    if ((size_t)(*body - answer) + strtoul(length + 17, NULL, 10) != len)
        return 0;
    return (int)strtol(answer + 9, NULL, 10);
}

static void score(struct sending *s, const char *line, const char *answer, size_t len)
{
    struct tally *t = &s->tally;
    const char *body = "";
    int status = only_answer(answer, len, &body);
    bool right = true;

    pthread_mutex_lock(&s->lock);
    t->jobs++;
    t->answers += status != 0;
    switch (status) {
    case 200:
        right = strcmp(body, line) == 0;
        t->ok += right;
        break;
    case 500:
    case 503:
        t->refused++;
        break;
    case 502:
        t->lost++;
        break;
    case 504:
        t->late++;
        break;
    default:
        right = false;
    }
    if (status != 200)
        right = right && strstr(body, "\"message\"");
    if (!right && t->wrong++ == 0)
        snprintf(t->first_wrong, sizeof(t->first_wrong), "%.10s: %zu bytes: %.300s", line, len,
                 answer);
    pthread_mutex_unlock(&s->lock);
    s->answered++;
}

static void *run_client(void *arg)
{
    struct sending *s = arg;
    unsigned client = s->next_client++;
    char *answer = malloc(ANSWER_MAX);

    for (unsigned i = 0; answer && i < s->each; i++) {
        char line[32];

        snprintf(line, sizeof(line), "job-%u\n", s->first + client * s->each + i);
        score(s, line, answer, exchange(s, line, answer));
    }
    free(answer);
    return NULL;
}

struct sending *sending_start(const char *address, const char *path, unsigned first,
                              unsigned clients, unsigned each, size_t padding)
{
    struct sending *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    assert_true(clients <= MOST_CLIENTS && first + clients * each <= MOST_JOBS);
    snprintf(s->address, sizeof(s->address), "%s", address);
    snprintf(s->path, sizeof(s->path), "%s", path);
    s->first = first;
    s->clients = clients;
    s->each = each;
    s->padding = padding;
    pthread_mutex_init(&s->lock, NULL);
    for (unsigned i = 0; i < clients; i++)
        assert_int_equal(pthread_create(&s->thread[i], NULL, run_client, s), 0);
    return s;
}

unsigned sending_answered(const struct sending *s)
{
    return s->answered;
}

void sending_end(struct sending *s, struct tally *out)
{
    for (unsigned i = 0; i < s->clients; i++)
        pthread_join(s->thread[i], NULL);
    *out = s->tally;
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void send_jobs(const char *address, const char *path, unsigned first, unsigned clients,
               unsigned each, size_t padding, struct tally *out)
{
    sending_end(sending_start(address, path, first, clients, each, padding), out);
}

void count_runs(const char *file, unsigned counts[MOST_JOBS])
{
    FILE *f = fopen(file, "re");
    char line[64];

    memset(counts, 0, MOST_JOBS * sizeof(*counts));
    while (f && fgets(line, sizeof(line), f)) {
        unsigned long job = strncmp(line, "job-", 4) == 0 ? strtoul(line + 4, NULL, 10) : MOST_JOBS;

        assert_true(job < MOST_JOBS);
        counts[job]++;
    }
    if (f)
        fclose(f);
}
