/*
 * demo.c - the main job, shown: three real nodes, real programs as functions, real
 * files as input, more work at one node than it can take, and three schedulers
 * swapped over REST while the traffic flows.
 *
 * The load is open loop with Poisson gaps: jobs are sent at their time whether or
 * not earlier ones were answered.  The rate follows from the measured service time,
 * so that one slot is overloaded and three are not, on any machine.
 */
#include <curl/curl.h>
#include <dirent.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/cluster.h"

enum {
    NODES = 3,
    SLOTS = 4,
    PHASES = 3,
    MAX_FILES = 64,
    MAX_FILE_BYTES = 192 << 10,
    MIN_FILE_BYTES = 2 << 10,
    WARM_UP_JOBS = 40,
    MOST_IN_FLIGHT = 512
};
static const double PHASE_SECONDS = 12, MOST_JOBS_A_PHASE = 2000;
static const double OVERLOAD = 2.4; /* offered work, in slots of one node */

/* The wait stands for a disk, a sensor, a database: three nodes on one machine share
 * its processors, so only what waits makes them more than one. */
static const char config_text[] =
    "node: {slots: 4, queue: 4, threads: 1}\n"
    "scheduler: {plugin: local}\n"
    "functions:\n"
    "  wordcount: {command: [sh, -c, 'sleep 0.06; exec ${BIN}/functions/wordcount']}\n"
    "  gzip: {command: [sh, -c, 'sleep 0.06; exec gzip -c'], content_type: application/gzip}\n"
    "  sha256sum: {command: [sh, -c, 'sleep 0.06; exec sha256sum'], content_type: text/plain}\n";

static const struct {
    const char *title, *json;
} phases[PHASES] = {
    {"local", "{\"name\":\"local\"}"},
    {"random", "{\"name\":\"random\"}"},
    {"power_of_choices",
     "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":2,\"threshold\":4}}"},
};

struct input {
    char name[64];
    char *data;
    size_t len;
    char sha256[65];
};

struct tally {
    unsigned sent, answered, refused, failed, wrong;
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
    double sent_at;
    char *body;
    size_t len, cap;
    char scheduler[64], peers[256];
    struct shot *next;
};

struct demo {
    struct cluster cluster;
    struct input files[MAX_FILES];
    unsigned n_files;
    CURLM *multi;
    struct shot *idle;
    unsigned in_flight, most_in_flight, unknown;
    struct tally tally[PHASES];
    char url[FUNCTIONS][128];
    unsigned seed;
};

/* ---- inputs ---- */

static void add_file(struct demo *d, const char *folder, const char *name)
{
    struct input *in = &d->files[d->n_files];
    unsigned char hash[32];
    char path[512];
    struct stat st;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (d->n_files == MAX_FILES || stat(path, &st) || !S_ISREG(st.st_mode) ||
        st.st_size < MIN_FILE_BYTES || !(f = fopen(path, "re")))
        return;
    in->data = malloc(MAX_FILE_BYTES);
    in->len = in->data ? fread(in->data, 1, MAX_FILE_BYTES, f) : 0;
    fclose(f);
    if (in->len == 0) {
        free(in->data);
        return;
    }
    snprintf(in->name, sizeof(in->name), "%s", name);
    gnutls_hash_fast(GNUTLS_DIG_SHA256, in->data, in->len, hash);
    for (size_t i = 0; i < 32; i++)
        snprintf(in->sha256 + (size_t)2 * i, 3, "%02x", hash[i]);
    d->n_files++;
}

static void collect_files(struct demo *d)
{
    static const char *const folders[] = {"/usr/share/common-licenses", "/etc", "/usr/bin"};

    for (unsigned i = 0; i < 3; i++) {
        unsigned most = (i + 1) * MAX_FILES / 3;
        DIR *dir = opendir(folders[i]);
        struct dirent *e;

        while (dir && d->n_files < most && (e = readdir(dir)))
            add_file(d, folders[i], e->d_name);
        if (dir)
            closedir(dir);
    }
}

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

static void shoot(struct demo *d)
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
    s->sent_at = seconds_now();
    curl_multi_add_handle(d->multi, s->easy);
    d->in_flight++;
    if (d->in_flight > d->most_in_flight)
        d->most_in_flight = d->in_flight;
}

/* ---- what came back ---- */

static struct tally *tally_of(struct demo *d, const char *scheduler, int asked)
{
    for (int i = 0; i < PHASES; i++) {
        size_t n = strlen(phases[i].title);

        if (strncmp(scheduler, phases[i].title, n) == 0 &&
            (scheduler[n] == '\0' || scheduler[n] == '('))
            return &d->tally[i];
    }
    d->unknown++;
    return &d->tally[asked];
}

/* Who ran it: the last of ["n1","n3"]; without a list it was the first node. */
static unsigned who_ran(const char *peers)
{
    const char *last = strrchr(peers, 'n');
    unsigned i = last ? (unsigned)(last[1] - '1') : 0;

    return i < NODES ? i : 0;
}

static void score(struct demo *d, struct shot *s, CURLcode code, int asked)
{
    struct tally *t;
    long status = 0;

    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    take_header(s->easy, "X-P2pfaas-Scheduler", s->scheduler, sizeof(s->scheduler));
    take_header(s->easy, "X-P2pfaas-Peers-List-Id", s->peers, sizeof(s->peers));
    t = tally_of(d, s->scheduler, asked);
    t->sent++;
    if (code == CURLE_OK && status == 200) {
        double *grown = realloc(t->seconds, (t->n_seconds + 1) * sizeof(double));

        if (grown) {
            t->seconds = grown;
            t->seconds[t->n_seconds++] = seconds_now() - s->sent_at;
        }
        t->answered++;
        t->wrong += !is_right(s);
        t->ran[who_ran(s->peers)]++;
    } else if (code == CURLE_OK && (status == 503 || (status == 500 && s->body &&
                                                      strstr(s->body, "cannot be scheduled")))) {
        t->refused++;
    } else {
        t->failed++;
    }
}

