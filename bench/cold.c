/*
 * cold.c - a call to a function that does not run: how long until its answer, and where the
 * time goes.  A node with each of its runtimes beside `docker run` of the same image, in turns,
 * so that what else the machine does hits all alike.
 */
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/dockerd.h"
#include "bench/median.h"

enum { MOST_ROUNDS = 1000, PHASES = 4 };
static const double PATIENCE = 30; /* seconds */

static const char image[] = "p2pfaas-cold:1";
static const char run_address[] = "127.0.0.1:28080";
/* One function a way to run it; a container's memory and processes are limited as ever. */
static const char functions[] =
    "functions:\n"
    "  zero: {runtime: docker, image: 'p2pfaas-cold:1', idle_timeout: 1h}\n"
    "  warm: {runtime: docker, image: 'p2pfaas-cold:1', replicas_max: 2, warm: 1,"
    " idle_timeout: 1h}\n"
    "  http: {mode: http, command: ['${BIN}/tests/cluster/images/function']}\n"
    "  fork: {command: [cat]}\n"
    "log: {level: warn}\n";

struct sample {
    double phase[PHASES]; /* create, start, ready, first byte; seconds, all 0 = not told */
    double whole;         /* until the answer is here */
};

struct bench {
    struct cluster cluster;
    struct dockerd docker;
    char err[CLUSTER_ERRLEN];
};

static int fail(struct bench *b, const char *what, const struct reply *r)
{
    snprintf(b->err, sizeof(b->err), "%s: %ld %.300s%.100s", what, r->status,
             r->body ? r->body : "", r->error);
    return -1;
}

/* ---- docker run ---- */

static bool answers(void *arg)
{
    char url[64];
    struct request rq = {.url = url, .body = "x", .len = 1, .timeout = 1};
    struct reply r;
    bool yes;

    (void)arg;
    snprintf(url, sizeof(url), "http://%s/", run_address);
    http_call(&rq, &r);
    yes = r.status == 200;
    reply_free(&r);
    return yes;
}

static double returned; /* of the last docker run: when the command was over */

static int docker_run(struct bench *b, const char *function, struct sample *s)
{
    double began = seconds_now();
    char id[128], out[256];
    bool right;

    (void)function;
    dockerd_shell(id, sizeof(id), "exec docker run -d -p %s:8080 %s", run_address, image);
    returned = seconds_now() - began;
    right = wait_until(answers, NULL, PATIENCE);
    s->whole = seconds_now() - began;
    id[strcspn(id, "\n")] = '\0';
    dockerd_shell(out, sizeof(out), "docker rm -f %s 2>&1", id);
    if (!right)
        snprintf(b->err, sizeof(b->err), "docker run gives no answer: %s", out);
    return right ? 0 : -1;
}

static int docker_run_command(struct bench *b, const char *function, struct sample *s)
{
    (void)b;
    (void)function;
    s->whole = returned;
    return 0;
}

/* ---- the node ---- */

static void ask(struct bench *b, struct reply *r, const char *body, const char *format,
                const char *function)
{
    char path[96], url[160];
    struct request rq = {.url = url, .body = body, .len = body ? strlen(body) : 0};

    snprintf(path, sizeof(path), "%s%s", format, function);
    snprintf(url, sizeof(url), "http://%s%s", b->cluster.node[0].address, path);
    http_call(&rq, r);
}

struct waiting {
    struct bench *bench;
    const char *function;
};

static bool is_at_rest(void *arg)
{
    const struct waiting *w = arg;
    bool warm = strcmp(w->function, "warm") == 0, rests = false;
    struct reply r;
    const cJSON *row;
    cJSON *json;
    char out[128] = "\n";

    ask(w->bench, &r, NULL, "/configuration", "");
    json = cJSON_Parse(r.body);
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, "functions"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(row, "name"));

        rests |= strcmp(name, w->function) == 0 &&
                 cJSON_GetNumberValue(cJSON_GetObjectItem(row, "replicas")) == 0;
    }
    cJSON_Delete(json);
    reply_free(&r);
    if (rests && warm)
        dockerd_shell(out, sizeof(out),
                      "docker ps -q -f status=created -f label=p2pfaas.function=warm");
    return rests && strchr(out, '\n');
}

static int rest(struct bench *b, const char *function)
{
    struct waiting w = {b, function};
    struct reply r;
    int rc = 0;

    ask(b, &r, "{\"replicas\":0}", "/system/scale-function/", function);
    if (r.status != 202)
        rc = fail(b, "cannot scale to 0", &r);
    else if (!wait_until(is_at_rest, &w, PATIENCE))
        rc = fail(b, "still runs", &r);
    reply_free(&r);
    return rc;
}

static int call(struct bench *b, const char *function, struct sample *s)
{
    char list[128] = "";
    double began;
    struct reply r;
    int rc = 0;

    if (strcmp(function, "fork") != 0 && rest(b, function))
        return -1;
    began = seconds_now();
    ask(b, &r, "x", "/function/", function);
    s->whole = seconds_now() - began;
    reply_header(&r, "X-P2pfaas-Timing-Cold-Start-Seconds-List", list, sizeof(list));
    if (r.status != 200)
        rc = fail(b, function, &r);
    else if (list[0] && sscanf(list, "[%lf,%lf,%lf,%lf]", &s->phase[0], &s->phase[1], &s->phase[2],
                               &s->phase[3]) != PHASES)
        rc = fail(b, list, &r);
    reply_free(&r);
    return rc;
}

