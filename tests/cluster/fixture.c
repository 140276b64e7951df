#include "tests/cluster/fixture.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>

enum { KEPT = 8, MOST_LOAD_THREADS = 32 };

struct cluster cluster;

const char fixture_functions[] =
    "functions:\n"
    "  echo: {mode: http, command: ['${BIN}/functions/echo']}\n"
    "  forked: {command: ['${BIN}/functions/echo']}\n"
    "  cgi: {command: ['${BIN}/functions/echo'], cgi_headers: true, environment: {CGI_HEADERS: "
    "'1'}}\n"
    "  cat: {command: [cat]}\n"
    "  wordcount: {command: ['${BIN}/functions/wordcount'], content_type: application/json}\n"
    "  burn: {command: ['${BIN}/functions/burn']}\n"
    "  gzip: {command: [gzip, -c], content_type: application/gzip}\n"
    "  sha256sum: {command: [sha256sum], content_type: text/plain}\n"
    "  sleep: {command: [sleep, '0.2']}\n"
    "  once: {command: [sleep, '0.2'], deadline: 1s}\n"
    "  bad: {command: ['${BIN}/functions/misbehave'], timeout: 700ms, output: 64KB}\n"
    "  badhttp: {mode: http, command: ['${BIN}/functions/misbehave'], timeout: 700ms, output: "
    "64KB}\n"
    "  missing: {command: [/nonexistent/program]}\n"
    "  dies: {mode: http, command: [false], start_timeout: 500ms}\n";

void fixture_init(unsigned n, const char *config)
{
    const char *folder = getenv("P2P_TEST_BIN");
    char binary[256], err[CLUSTER_ERRLEN];

    curl_global_init(CURL_GLOBAL_DEFAULT);
    snprintf(binary, sizeof(binary), "%s/p2pfaas", folder ? folder : ".");
    if (cluster_init(&cluster, binary, n, config, err)) {
        fprintf(stderr, "%s\n", err);
        exit(1);
    }
}

void fixture_start(unsigned n, const char *config, const char *const *settings)
{
    char err[CLUSTER_ERRLEN];

    fixture_init(n, config);
    cluster.settings = settings;
    if (cluster_start_all(&cluster, NULL, err)) {
        fprintf(stderr, "%s\n", err);
        cluster_free(&cluster);
        exit(1);
    }
}

void start_node(unsigned node, const char *const *more)
{
    char err[CLUSTER_ERRLEN] = "";

    if (cluster_start(&cluster, node, more, err))
        fail_msg("%s", err);
}

bool log_has(unsigned node, const char *text)
{
    char *log = cluster_log(&cluster, node);
    bool has = log && strstr(log, text);

    free(log);
    return has;
}

struct wanted_line {
    unsigned node;
    const char *text;
};

static bool line_is_there(void *arg)
{
    const struct wanted_line *w = arg;

    return log_has(w->node, w->text);
}

void wait_log(unsigned node, const char *text)
{
    struct wanted_line w = {node, text};

    if (!wait_until(line_is_there, &w, 20))
        fail_msg("n%u never logged \"%s\"", node + 1, text);
}

bool stop_node(unsigned i)
{
    int status = cluster_stop(&cluster, i, SIGTERM, 60);
    char *log;

    if (status == 0)
        return true;
    log = cluster_log(&cluster, i);
    fprintf(stderr, "node n%u ended with status %#x; its log:\n%s\n", i + 1, (unsigned)status,
            log ? log : "");
    free(log);
    return false;
}

void fixture_stop(void)
{
    for (unsigned i = 0; i < cluster.n; i++)
        if (!stop_node(i)) {
            cluster_free(&cluster);
            exit(1);
        }
    cluster_free(&cluster);
    curl_global_cleanup();
}

const char *url_of(unsigned node, const char *path)
{
    static _Thread_local char kept[KEPT][512];
    static _Thread_local unsigned next;
    char *url = kept[next++ % KEPT];

    snprintf(url, sizeof(kept[0]), "http://%s%s", cluster.node[node].address, path);
    return url;
}

struct reply send_method(const char *method, unsigned node, const char *path, const void *body,
                         size_t len, const char *const *headers)
{
    struct request rq = {.method = method,
                         .url = url_of(node, path),
                         .body = body,
                         .len = len,
                         .headers = headers,
                         .timeout = 60};
    struct reply r;

    http_call(&rq, &r);
    return r;
}

struct reply get(unsigned node, const char *path)
{
    return send_method(NULL, node, path, NULL, 0, NULL);
}

struct reply post(unsigned node, const char *path, const void *body, size_t len)
{
    return send_method(NULL, node, path, body, len, NULL);
}

struct reply post_text(unsigned node, const char *path, const char *body)
{
    return post(node, path, body, strlen(body));
}

void expect(struct reply r, long status, const char *part)
{
    if (r.status != status || (part && !strstr(r.body, part)))
        print_error("wanted %ld with \"%s\", got %ld: %.600s %s\n", status, part ? part : "",
                    r.status, r.body, r.error);
    assert_int_equal(r.status, status);
    if (part)
        assert_non_null(strstr(r.body, part));
    reply_free(&r);
}

