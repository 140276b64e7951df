/*
 * demo.c - the main job, shown: three real nodes that know one seed, real programs as
 * functions, real files as input, more work at one node than it can take, three
 * schedulers swapped over REST while the traffic flows, and a node that is killed and
 * comes back.
 *
 * The load is open loop with Poisson gaps: jobs are sent at their time whether or
 * not earlier ones were answered.  The rate follows from the measured service time,
 * so that one slot is overloaded and three are not, on any machine.
 */
#include <curl/curl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cluster.h"
#include "bench/inputs.h"
#include "bench/watch.h"

enum {
    NODES = 3,
    SLOTS = 4,
    QUEUE = 4,
    SWAPS = 3, /* phases of a fixed length, each with another scheduler */
    OUTAGE = SWAPS,
    PHASES,
    VICTIM = 2, /* n3 */
    WARM_UP_JOBS = 40,
    MOST_IN_FLIGHT = 512
};
static const double PHASE_SECONDS = 10, MOST_JOBS_A_PHASE = 2000;
/* Of the outage: until the kill; after the others know; the most that is waited for them;
 * after the node ran a job again; the most that is waited for that. */
static const double KILL_AFTER = 3, NOTICED_FOR = 1, NOTICE_MOST = 9, BACK_FOR = 2, BACK_MOST = 6;
static const double OVERLOAD = 2.4; /* offered work, in slots of one node */

/* The wait stands for a disk, a sensor, a database: three nodes on one machine share
 * its processors, so only what waits makes them more than one. */
static const char config_text[] =
    "node: {slots: 4, queue: 4, threads: 1}\n"
    "scheduler: {plugin: local}\n"
    "functions:\n"
    "  wordcount: {command: [sh, -c, 'sleep 0.12; exec ${BIN}/functions/wordcount']}\n"
    "  gzip: {command: [sh, -c, 'sleep 0.12; exec gzip -c'], content_type: application/gzip}\n"
    "  sha256sum: {command: [sh, -c, 'sleep 0.12; exec sha256sum'], content_type: text/plain}\n";

static const char *const strangers[] = {"discovery.source=p2p", "discovery.seeds=127.0.0.1", NULL};

static const struct {
    const char *title, *scheduler, *json;
} phases[PHASES] = {
    {"local", "local", "{\"name\":\"local\"}"},
    {"random", "random", "{\"name\":\"random\"}"},
    {"power_of_choices", "power_of_choices",
     "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":2,\"threshold\":4}}"},
    {"same, n3 dies", "power_of_choices", NULL},
};

struct tally {
    unsigned sent, answered, refused, lost, failed, wrong; /* lost: n3 had them */
    unsigned ran[NODES];
    double *seconds; /* of those answered */
    unsigned n_seconds;
};

enum function { WORDCOUNT, GZIP, SHA256SUM, FUNCTIONS };
static const char *const function_names[FUNCTIONS] = {"wordcount", "gzip", "sha256sum"};

struct shot { /* one invocation under way */
    CURL *easy;
    const struct input *input;
    enum function function;
    int phase;
    double sent_at;
    char *body;
    size_t len, cap;
    char scheduler[64], peers[256];
    struct shot *next;
};

struct demo {
    struct cluster cluster;
    struct input files[INPUTS_MOST];
    unsigned n_files;
    CURLM *multi;
    struct shot *idle;
    unsigned in_flight, most_in_flight, unknown;
    struct tally tally[PHASES];
    struct watched outage;
    double ran_again; /* the victim, after the outage; 0: not yet */
    char url[FUNCTIONS][128], first_failure[300];
    unsigned seed;
};

