/*
 * support_etcd.h - one etcd server of a test program: 127.0.0.1, ports of its own, its data
 * in the cluster's folder, ended by its pid or with the program.
 */
#ifndef TESTS_CLUSTER_SUPPORT_ETCD_H
#define TESTS_CLUSTER_SUPPORT_ETCD_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

enum { FIRST_PORT = 23790, LAST_PORT = 32000 }; /* below those of outgoing connections */
static const double PATIENCE = 30;

static struct {
    bool is_here;
    pid_t pid;
    int port, peer_port;
    unsigned folder; /* of its data, counted */
} etcd;

static inline bool is_installed(void)
{
    char path[4096], *at, *rest = path;

    snprintf(path, sizeof(path), "%s", getenv("PATH") ? getenv("PATH") : "");
    while ((at = strsep(&rest, ":"))) {
        char file[4200];

        snprintf(file, sizeof(file), "%s/etcd", at);
        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

static inline int free_port(int from)
{
    for (int port = from; port < LAST_PORT; port++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        rc = bind(fd, (struct sockaddr *)&a, sizeof(a));
        close(fd);
        if (rc == 0)
            return port;
    }
    return -1;
}

static inline void run_etcd(void)
{
    char folder[128], client[64], peer[64], cluster_arg[80], log[128];
    int fd;

    snprintf(folder, sizeof(folder), "%s/etcd.%u", cluster.dir, etcd.folder);
    snprintf(client, sizeof(client), "http://127.0.0.1:%d", etcd.port);
    snprintf(peer, sizeof(peer), "http://127.0.0.1:%d", etcd.peer_port);
    snprintf(cluster_arg, sizeof(cluster_arg), "test=%s", peer);
    snprintf(log, sizeof(log), "%s/etcd.log", cluster.dir);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execlp("etcd", "etcd", "--name", "test", "--data-dir", folder, "--listen-client-urls", client,
           "--advertise-client-urls", client, "--listen-peer-urls", peer,
           "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster_arg, "--logger",
           "zap", "--log-level", "warn", (char *)NULL);
    _exit(127);
}

static inline bool etcd_serves(void *arg)
{
    struct reply r;
    struct request rq = {.timeout = 1};
    char url[64];
    bool serves;

    (void)arg;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/health", etcd.port);
    rq.url = url;
    http_call(&rq, &r);
    serves = r.status == 200;
    reply_free(&r);
    return serves;
}

static inline void start_etcd(void)
{
    etcd.pid = fork();
    assert_true(etcd.pid >= 0);
    if (etcd.pid == 0)
        run_etcd();
    if (!wait_until(etcd_serves, NULL, PATIENCE))
        fail_msg("etcd does not serve; see %s/etcd.log", cluster.dir);
}

static inline void kill_etcd(void)
{
    if (etcd.pid <= 0)
        return;
    kill(etcd.pid, SIGKILL);
    waitpid(etcd.pid, NULL, 0);
    etcd.pid = 0;
}

/* A call of its gateway, without login; expects 200. */
static inline void etcd_call(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void etcd_call(const char *path, const char *format, ...)
{
    size_t size = 2 << 20;
    char *body = malloc(size), url[96];
    struct request rq = {.url = url, .body = body};
    struct reply r;
    va_list args;
    int n;

    assert_non_null(body);
    va_start(args, format);
    n = vsnprintf(body, size, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < size);
    rq.len = (size_t)n;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v3/%s", etcd.port, path);
    http_call(&rq, &r);
    expect(r, 200, NULL);
    free(body);
}

/* base64, kept by the caller. */
static inline char *encoded(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text), at = 0;
    char *out = calloc(1, n / 3 * 4 + 5);

    assert_non_null(out);
    for (size_t i = 0; i < n; i += 3) {
        unsigned char in[3] = {0};
        size_t left = n - i < 3 ? n - i : 3;
        unsigned bits;

        memcpy(in, text + i, left);
        bits = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
        for (unsigned k = 0; k < 4; k++)
            out[at++] = k <= left ? digits[bits >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

static inline void etcd_put(const char *key, const char *value)
{
    char *k = encoded(key), *v = encoded(value);

    etcd_call("kv/put", "{\"key\":\"%s\",\"value\":\"%s\"}", k, v);
    free(k);
    free(v);
}

static inline void etcd_delete(const char *key)
{
    char *k = encoded(key);

    etcd_call("kv/deleterange", "{\"key\":\"%s\"}", k);
    free(k);
}

#endif
