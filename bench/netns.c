#include "bench/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "p2pfaas-"
#define FOLDER "/run/netns"

int netns_shell(char err[CLUSTER_ERRLEN], const char *format, ...)
{
    char command[2048], redirected[2100];
    va_list args;
    size_t n;
    FILE *p;
    int status;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    snprintf(redirected, sizeof(redirected), "( %s\n) 2>&1 </dev/null", command);
    p = popen(redirected, "re"); /* NOLINT(cert-env33-c): a command of this program's */
    if (!p) {
        snprintf(err, CLUSTER_ERRLEN, "%s: %s", command, strerror(errno));
        return -1;
    }
    n = fread(err, 1, CLUSTER_ERRLEN - 1, p);
    err[n] = '\0';
    while (fgetc(p) != EOF)
        ;
    status = pclose(p);
    if (status == 0) {
        err[0] = '\0';
        return 0;
    }
    if (n == 0)
        snprintf(err, CLUSTER_ERRLEN, "status %d of: %s", status, command);
    return -1;
}

void netns_name(const struct netns *net, unsigned host, char out[40])
{
    snprintf(out, 40, "%s-%u", net->name, host + 1);
}

/* ---- life ---- */

static void remove_left_behind(void)
{
    DIR *dir = opendir(FOLDER);
    char err[CLUSTER_ERRLEN];
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        long pid = strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0
                       ? strtol(e->d_name + strlen(PREFIX), NULL, 10)
                       : 0;

        if (pid > 1 && kill((pid_t)pid, 0) && errno == ESRCH)
            netns_shell(err, "ip netns del %s", e->d_name);
    }
    if (dir)
        closedir(dir);
}

/* The remover reads from a pipe whose other end only this process has; it stands in
 * a session of its own, so that a signal to the test's group spares it. */