void select_scheduler(unsigned node, const char *json)
{
    expect(post_text(node, "/configuration/scheduler", json), 200, NULL);
}

const char *header(const struct reply *r, const char *name)
{
    static _Thread_local char kept[KEPT][512];
    static _Thread_local unsigned next;
    char *value = kept[next++ % KEPT];

    if (!reply_header(r, name, value, sizeof(kept[0])))
        value[0] = '\0';
    return value;
}

double metric(unsigned node, const char *begins)
{
    struct reply r = get(node, "/metrics");
    size_t n = strlen(begins);
    double total = 0;

    assert_int_equal(r.status, 200);
    for (const char *line = r.body; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, begins, n) == 0) {
            const char *end = strchr(line, '\n');
            const char *blank = line;

            for (const char *c = line; c < end; c++)
                if (*c == ' ')
                    blank = c;
            total += strtod(blank, NULL);
        }
    }
    reply_free(&r);
    return total;
}

struct reading {
    unsigned node;
    const char *begins;
    double least;
};

static bool has_risen(void *arg)
{
    struct reading *m = arg;

    return metric(m->node, m->begins) >= m->least;
}

void wait_metric(unsigned node, const char *begins, double least, double seconds)
{
    struct reading m = {node, begins, least};

    if (!wait_until(has_risen, &m, seconds))
        fail_msg("n%u: %s is %g, wanted %g", node + 1, begins, metric(node, begins), least);
}

const char *private_plugins(char setting[160])
{
    static char folder[96];
    const char *built = getenv("P2P_TEST_BIN");
    char command[400];

    snprintf(folder, sizeof(folder), "%s/plugins", cluster.dir);
    snprintf(command, sizeof(command), "cp -r %s/plugins %s && rm -f %s/*/*.o", built, folder,
             folder);
    assert_int_equal(system(command), 0);
    snprintf(setting, 160, "plugins.folder=%s", folder);
    return folder;
}

void build_plugin(const char *folder, const char *name, const char *source)
{
    const char *tree = getenv("P2P_TEST_TREE");
    char c_file[256], command[1200], beside[256], file[256];
    FILE *f;

    snprintf(c_file, sizeof(c_file), "%s/%s.c", cluster.dir, name);
    snprintf(beside, sizeof(beside), "%s/%s.new", cluster.dir, name);
    snprintf(file, sizeof(file), "%s/%s.so", folder, name);
    f = fopen(c_file, "we");
    assert_non_null(f);
    fputs(source, f);
    fclose(f);
    snprintf(command, sizeof(command),
             "cc -shared -fPIC -fvisibility=hidden -I%s/sdk/include -o %s %s", tree ? tree : ".",
             beside, c_file);
    assert_int_equal(system(command), 0);
    assert_int_equal(rename(beside, file), 0);
}

/* ---- load ---- */

struct load {
    unsigned node, n;
    const char *path, *body;
    bool (*is_right)(const struct reply *r);
    _Atomic bool stop;
    _Atomic unsigned right, wrong;
    pthread_mutex_t lock;
    char why[256];
    pthread_t thread[MOST_LOAD_THREADS];
};

static void *run_load(void *arg)
{
    struct load *l = arg;
    char url[512];
    struct request rq = {.url = url, .body = l->body, .len = strlen(l->body), .timeout = 60};

    snprintf(url, sizeof(url), "http://%s%s", cluster.node[l->node].address, l->path);
    while (!l->stop) {
        struct reply r;

        http_call(&rq, &r);
        if (l->is_right(&r)) {
            l->right++;
        } else if (l->wrong++ == 0) {
            pthread_mutex_lock(&l->lock);
            snprintf(l->why, sizeof(l->why), "%ld %.100s %.100s", r.status, r.body, r.error);
            pthread_mutex_unlock(&l->lock);
        }
        reply_free(&r);
    }
    return NULL;
}

struct load *load_start(unsigned node, unsigned threads, const char *path, const char *body,
                        bool (*is_right)(const struct reply *r))
{
    struct load *l = calloc(1, sizeof(*l));

    assert_non_null(l);
    assert_true(threads <= MOST_LOAD_THREADS);
    l->node = node;
    l->n = threads;
    l->path = path;
    l->body = body;
    l->is_right = is_right;
    pthread_mutex_init(&l->lock, NULL);
    for (unsigned i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&l->thread[i], NULL, run_load, l), 0);
    return l;
}

unsigned load_right(const struct load *l)
{
    return l->right;
}

unsigned load_stop(struct load *l, unsigned *wrong, char why[256])
{
    unsigned right;

    l->stop = true;
    for (unsigned i = 0; i < l->n; i++)
        pthread_join(l->thread[i], NULL);
    right = l->right;
    *wrong = l->wrong;
    snprintf(why, 256, "%s", l->why);
    pthread_mutex_destroy(&l->lock);
    free(l);
    return right;
}