/* ---- one shot ---- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct shot *s = arg;
    size_t n = size * count;

    if (s->len + n + 1 > s->cap) {
        size_t cap = 2 * (s->len + n + 1);
        char *grown = realloc(s->body, cap);

        if (!grown)
            return 0;
        s->body = grown;
        s->cap = cap;
    }
    memcpy(s->body + s->len, data, n);
    s->len += n;
    s->body[s->len] = '\0';
    return n;
}

static void take_header(CURL *easy, const char *name, char *out, size_t size)
{
    struct curl_header *h;

    out[0] = '\0';
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
        snprintf(out, size, "%s", h->value);
}

static bool is_right(const struct shot *s)
{
    char expected[64];

    switch (s->function) {
    case SHA256SUM:
        return s->len > 64 && memcmp(s->body, s->input->sha256, 64) == 0;
    case GZIP:
        return s->len > 18 && (unsigned char)s->body[0] == 0x1f &&
               (unsigned char)s->body[1] == 0x8b;
    case WORDCOUNT:
        snprintf(expected, sizeof(expected), "\"bytes\":%zu", s->input->len);
        return s->body && strstr(s->body, expected);
    case FUNCTIONS:
        break;
    }
    return false;
}

static struct shot *shot_new(struct demo *d)
{
    struct shot *s = d->idle;

    if (s) {
        d->idle = s->next;
        s->len = 0;
        return s;
    }
    s = calloc(1, sizeof(*s));
    s->easy = curl_easy_init();
    curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(s->easy, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    return s;
}

static void shoot(struct demo *d, int phase)
{
    struct shot *s = shot_new(d);
    static struct curl_slist *no_expect;

    if (!no_expect)
        no_expect = curl_slist_append(NULL, "Expect:");
    s->input = &d->files[(unsigned)rand_r(&d->seed) % d->n_files];
    s->function = (enum function)((unsigned)rand_r(&d->seed) % FUNCTIONS);
    curl_easy_setopt(s->easy, CURLOPT_URL, d->url[s->function]);
    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, no_expect);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->input->data);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)s->input->len);
    s->phase = phase;
    s->sent_at = seconds_now();
    curl_multi_add_handle(d->multi, s->easy);
    d->in_flight++;
    if (d->in_flight > d->most_in_flight)
        d->most_in_flight = d->in_flight;
}

/* ---- what came back ---- */

/* By the scheduler that decided, not by the time: jobs are under way when it is swapped.
 * The outage is under the scheduler of the phase before. */
static struct tally *tally_of(struct demo *d, const struct shot *s)
{
    for (int i = 0; i < SWAPS; i++) {
        size_t n = strlen(phases[i].scheduler);

        if (strncmp(s->scheduler, phases[i].scheduler, n) == 0 &&
            (s->scheduler[n] == '\0' || s->scheduler[n] == '('))
            return &d->tally[i == SWAPS - 1 && s->phase == OUTAGE ? OUTAGE : i];
    }
    d->unknown++;
    return &d->tally[s->phase];
}

/* Who ran it: the last of ["n1","n3"]; without a list it was the first node. */
static unsigned who_ran(const char *peers)
{
    const char *last = strrchr(peers, 'n');
    unsigned i = last ? (unsigned)(last[1] - '1') : 0;

    return i < NODES ? i : 0;
}

/* n1 says that it had given the job to n3, which may have run it.  A job that was sent
 * later than a moment after the kill has no such excuse. */
static bool is_lost_with_victim(const struct demo *d, const struct shot *s, long status)
{
    return d->outage.killed > 0 && s->sent_at < d->outage.killed + 0.5 && status == 502 &&
           s->body && strstr(s->body, "neighbor n3") && strstr(s->body, "may have run");
}

static void score_answer(struct demo *d, struct tally *t, const struct shot *s)
{
    double *grown = realloc(t->seconds, (t->n_seconds + 1) * sizeof(double));
    unsigned ran = who_ran(s->peers);

    if (grown) {
        t->seconds = grown;
        t->seconds[t->n_seconds++] = seconds_now() - s->sent_at;
    }
    t->answered++;
    t->wrong += !is_right(s);
    t->ran[ran]++;
    if (ran == VICTIM && d->outage.restarted > 0 && d->ran_again == 0)
        d->ran_again = seconds_now();
}