static void collect_answers(struct demo *d, int asked)
{
    struct CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(d->multi, &left))) {
        CURLcode code = m->data.result;
        struct shot *s;

        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
        score(d, s, code, asked);
        curl_multi_remove_handle(d->multi, s->easy);
        s->next = d->idle;
        d->idle = s;
        d->in_flight--;
    }
}

static void turn(struct demo *d, int asked, double until)
{
    double left = until - seconds_now();
    int running;

    curl_multi_poll(d->multi, NULL, 0, left > 0 ? (int)(left * 1e3) : 0, NULL);
    curl_multi_perform(d->multi, &running);
    collect_answers(d, asked);
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
        shoot(d);
        while (d->in_flight)
            turn(d, 0, seconds_now() + 1);
    }
    return (seconds_now() - start) / WARM_UP_JOBS;
}

static void progress(const struct demo *d, int phase, double left, double rate)
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
    printf("%s  %-16s  %5u done, %5u answered, %4u refused, %3u under way, %4.0f jobs/s, %2.0f s "
           "left%s",
           terminal ? "\r\033[K" : "", phases[phase].title, sent, answered, refused, d->in_flight,
           rate, left, terminal ? "" : "\n");
    fflush(stdout);
}

static double gap(struct demo *d, double rate)
{
    return -log(1.0 - (double)rand_r(&d->seed) / ((double)RAND_MAX + 1.0)) / rate;
}

static int run_phases(struct demo *d, double rate, char *err)
{
    double seconds = fmin(PHASE_SECONDS, MOST_JOBS_A_PHASE / rate);
    double start = seconds_now(), next = start;

    for (int phase = 0; phase < PHASES; phase++) {
        double end = start + (phase + 1) * seconds;

        /* Jobs of the phase before are still under way here. */
        if (phase > 0 && select_scheduler(d, phase, err))
            return -1;
        while (seconds_now() < end) {
            while (next <= seconds_now() && next < end && d->in_flight < MOST_IN_FLIGHT) {
                shoot(d);
                next += gap(d, rate);
            }
            turn(d, phase, fmin(next, end));
            progress(d, phase, start + PHASES * seconds - seconds_now(), rate);
        }
    }
    while (d->in_flight)
        turn(d, PHASES - 1, seconds_now() + 1);
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
    unsigned sent = 0, answered = 0, refused = 0, failed = 0, wrong = 0;

    printf("\n  %-16s %6s %9s %8s %9s %7s %7s %9s %9s %9s\n", "algorithm", "sent", "answered",
           "refused", "ran at n1", "at n2", "at n3", "p50 ms", "p95 ms", "p99 ms");
    for (int i = 0; i < PHASES; i++) {
        struct tally *t = &d->tally[i];

        qsort(t->seconds, t->n_seconds, sizeof(double), by_value);
        printf("  %-16s %6u %9u %8u %9u %7u %7u %9.1f %9.1f %9.1f\n", phases[i].title, t->sent,
               t->answered, t->refused, t->ran[0], t->ran[1], t->ran[2], percentile_ms(t, 0.5),
               percentile_ms(t, 0.95), percentile_ms(t, 0.99));
        sent += t->sent;
        answered += t->answered;
        refused += t->refused;
        failed += t->failed;
        wrong += t->wrong;
    }
    printf("\n  %u sent = %u answered + %u refused + %u failed; %u wrong answers; %u answers "
           "without a scheduler's name\n",
           sent, answered, refused, failed, wrong, d->unknown);
    printf("  %s\n",
           failed || wrong || sent != answered + refused ? "JOBS WERE LOST" : "no job was lost");
    return failed || wrong || sent != answered + refused ? -1 : 0;
}

static int demo(struct demo *d, const char *binary, char *err)
{
    double service, rate;
    int rc;

    collect_files(d);
    if (d->n_files == 0) {
        snprintf(err, CLUSTER_ERRLEN,
                 "no file to send in /usr/share/common-licenses, /etc, /usr/bin");
        return -1;
    }
    printf("starting %d nodes …\n", NODES);
    if (cluster_init(&d->cluster, binary, NODES, config_text, err) ||
        cluster_start_all(&d->cluster, NULL, err))
        return -1;
    for (int i = 0; i < FUNCTIONS; i++)
        snprintf(d->url[i], sizeof(d->url[i]), "http://%s/function/%s", d->cluster.node[0].address,
                 function_names[i]);
    for (int i = 0; i < NODES; i++)
        printf("  %s at http://%s, 4 slots, 4 places in the queue\n", d->cluster.node[i].id,
               d->cluster.node[i].address);
    service = warm_up(d);
    rate = OVERLOAD * SLOTS / service;
    memset(d->tally, 0, sizeof(d->tally));
    printf("an invocation takes %.1f ms on an idle node; sending %.0f a second, all to n1: %.1f "
           "times what it can take\n"
           "functions: wordcount, gzip, sha256sum, each after a wait of 60 ms, as for a disk or "
           "a sensor;\ninputs: %u files of this machine\n\n",
           service * 1e3, rate, OVERLOAD, d->n_files);
    rc = run_phases(d, rate, err);
    return rc ? rc : print_table(d);
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
