#include "bench/cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_PORT = 18080, PORT_STEP = 7, DISCOVERY_STEP = 3, LEARNER_STEP = 5, MAX_ARGS = 96 };
static const double START_SECONDS = 20, POLL_SECONDS = 0.005;

double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool wait_until(bool (*f)(void *arg), void *arg, double seconds)
{
    double end = seconds_now() + seconds;
    const struct timespec pause = {0, (long)(POLL_SECONDS * 1e9)};

    while (!f(arg)) {
        if (seconds_now() > end)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool is_free(int type, unsigned i, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;
    bool could;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    could = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    if (fd >= 0)
        close(fd);
    return could;
}

/* Each process begins elsewhere: clusters that start side by side would else take one
 * port for free before either has it. */
static int find_port(unsigned n)
{
    enum { TRIES = 285 };

    for (int k = 0; k < TRIES; k++) {
        int port = FIRST_PORT + (getpid() + k) % TRIES * PORT_STEP;
        unsigned i = 0;

        while (i < n && is_free(SOCK_STREAM, i, port) &&
               is_free(SOCK_STREAM, i, port + DISCOVERY_STEP) &&
               is_free(SOCK_DGRAM, i, port + DISCOVERY_STEP) &&
               is_free(SOCK_STREAM, i, port + LEARNER_STEP))
            i++;
        if (i == n)
            return port;
    }
    return -1;
}

int cluster_init(struct cluster *c, const char *binary, unsigned n, const char *config_text,
                 char err[CLUSTER_ERRLEN])
{
    FILE *f;

    memset(c, 0, sizeof(*c));
    snprintf(c->dir, sizeof(c->dir), "/tmp/p2pfaas-cluster.XXXXXX");
    snprintf(c->binary, sizeof(c->binary), "%s", binary);
    c->n = n;
    c->port = find_port(n);
    if (c->port < 0) {
        snprintf(err, CLUSTER_ERRLEN, "no port is free on 127.0.0.1 to 127.0.0.%u", n);
        return -1;
    }
    c->discovery_port = c->port + DISCOVERY_STEP;
    c->learner_port = c->port + LEARNER_STEP;
    if (!mkdtemp(c->dir)) {
        snprintf(err, CLUSTER_ERRLEN, "%s: %s", c->dir, strerror(errno));
        return -1;
    }
    snprintf(c->config, sizeof(c->config), "%s/plugins.yaml", c->dir);
    f = fopen(c->config, "we");
    if (!f || fputs(config_text, f) < 0 || fclose(f)) {
        snprintf(err, CLUSTER_ERRLEN, "%s: %s", c->config, strerror(errno));
        return -1;
    }
    for (unsigned i = 0; i < n; i++) {
        struct cluster_node *node = &c->node[i];

        snprintf(node->id, sizeof(node->id), "n%u", i + 1);
        snprintf(node->ip, sizeof(node->ip), "127.0.0.%u", i + 1);
        snprintf(node->address, sizeof(node->address), "127.0.0.%u:%d", i + 1, c->port);
        snprintf(node->log, sizeof(node->log), "%s/%s.log", c->dir, node->id);
    }
    return 0;
}

/* ---- processes ---- */

static void run_node(const struct cluster *c, unsigned i, const char *netns, char **argv)
{
    int log = open(c->node[i].log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int home = netns[0] ? open(netns, O_RDONLY | O_CLOEXEC) : -1;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    if (netns[0] && (home < 0 || setns(home, CLONE_NEWNET)))
        dprintf(2, "cannot enter %s: %s\n", netns, strerror(errno));
    else
        execv(c->binary, argv);
    dprintf(2, "cannot run %s: %s\n", c->binary, strerror(errno));
    _exit(127);
}

struct readiness {
    struct cluster_node *node;
    bool ended;
};

static bool serves_or_ended(void *arg)
{
    struct readiness *r = arg;
    struct request rq = {.timeout = 1};
    struct reply reply;
    char url[64];
    bool ready;

    if (waitpid(r->node->pid, NULL, WNOHANG) == r->node->pid) {
        r->node->pid = 0;
        r->ended = true;
        return true;
    }
    snprintf(url, sizeof(url), "http://%s/readyz", r->node->address);
    rq.url = url;
    http_call(&rq, &reply);
    ready = reply.status == 200;
    reply_free(&reply);
    return ready;
}

static void explain(const struct cluster *c, unsigned i, const char *what, char *err)
{
    char *log = cluster_log(c, i);
    size_t n = log ? strlen(log) : 0;

    snprintf(err, CLUSTER_ERRLEN, "node %s %s; its log ends with: %s", c->node[i].id, what,
             n ? log + (n > 300 ? n - 300 : 0) : "(nothing)");
    free(log);
}

/* What the cluster itself tells a node; returns how many settings. */
enum { OWN_SETTINGS = 7, SETTING_LEN = 300 };

static unsigned own_settings(const struct cluster *c, unsigned i, char (*own)[SETTING_LEN])
{
    char *peers = own[OWN_SETTINGS - 1];

    snprintf(own[0], SETTING_LEN, "node.id=%s", c->node[i].id);
    snprintf(own[1], SETTING_LEN, "node.listen=%s", c->node[i].ip);
    snprintf(own[2], SETTING_LEN, "node.port=%d", c->port);
    snprintf(own[3], SETTING_LEN, "discovery.port=%d", c->discovery_port);
    snprintf(own[4], SETTING_LEN, "learner.port=%d", c->learner_port);
    if (c->strangers)
        return 5;
    snprintf(own[5], SETTING_LEN, "discovery.source=none");
    if (c->has_peers)
        return 6;
    snprintf(peers, SETTING_LEN, "peers.nodes=");
    for (unsigned k = 0; k < c->n; k++)
        snprintf(peers + strlen(peers), SETTING_LEN - strlen(peers), "%s%s", k ? "," : "",
                 c->node[k].address);
    return OWN_SETTINGS;
}

int cluster_launch(struct cluster *c, unsigned i, const char *const *more, char err[CLUSTER_ERRLEN])
{
    struct cluster_node *node = &c->node[i];
    char own[OWN_SETTINGS][SETTING_LEN], netns[64] = "";
    unsigned n = 0, n_own = own_settings(c, i, own);
    char *argv[MAX_ARGS];

    argv[n++] = c->binary;
    argv[n++] = "--config";
    argv[n++] = c->config;
    for (unsigned k = 0; k < n_own; k++) {
        argv[n++] = "--set";
        argv[n++] = own[k];
    }
    for (int list = 0; list < 2; list++)
        for (const char *const *s = list ? more : c->settings; s && *s && n < MAX_ARGS - 3; s++) {
            argv[n++] = "--set";
            argv[n++] = (char *)*s;
        }
    argv[n] = NULL;
    if (node->netns[0])
        snprintf(netns, sizeof(netns), "/run/netns/%s", node->netns);
    node->pid = fork();
    if (node->pid == 0)
        run_node(c, i, netns, argv);
    if (node->pid < 0) {
        node->pid = 0;
        snprintf(err, CLUSTER_ERRLEN, "node %s: cannot fork: %s", node->id, strerror(errno));
        return -1;
    }
    return 0;
}

int cluster_await(struct cluster *c, unsigned i, char err[CLUSTER_ERRLEN])
{
    struct readiness r = {&c->node[i], false};

    if (!wait_until(serves_or_ended, &r, START_SECONDS)) {
        explain(c, i, "does not serve", err);
        cluster_stop(c, i, SIGKILL, 5);
        return -1;
    }
    if (r.ended) {
        explain(c, i, "ended at its start", err);
        return -1;
    }
    return 0;
}

int cluster_start(struct cluster *c, unsigned i, const char *const *more, char err[CLUSTER_ERRLEN])
{
    return cluster_launch(c, i, more, err) || cluster_await(c, i, err) ? -1 : 0;
}

int cluster_start_all(struct cluster *c, const char *const *more, char err[CLUSTER_ERRLEN])
{
    for (unsigned i = 0; i < c->n; i++)
        if (cluster_start(c, i, more, err))
            return -1;
    return 0;
}

struct ending {
    pid_t pid;
    int status;
};

static bool has_ended(void *arg)
{
    struct ending *e = arg;

    return waitpid(e->pid, &e->status, WNOHANG) == e->pid;
}

int cluster_stop(struct cluster *c, unsigned i, int signal, double seconds)
{
    struct ending e = {c->node[i].pid, 0};
    bool ended;

    if (!e.pid)
        return 0;
    kill(e.pid, signal);
    ended = wait_until(has_ended, &e, seconds);
    if (!ended) {
        kill(e.pid, SIGKILL);
        waitpid(e.pid, &e.status, 0);
    }
    c->node[i].pid = 0;
    return ended ? e.status : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void cluster_free(struct cluster *c)
{
    for (unsigned i = 0; i < c->n; i++)
        cluster_stop(c, i, SIGTERM, 10);
    if (c->dir[0] && !getenv("P2P_KEEP_LOGS"))
        nftw(c->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

bool cluster_is_whole(void *cluster)
{
    const struct cluster *c = cluster;
    unsigned running = 0;
    bool whole = true;

    for (unsigned i = 0; i < c->n; i++)
        running += c->node[i].pid != 0;
    for (unsigned i = 0; i < c->n && whole; i++) {
        char url[96], wanted[64];
        struct request rq = {.url = url, .timeout = 2};
        struct reply r;

        if (!c->node[i].pid)
            continue;
        snprintf(url, sizeof(url), "http://%s/metrics", c->node[i].address);
        snprintf(wanted, sizeof(wanted), "p2pfaas_peers{state=\"up\"} %u\n", running - 1);
        http_call(&rq, &r);
        whole = strstr(r.body, wanted) != NULL;
        reply_free(&r);
    }
    return whole;
}

char *cluster_log(const struct cluster *c, unsigned i)
{
    FILE *f = fopen(c->node[i].log, "re");
    char *text = NULL;
    size_t size = 0;

    if (!f)
        return NULL;
    if (getdelim(&text, &size, '\0', f) < 0) {
        free(text);
        text = NULL;
    }
    fclose(f);
    return text;
}