static void score(struct demo *d, struct shot *s, CURLcode code)
{
    struct tally *t;
    long status = 0;

    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    take_header(s->easy, "X-P2pfaas-Scheduler", s->scheduler, sizeof(s->scheduler));
    take_header(s->easy, "X-P2pfaas-Peers-List-Id", s->peers, sizeof(s->peers));
    t = tally_of(d, s);
    t->sent++;
    if (code != CURLE_OK)
        t->failed++;
    else if (status == 200)
        score_answer(d, t, s);
    else if (status == 503 || (status == 500 && s->body && strstr(s->body, "cannot be scheduled")))
        t->refused++;
    else if (is_lost_with_victim(d, s, status))
        t->lost++;
    else
        t->failed++;
    if (t->failed && !d->first_failure[0])
        snprintf(d->first_failure, sizeof(d->first_failure), "%s, %ld: %.200s",
                 phases[s->phase].title, status,
                 code != CURLE_OK ? curl_easy_strerror(code)
                 : s->body        ? s->body
                                  : "");
}

static void collect_answers(struct demo *d)
{
    struct CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(d->multi, &left))) {
        CURLcode code = m->data.result;
        struct shot *s;

        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
        score(d, s, code);
        curl_multi_remove_handle(d->multi, s->easy);
        s->next = d->idle;
        d->idle = s;
        d->in_flight--;
    }
}

static void turn(struct demo *d, double until)
{
    double left = until - seconds_now();
    int running;

    curl_multi_poll(d->multi, NULL, 0, left > 0 ? (int)(left * 1e3) : 0, NULL);
    curl_multi_perform(d->multi, &running);
    collect_answers(d);
}

/* ---- the run ---- */

static int select_scheduler(struct demo *d, int phase, char *err)
{
    for (unsigned i = 0; i < NODES; i++) {
        char url[96];
        struct request rq = {
            .url = url, .body = phases[phase].json, .len = strlen(phases[phase].json)};
        struct reply reply;
        bool ok;

        snprintf(url, sizeof(url), "http://%s/configuration/scheduler", d->cluster.node[i].address);
        http_call(&rq, &reply);
        ok = reply.status == 200;
        if (!ok)
            snprintf(err, CLUSTER_ERRLEN, "POST %s: %ld %.300s%s", url, reply.status, reply.body,
                     reply.error);
        reply_free(&reply);
        if (!ok)
            return -1;
    }
    return 0;
}

/* Mean time of one invocation on the idle node: what one slot is worth. */
static double warm_up(struct demo *d)
{
    double start = seconds_now();

    for (int i = 0; i < WARM_UP_JOBS; i++) {
        shoot(d, 0);
        while (d->in_flight)
            turn(d, seconds_now() + 1);
    }
    return (seconds_now() - start) / WARM_UP_JOBS;
}

static void progress(const struct demo *d, int phase, double rate, const char *what)
{
    unsigned sent = 0, answered = 0, refused = 0;
    static double last;
    bool terminal = isatty(STDOUT_FILENO);
    double now = seconds_now();

    if (now - last < (terminal ? 0.2 : 3))
        return;
    last = now;
    for (int i = 0; i < PHASES; i++) {
        sent += d->tally[i].sent;
        answered += d->tally[i].answered;
        refused += d->tally[i].refused;
    }
    printf("%s  %-16s  %5u done, %5u answered, %4u refused, %3u under way, %4.0f jobs/s, %s%s",
           terminal ? "\r\033[K" : "", phases[phase].title, sent, answered, refused, d->in_flight,
           rate, what, terminal ? "" : "\n");
    fflush(stdout);
}

static double gap(struct demo *d, double rate)
{
    return -log(1.0 - (double)rand_r(&d->seed) / ((double)RAND_MAX + 1.0)) / rate;
}

/* Sends what is due until `until`, and takes what came back. */
static void flow(struct demo *d, int phase, double rate, double *next, double until)
{
    while (*next <= seconds_now() && *next < until && d->in_flight < MOST_IN_FLIGHT) {
        shoot(d, phase);
        *next += gap(d, rate);
    }
    turn(d, fmin(*next, until));
}

