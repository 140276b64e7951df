/*
 * cluster.h - real nodes on this machine, for the demo, the benchmarks and the
 * cluster tests: processes on 127.0.0.1, 127.0.0.2, …, all on one port, and
 * on others for discovery and for learners.  They list each other as peers and discover nobody,
 * unless the settings say otherwise.
 *
 * Errors: -1 and a message that names the node and its log file.
 */
#ifndef BENCH_CLUSTER_H
#define BENCH_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CLUSTER_MAX = 12, CLUSTER_ERRLEN = 512 };

struct cluster_node {
    char id[16];      /* "n1", … */
    char ip[20];      /* "127.0.0.1" */
    char address[32]; /* "127.0.0.1:18080" */
    char netns[40];   /* network namespace that it runs in; "" = the caller's */
    char log[128];
    pid_t pid; /* 0 = not running */
};

struct cluster {
    char dir[64]; /* logs, run folders, the configuration; removed by cluster_free */
    char binary[256];
    char config[128];
    int port, discovery_port, learner_port;
    unsigned n;
    struct cluster_node node[CLUSTER_MAX];
    bool strangers; /* nodes are not told of each other: they have to find each other */
    const char *const *settings; /* NULL-terminated "section.key=value" for every node */
    bool has_peers;              /* peers.nodes stands in the configuration's text */
};

/* Ports that are free on all addresses, the folder and its plugins.yaml with this text. */
int cluster_init(struct cluster *c, const char *binary, unsigned n, const char *config_text,
                 char err[CLUSTER_ERRLEN]);
/* Starts node i (from 0) with more settings (may be NULL); returns when it serves. */
int cluster_start(struct cluster *c, unsigned i, const char *const *more, char err[CLUSTER_ERRLEN]);
/* The same in two steps, for nodes that start side by side. */
int cluster_launch(struct cluster *c, unsigned i, const char *const *more,
                   char err[CLUSTER_ERRLEN]);
int cluster_await(struct cluster *c, unsigned i, char err[CLUSTER_ERRLEN]);
int cluster_start_all(struct cluster *c, const char *const *more, char err[CLUSTER_ERRLEN]);
/* Sends the signal and waits up to `seconds` for its end; then SIGKILL.  Returns the
 * status of waitpid, or -1 when it had to be killed. */
int cluster_stop(struct cluster *c, unsigned i, int signal, double seconds);
/* Stops what runs with SIGTERM and removes the folder, unless P2P_KEEP_LOGS is set. */
void cluster_free(struct cluster *c);
/* Does each node that runs see all others that run as up?  For wait_until.  [struct cluster *] */
bool cluster_is_whole(void *cluster);
/* Whole log of a node, zero-terminated, malloc'ed. */
char *cluster_log(const struct cluster *c, unsigned i);

/* Polls until f(arg) is true; false when `seconds` are over. */
bool wait_until(bool (*f)(void *arg), void *arg, double seconds);
double seconds_now(void); /* monotonic */

/* ---- one HTTP call, blocking ---- */

struct reply {
    long status; /* 0: no answer, see error */
    char *body;  /* zero-terminated */
    size_t len;
    char *headers; /* as received, lines */
    char error[256];
};

struct request {
    const char *method; /* NULL = GET, or POST when there is a body */
    const char *url;
    const void *body;
    size_t len;
    const char *const *headers; /* NULL-terminated "Name: value" */
    double timeout;             /* seconds; 0 = 30 */
};

void http_call(const struct request *rq, struct reply *out);
/* The value of a header of the reply, copied; false when it is not there. */
bool reply_header(const struct reply *r, const char *name, char *out, size_t size);
void reply_free(struct reply *r);

#endif
