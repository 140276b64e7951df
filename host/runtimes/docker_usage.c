#include "host/runtimes/docker_usage.h"

#include <stdlib.h>

static const uint64_t ANSWER_NS = 10000000000;

struct docker_usage {
    struct docker *docker;
    struct reactor *home;
    void (*done)(void *owner, const struct usage *u);
    void *owner;
    struct usage sum;
    unsigned n, n_open, n_known;
    bool begun;
    struct docker_request request[];
};

static void end_if_over(struct docker_usage *u)
{
    if (!u->begun || u->n_open > 0)
        return;
    u->done(u->owner, u->n_known == 0 && u->n > 0 ? NULL : &u->sum);
    free(u);
}

static void on_stats(struct docker_request *r, int status, const cJSON *answer)
{
    struct docker_usage *u = r->owner;
    struct docker_stats stats;

    if (status == 200 && docker_read_stats(answer, &stats)) {
        u->sum.cpu_millicores += stats.cpu_millicores;
        u->sum.memory_bytes += stats.memory_bytes;
        u->n_known++;
    }
    u->n_open--;
    end_if_over(u);
}

struct docker_usage *docker_usage_new(struct docker *d, struct reactor *home, unsigned most,
                                      void (*done)(void *owner, const struct usage *u), void *owner)
{
    struct docker_usage *u = calloc(1, sizeof(*u) + most * sizeof(u->request[0]));

    if (!u)
        return NULL;
    u->docker = d;
    u->home = home;
    u->done = done;
    u->owner = owner;
    return u;
}

void docker_usage_add(struct docker_usage *u, const char *id)
{
    struct docker_request *r = &u->request[u->n++];

    u->n_open++;
    *r = (struct docker_request){.done = on_stats, .owner = u};
    docker_start(docker_api(u->docker), u->home, r, "GET", NULL, ANSWER_NS,
                 "/containers/%s/stats?stream=false", id);
}

void docker_usage_begin(struct docker_usage *u)
{
    u->begun = true;
    end_if_over(u);
}