static int run_swaps(struct demo *d, double rate, double *next, char *err)
{
    double seconds = fmin(PHASE_SECONDS, MOST_JOBS_A_PHASE / rate);
    double start = *next;

    for (int phase = 0; phase < SWAPS; phase++) {
        double end = start + (phase + 1) * seconds;

        /* Jobs of the phase before are still under way here. */
        if (phase > 0 && select_scheduler(d, phase, err))
            return -1;
        while (seconds_now() < end) {
            char left[32];

            flow(d, phase, rate, next, end);
            snprintf(left, sizeof(left), "%2.0f s left", end - seconds_now());
            progress(d, phase, rate, left);
        }
    }
    return 0;
}

/* ---- the outage ---- */

/* Kills the node, starts it again, in its time; 1 when all is over, -1 when it cannot. */
static int advance(struct demo *d, struct watch *w, double start, const char **what, char *err)
{
    struct watched *o = &d->outage;
    double now = seconds_now();

    watch_read(w, o);
    if (o->killed == 0) {
        *what = "n3 runs";
        if (now < start + KILL_AFTER)
            return 0;
        watch_killed(w, now);
        watch_read(w, o); /* the answers that come next are judged by it */
        cluster_stop(&d->cluster, VICTIM, SIGKILL, 5);
        return 0;
    }
    if (o->restarted == 0) {
        double noticed = watched_last(o, o->dead);

        *what = "n3 is killed";
        if (now < o->killed + NOTICE_MOST && (!watched_by_all(o) || now < noticed + NOTICED_FOR))
            return 0;
        if (cluster_launch(&d->cluster, VICTIM, NULL, err))
            return -1;
        watch_restarted(w, seconds_now());
        return 0;
    }
    *what = "n3 is started again";
    return (d->ran_again > 0 && now > d->ran_again + BACK_FOR) || now > o->restarted + BACK_MOST;
}

static int run_outage(struct demo *d, double rate, double *next, char *err)
{
    struct watch *w = watch_start(&d->cluster, VICTIM, err);
    double start = seconds_now();
    const char *what = "";
    int rc = 0;

    if (!w)
        return -1;
    while (rc == 0) {
        flow(d, OUTAGE, rate, next, seconds_now() + 0.02);
        rc = advance(d, w, start, &what, err);
        progress(d, OUTAGE, rate, what);
    }
    watch_stop(w);
    return rc < 0 ? -1 : 0;
}

static int run_phases(struct demo *d, double rate, char *err)
{
    double next = seconds_now();

    if (run_swaps(d, rate, &next, err) || run_outage(d, rate, &next, err))
        return -1;
    while (d->in_flight)
        turn(d, seconds_now() + 1);
    printf("%s", isatty(STDOUT_FILENO) ? "\r\033[K" : "");
    return 0;
}