static int start_remover(struct netns *net, char err[CLUSTER_ERRLEN])
{
    char script[256];
    int ends[2];

    snprintf(script, sizeof(script),
             "cat; for i in '' $(seq -f -%%.0f %u); do ip netns del %s$i; done", net->n, net->name);
    if (pipe2(ends, O_CLOEXEC)) {
        snprintf(err, CLUSTER_ERRLEN, "cannot make a pipe: %s", strerror(errno));
        return -1;
    }
    net->remover = fork();
    if (net->remover == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        setsid();
        dup2(ends[0], 0);
        dup2(null, 1);
        dup2(null, 2);
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    net->lifeline = ends[1];
    if (net->remover > 0)
        return 0;
    net->remover = 0;
    close(ends[1]);
    snprintf(err, CLUSTER_ERRLEN, "cannot fork: %s", strerror(errno));
    return -1;
}

static int make_bridge(const struct netns *net, char err[CLUSTER_ERRLEN])
{
    return netns_shell(err,
                       "set -e; ns=%s; ip netns add $ns; ip -n $ns link set lo up\n"
                       "ip -n $ns link add br0 type bridge; ip -n $ns link set br0 up\n"
                       "ip -n $ns addr add 10.77.0.254/24 dev br0\n"
                       "ip netns exec $ns nft 'add table bridge faults; "
                       "add chain bridge faults through "
                       "{ type filter hook forward priority 0; }'",
                       net->name);
}

/* The hardware address is told, so that a host keeps it when its wire is changed. */
static int make_host(const struct netns *net, unsigned i, char err[CLUSTER_ERRLEN])
{
    char name[40];

    netns_name(net, i, name);
    return netns_shell(
        err,
        "set -e; ns=%s; bridge=%s; i=%u; ip netns add $ns; ip -n $ns link set lo up\n"
        "ip -n $bridge link add h$i type veth peer name eth0 address 02:00:0a:4d:00:0$i netns $ns\n"
        "ip -n $bridge link set h$i master br0 up; ip -n $ns addr add 10.77.0.$i/24 dev eth0\n"
        "ip -n $ns link set eth0 up",
        name, net->name, i + 1);
}

int netns_init(struct netns *net, unsigned n, char err[CLUSTER_ERRLEN])
{
    memset(net, 0, sizeof(*net));
    net->n = n;
    net->home = -1;
    snprintf(net->name, sizeof(net->name), PREFIX "%d", (int)getpid());
    if (geteuid() != 0) {
        snprintf(err, CLUSTER_ERRLEN, "network namespaces need root");
        return -1;
    }
    remove_left_behind();
    net->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (net->home < 0) {
        snprintf(err, CLUSTER_ERRLEN, "/proc/thread-self/ns/net: %s", strerror(errno));
        return -1;
    }
    if (start_remover(net, err) || make_bridge(net, err))
        goto fail;
    for (unsigned i = 0; i < n; i++)
        if (make_host(net, i, err))
            goto fail;
    return 0;
fail:
    netns_release(net);
    return -1;
}

void netns_release(struct netns *net)
{
    if (net->home >= 0) {
        if (setns(net->home, CLONE_NEWNET))
            perror("cannot leave the network namespace");
        close(net->home);
        net->home = -1;
    }
    if (net->remover > 0) {
        close(net->lifeline);
        waitpid(net->remover, NULL, 0);
        net->remover = 0;
    }
}

int netns_enter(const struct netns *net, char err[CLUSTER_ERRLEN])
{
    char path[64];
    int fd, rc;

    snprintf(path, sizeof(path), FOLDER "/%s", net->name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    rc = fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
    if (rc)
        snprintf(err, CLUSTER_ERRLEN, "cannot enter %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

void netns_settle(const struct netns *net, struct cluster *c)
{
    for (unsigned i = 0; i < c->n && i < net->n; i++) {
        struct cluster_node *node = &c->node[i];

        netns_name(net, i, node->netns);
        snprintf(node->ip, sizeof(node->ip), "10.77.0.%u", i + 1);
        snprintf(node->address, sizeof(node->address), "10.77.0.%u:%d", i + 1, c->port);
    }
}

/* ---- faults ---- */

static int set_rules(const struct netns *net, const char *rules, char err[CLUSTER_ERRLEN])
{
    return netns_shell(err, "ip netns exec %s nft 'flush chain bridge faults through; %s'",
                       net->name, rules);
}

int netns_lose(const struct netns *net, unsigned percent, char err[CLUSTER_ERRLEN])
{
    char rule[128];

    snprintf(rule, sizeof(rule),
             "add rule bridge faults through meta l4proto { tcp, udp } "
             "numgen random mod 100 < %u counter drop",
             percent);
    return set_rules(net, rule, err);
}

int netns_part(const struct netns *net, unsigned half, char err[CLUSTER_ERRLEN])
{
    char rules[400];

    snprintf(rules, sizeof(rules),
             "add rule bridge faults through ip saddr 10.77.0.1-10.77.0.%u "
             "ip daddr 10.77.0.%u-10.77.0.250 counter drop; "
             "add rule bridge faults through ip daddr 10.77.0.1-10.77.0.%u "
             "ip saddr 10.77.0.%u-10.77.0.250 counter drop",
             half, half + 1, half, half + 1);
    return set_rules(net, rules, err);
}

int netns_heal(const struct netns *net, char err[CLUSTER_ERRLEN])
{
    return set_rules(net, "", err);
}

int netns_sent(const struct netns *net, unsigned host, struct netns_traffic *out)
{
    FILE *f = fopen("/proc/thread-self/net/dev", "re");
    char line[512], wanted[16];
    int rc = -1;

    (void)net;
    snprintf(wanted, sizeof(wanted), "h%u:", host + 1);
    while (f && fgets(line, sizeof(line), f)) {
        const char *at = line + strspn(line, " ");
        char *end;

        if (strncmp(at, wanted, strlen(wanted)) != 0)
            continue;
        /* What came in at the bridge's end of the wire is what the host sent. */
        out->bytes = strtoull(at + strlen(wanted), &end, 10);
        out->packets = strtoull(end, NULL, 10);
        rc = 0;
    }
    if (f)
        fclose(f);
    return rc;
}