static int scale_delay(struct bench *b, const char *function, struct sample *s)
{
    static const char *const names[] = {"create", "start", "ready"};
    struct reply r;
    cJSON *json;
    int rc = 0;

    ask(b, &r, NULL, "/monitoring/scale-delay/", function);
    json = cJSON_Parse(r.body);
    if (r.status != 200)
        rc = fail(b, "scale-delay", &r);
    else
        s->whole = cJSON_GetNumberValue(cJSON_GetObjectItem(json, "delay_seconds"));
    for (int i = 0; rc == 0 && i < 3; i++)
        s->phase[i] = cJSON_GetNumberValue(
            cJSON_GetObjectItem(cJSON_GetObjectItem(json, "phases"), names[i]));
    cJSON_Delete(json);
    reply_free(&r);
    return rc;
}

/* ---- the rounds ---- */

static const struct way {
    const char *name, *function;
    int (*measure)(struct bench *b, const char *function, struct sample *s);
} ways[] = {
    /* The first is what the others are compared with. */
    {"`docker run -d`, and the first answer", NULL, docker_run},
    {"of it: the command", NULL, docker_run_command},
    {"docker, from zero", "zero", call},
    {"docker, `warm: 1`", "warm", call},
    {"docker, `scale-delay`", "zero", scale_delay},
    {"process, `mode: http`", "http", call},
    {"process, a program a call", "fork", call},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static struct sample samples[WAYS][MOST_ROUNDS];

static int measure(struct bench *b, unsigned rounds)
{
    struct sample first;

    for (unsigned w = 0; w < WAYS; w++) /* what is only slow once */
        if (ways[w].measure(b, ways[w].function, &first))
            return -1;
    for (unsigned i = 0; i < rounds; i++)
        for (unsigned w = 0; w < WAYS; w++)
            if (ways[w].measure(b, ways[w].function, &samples[w][i]))
                return -1;
    return 0;
}

/* ---- the table ---- */

static double median_phase(unsigned way, unsigned phase, unsigned rounds)
{
    static double x[MOST_ROUNDS];

    for (unsigned i = 0; i < rounds; i++)
        x[i] = phase < PHASES ? samples[way][i].phase[phase] : samples[way][i].whole;
    return median(x, rounds);
}

/* Of each round, so that slow and fast ones count alike; with the quartiles. */
static void print_ratio(unsigned way, unsigned rounds)
{
    static double x[MOST_ROUNDS];
    double middle;
    int digits;

    for (unsigned i = 0; i < rounds; i++)
        x[i] = samples[way][i].whole / samples[0][i].whole;
    middle = median(x, rounds);
    digits = middle < 0.1 ? 4 : 2;
    printf(" %.*f (%.*f to %.*f) |\n", digits, middle, digits, x[rounds / 4], digits,
           x[3 * rounds / 4]);
}

static void print(unsigned rounds)
{
    printf("ms, medians of %u rounds; in brackets: quartiles\n\n", rounds);
    printf("| a call that waits for | create | start | ready | first byte | whole | of `docker "
           "run` |\n|---|--:|--:|--:|--:|--:|--:|\n");
    for (unsigned w = 0; w < WAYS; w++) {
        printf("| %s |", ways[w].name);
        for (unsigned p = 0; p <= PHASES; p++) {
            double seconds = median_phase(w, p, rounds);

            if (seconds > 0)
                printf(" %.1f |", seconds * 1e3);
            else
                printf(" |");
        }
        print_ratio(w, rounds);
    }
}

static int run(struct bench *b, const char *folder, unsigned rounds)
{
    char binary[200], images[200], socket[96];
    const char *settings[] = {socket, "discovery.source=none", "node.id=cold", NULL};

    snprintf(binary, sizeof(binary), "%s/p2pfaas", folder);
    snprintf(images, sizeof(images), "%s/tests/cluster/images", folder);
    if (cluster_init(&b->cluster, binary, 1, functions, b->err) ||
        dockerd_begin(&b->docker, b->cluster.dir, b->err) || dockerd_image(images, image, b->err))
        return -1;
    snprintf(socket, sizeof(socket), "docker.socket=%s/docker.sock", b->cluster.dir);
    b->cluster.settings = settings;
    if (cluster_start(&b->cluster, 0, NULL, b->err) || measure(b, rounds))
        return -1;
    print(rounds);
    return 0;
}

int main(int argc, char **argv)
{
    static struct bench b;
    unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    int rc;

    if (rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: cold BUILD-FOLDER ROUNDS, 1 to %d\n", MOST_ROUNDS);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = run(&b, argv[1], (unsigned)rounds);
    if (rc)
        fprintf(stderr, "cold: %s\n", b.err);
    if (b.cluster.node[0].pid)
        cluster_stop(&b.cluster, 0, SIGTERM, 15);
    dockerd_end(&b.docker);
    cluster_free(&b.cluster);
    curl_global_cleanup();
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