/* ---- the table ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile_ms(struct tally *t, double q)
{
    if (t->n_seconds == 0)
        return 0;
    return t->seconds[(unsigned)(q * (t->n_seconds - 1))] * 1e3;
}

static int print_table(struct demo *d)
{
    struct tally all = {0};
    bool whole;

    printf("\n  %-16s %6s %9s %8s %8s %9s %6s %6s %7s %7s %7s\n", "algorithm", "sent", "answered",
           "refused", "lost", "ran at n1", "at n2", "at n3", "p50 ms", "p95 ms", "p99 ms");
    for (int i = 0; i < PHASES; i++) {
        struct tally *t = &d->tally[i];

        qsort(t->seconds, t->n_seconds, sizeof(double), by_value);
        printf("  %-16s %6u %9u %8u %8u %9u %6u %6u %7.1f %7.1f %7.1f\n", phases[i].title, t->sent,
               t->answered, t->refused, t->lost, t->ran[0], t->ran[1], t->ran[2],
               percentile_ms(t, 0.5), percentile_ms(t, 0.95), percentile_ms(t, 0.99));
        all.sent += t->sent;
        all.answered += t->answered;
        all.refused += t->refused;
        all.lost += t->lost;
        all.failed += t->failed;
        all.wrong += t->wrong;
    }
    whole = all.failed == 0 && all.wrong == 0 && all.sent == all.answered + all.refused + all.lost;
    printf("\n  %u sent = %u answered + %u refused + %u lost with n3 + %u failed; %u wrong "
           "answers;\n  %u answers without a scheduler's name\n",
           all.sent, all.answered, all.refused, all.lost, all.failed, all.wrong, d->unknown);
    if (!whole)
        printf("  JOBS WERE LOST, the first: %s\n", d->first_failure);
    else if (all.lost)
        printf("  no job was lost but the %u that n3 had when it was killed: they may have run, so "
               "they are\n  not run again (those of a function declared idempotent would be)\n",
               all.lost);
    else
        printf("  no job was lost\n");
    return whole ? 0 : -1;
}

static int start_nodes(struct demo *d, const char *binary, char *err)
{
    double start = seconds_now();

    printf("starting %d nodes …\n", NODES);
    if (cluster_init(&d->cluster, binary, NODES, config_text, err))
        return -1;
    d->cluster.strangers = true;
    d->cluster.settings = strangers;
    for (unsigned i = 0; i < NODES; i++)
        if (cluster_launch(&d->cluster, i, NULL, err))
            return -1;
    for (unsigned i = 0; i < NODES; i++)
        if (cluster_await(&d->cluster, i, err))
            return -1;
    if (!wait_until(cluster_is_whole, &d->cluster, 20)) {
        snprintf(err, CLUSTER_ERRLEN, "the nodes do not find each other");
        return -1;
    }
    for (int i = 0; i < NODES; i++)
        printf("  %s at http://%s, %d slots, %d places in the queue\n", d->cluster.node[i].id,
               d->cluster.node[i].address, SLOTS, QUEUE);
    printf("each was told the address of n1 and no other; %.2f s after the start each knows all\n",
           seconds_now() - start);
    return 0;
}

static int demo(struct demo *d, const char *binary, char *err)
{
    double service, rate;
    int rc;

    d->n_files = inputs_collect(d->files);
    if (d->n_files == 0) {
        snprintf(err, CLUSTER_ERRLEN,
                 "no file to send in /usr/share/common-licenses, /etc, /usr/bin");
        return -1;
    }
    if (start_nodes(d, binary, err))
        return -1;
    for (int i = 0; i < FUNCTIONS; i++)
        snprintf(d->url[i], sizeof(d->url[i]), "http://%s/function/%s", d->cluster.node[0].address,
                 function_names[i]);
    service = warm_up(d);
    rate = OVERLOAD * SLOTS / service;
    memset(d->tally, 0, sizeof(d->tally));
    printf("an invocation takes %.1f ms on an idle node; sending %.0f a second, all to n1: %.1f "
           "times what it can take\n"
           "functions: wordcount, gzip, sha256sum, each after a wait of 120 ms, as for a disk or "
           "a sensor;\ninputs: %u files of this machine\n\n",
           service * 1e3, rate, OVERLOAD, d->n_files);
    if (run_phases(d, rate, err))
        return -1;
    rc = print_table(d);
    return watched_print(&d->outage, &d->cluster, d->ran_again) || rc ? -1 : 0;
}

static void release(struct demo *d)
{
    struct shot *s;

    while ((s = d->idle)) {
        d->idle = s->next;
        curl_easy_cleanup(s->easy);
        free(s->body);
        free(s);
    }
    curl_multi_cleanup(d->multi);
    cluster_free(&d->cluster);
    for (unsigned i = 0; i < d->n_files; i++)
        free(d->files[i].data);
    for (int i = 0; i < PHASES; i++)
        free(d->tally[i].seconds);
}

int main(int argc, char **argv)
{
    static struct demo d = {.seed = 20231};
    char err[CLUSTER_ERRLEN] = "";
    int rc;

    if (argc != 2) {
        fprintf(stderr, "usage: demo PATH-OF-P2PFAAS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    d.multi = curl_multi_init();
    rc = demo(&d, argv[1], err);
    if (err[0])
        fprintf(stderr, "demo: %s\n", err);
    release(&d);
    curl_global_cleanup();
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
