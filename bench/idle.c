/*
 * idle.c - what nodes say to each other while nobody calls: eight of them, each a host
 * of its own in a network namespace, and the bytes that leave it.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench/netns.h"

enum { NODES = 8 };
static const double SETTLE_SECONDS = 10; /* what is told of the join ebbs away */

static const char config[] = "functions: {echo: {mode: http, command: ['${BIN}/functions/echo']}}\n"
                             "log: {level: warn}\n";
static const char *const settings[] = {"discovery.seeds=10.77.0.1", "security.trust_network=true",
                                       NULL};

static void wait_seconds(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&t, NULL);
}

static int read_all(const struct netns *net, struct netns_traffic *sum)
{
    *sum = (struct netns_traffic){0, 0};
    for (unsigned i = 0; i < net->n; i++) {
        struct netns_traffic t;

        if (netns_sent(net, i, &t))
            return -1;
        sum->bytes += t.bytes;
        sum->packets += t.packets;
    }
    return 0;
}

static int measure(const struct netns *net, double seconds, char err[CLUSTER_ERRLEN])
{
    struct netns_traffic before, after;
    double start, took, bytes, packets;

    wait_seconds(SETTLE_SECONDS);
    start = seconds_now();
    if (read_all(net, &before))
        goto fail;
    wait_seconds(seconds);
    took = seconds_now() - start;
    if (read_all(net, &after))
        goto fail;
    bytes = (double)(after.bytes - before.bytes) / net->n;
    packets = (double)(after.packets - before.packets) / net->n;
    printf("idle traffic of %u nodes, measured for %.0f s: each sends %.1f packets and %.0f bytes "
           "a second,\n  Ethernet's included: %.1f MB an hour\n",
           net->n, took, packets / took, bytes / took, bytes / took * 3600 / 1e6);
    return 0;
fail:
    snprintf(err, CLUSTER_ERRLEN, "cannot read the counters of the bridge");
    return -1;
}

static int run(struct cluster *c, const struct netns *net, const char *binary, double seconds,
               char err[CLUSTER_ERRLEN])
{
    if (netns_enter(net, err) || cluster_init(c, binary, NODES, config, err))
        return -1;
    c->strangers = true;
    c->settings = settings;
    netns_settle(net, c);
    if (cluster_start_all(c, NULL, err))
        return -1;
    if (!wait_until(cluster_is_whole, c, 30)) {
        snprintf(err, CLUSTER_ERRLEN, "the nodes do not find each other");
        return -1;
    }
    return measure(net, seconds, err);
}

int main(int argc, char **argv)
{
    struct cluster c = {.n = 0};
    char err[CLUSTER_ERRLEN];
    struct netns net;
    int rc;

    if (argc != 3) {
        fprintf(stderr, "usage: idle PATH-OF-P2PFAAS SECONDS\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = netns_init(&net, NODES, err);
    if (rc == 0)
        rc = run(&c, &net, argv[1], strtod(argv[2], NULL), err);
    if (rc)
        fprintf(stderr, "idle: %s\n", err);
    cluster_free(&c);
    netns_release(&net);
    curl_global_cleanup();
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
