/* `p2pfaas bench` against a real node, and against what is no node. */
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cluster/fake_peer.h"
#include "tests/cluster/fixture.h"

enum { MOST_ARGUMENTS = 24, LONGEST_SECONDS = 60 };
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static char folder[] = "/tmp/p2p-bench-XXXXXX";
static pid_t bench;
static char *out, *progress;
static sqlite3 *db;

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static char *read_file(const char *name)
{
    FILE *f = fopen(in_folder(name), "re");
    char *text = NULL;
    size_t size = 0;

    if (f && getdelim(&text, &size, '\0', f) < 0 && text)
        text[0] = '\0';
    if (f)
        fclose(f);
    return text ? text : calloc(1, 1);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int remove_all(const char *name)
{
    return nftw(in_folder(name), remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void forget(void)
{
    sqlite3_close(db);
    db = NULL;
    remove_all("r");
    free(out);
    free(progress);
    out = progress = NULL;
}

static int setup(void **state)
{
    (void)state;
    memset(folder + strlen(folder) - 6, 'X', 6);
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (bench > 0) {
        kill(bench, SIGKILL);
        waitpid(bench, NULL, 0);
        bench = 0;
    }
    forget();
    return remove_all("");
}

/* ---- the program ---- */

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "we");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* One node of that address; more settings end with NULL. */
static void begin_at(const char *address, rlim_t largest_file, const char *const *set)
{
    char program[300], yaml[400], *argv[MOST_ARGUMENTS];
    const char *found = getenv("P2P_TEST_BIN");
    unsigned n = 0;

    snprintf(program, sizeof(program), "%s/p2pfaas-bench", found ? found : ".");
    snprintf(yaml, sizeof(yaml),
             "duration: 2s\ntimeout: 5s\n"
             "nodes: {one: {address: '%s', rate: 100}}\n"
             "payloads: {hello: {function: echo, text: hello, deadline: 500ms}}\n",
             address);
    if (address[0])
        write_file("x.yaml", yaml);
    argv[n++] = program;
    argv[n++] = "--out";
    argv[n++] = strdup(in_folder("r"));
    for (; *set; set++) {
        assert_true(n + 4 < MOST_ARGUMENTS);
        argv[n++] = "--set";
        argv[n++] = (char *)(uintptr_t)*set;
    }
    argv[n++] = strdup(in_folder("x.yaml"));
    argv[n] = NULL;
    bench = fork();
    assert_true(bench >= 0);
    if (bench == 0) {
        const struct rlimit limit = {largest_file, largest_file};

        dup2(open(in_folder("out"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 1);
        dup2(open(in_folder("progress"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 2);
        signal(SIGXFSZ, SIG_IGN);
        if (largest_file != RLIM_INFINITY)
            setrlimit(RLIMIT_FSIZE, &limit);
        execv(program, argv);
        _exit(127);
    }
    free(argv[2]);
    free(argv[n - 1]);
}

static void begin(const char *const *set)
{
    begin_at(cluster.node[0].address, RLIM_INFINITY, set);
}

static bool has_ended(void *code)
{
    int status;

    if (waitpid(bench, &status, WNOHANG) != bench)
        return false;
    bench = 0;
    *(int *)code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return true;
}

static void ends_with(int wanted)
{
    int code = -1;

    if (!wait_until(has_ended, &code, LONGEST_SECONDS))
        fail_msg("it did not end in %d s", LONGEST_SECONDS);
    free(out);
    free(progress);
    out = read_file("out");
    progress = read_file("progress");
    if (code != wanted)
        fail_msg("code %d, not %d:\n%s\n%s", code, wanted, out, progress);
}

/* Lines of seconds that it has shown. */
static bool has_shown(void *wanted)
{
    char *text = read_file("progress");
    unsigned lines = 0;

    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    free(text);
    return lines >= 1 + *(const unsigned *)wanted;
}

static void await_seconds(unsigned n)
{
    if (!wait_until(has_shown, &n, LONGEST_SECONDS))
        fail_msg("it has not shown %u seconds", n);
}

/* ---- its results ---- */

static double value(const char *sql)
{
    sqlite3_stmt *s = NULL;
    double v;

    if (!db)
        assert_int_equal(
            sqlite3_open_v2(in_folder("r/results.sqlite"), &db, SQLITE_OPEN_READONLY, NULL),
            SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    v = sqlite3_column_type(s, 0) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    return v;
}

static void equals(const char *sql, double wanted)
{
    double is = value(sql);

    if (!(fabs(is - wanted) < 1e-9))
        fail_msg("%s: %g, not %g\n%s", sql, is, wanted, out);
}

static bool has_results(void)
{
    return access(in_folder("r/results.sqlite"), F_OK) == 0;
}

static void says(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("no '%s' in:\n%s", words, text);
}

/* The quantile of the rows, as the histogram says it. */
static void agrees(const char *kind, const char *from, double p)
{
    char sql[400];
    double rows, histogram;

    snprintf(sql, sizeof(sql),
             "SELECT ended - %s FROM calls WHERE status > 0 AND NOT warm_up ORDER BY 1 LIMIT 1 "
             "OFFSET max(0, (SELECT cast(ceil(%g * count(*)) AS INTEGER) FROM calls WHERE status > "
             "0 AND NOT warm_up) - 1)",
             from, p);
    rows = value(sql);
    snprintf(sql, sizeof(sql),
             "SELECT seconds FROM latency WHERE node_id = -1 AND kind = '%s' AND abs(quantile - "
             "%g) < 1e-9",
             kind, p);
    histogram = value(sql);
    if (fabs(rows - histogram) > 0.005 * rows)
        fail_msg("%s %g: %g by the rows, %g by the histogram", kind, p, rows, histogram);
}

static void test_what_was_planned_was_sent_and_is_kept(void **state)
{
    static const double p[] = {0, 0.25, 0.5, 0.9, 0.99, 1};

    (void)state;
    begin(LIST("warm_up=500ms"));
    ends_with(0);
    says(out, "results.sqlite");
    says(out, "report.html");
    assert_int_equal(access(in_folder("r/report.html"), R_OK), 0);
    equals("SELECT count(*) > 100 FROM calls", 1);
    equals("SELECT count(*) FROM calls WHERE status <> 200 OR sent < planned OR ended < sent", 0);
    equals("SELECT count(*) FROM calls WHERE warm_up <> (planned < 0.5)", 0);
    equals("SELECT count(*) - max(req_id) FROM calls", 1);
    equals("SELECT (SELECT sum(planned) FROM seconds) - count(*) FROM calls", 0);
    equals("SELECT (SELECT sum(ok) FROM seconds) - count(*) FROM calls", 0);
    equals("SELECT count(*) - (SELECT count(*) FROM calls) FROM jobs", 0);
    equals("SELECT count(*) FROM jobs j JOIN calls c USING (req_id) WHERE j.res_status_code <> "
           "c.status OR abs(j.time_total - (c.ended - c.sent)) > 1e-6 OR j.time_execution IS NULL",
           0);
    equals("SELECT count(*) - (SELECT count(*) FROM calls) FROM timings WHERE time_type = 'total'",
           0);
    equals("SELECT value FROM experiment WHERE key = 'complete'", 1);
    equals("SELECT scheduler = 'local(loss=false)' FROM nodes", 1);
    equals("SELECT count(*) FROM calls WHERE ran_on <> 'one'", 0);
    for (size_t i = 0; i < sizeof(p) / sizeof(p[0]); i++) {
        agrees("corrected", "planned", p[i]);
        agrees("uncorrected", "sent", p[i]);
    }
}

/* All wait for the one connection, so the pause is in the time from sending of one call only. */
static void test_a_pause_shows_in_corrected_latency(void **state)
{
    (void)state;
    begin(LIST("duration=6s", "timeout=20s", "connections=1"));
    await_seconds(1);
    kill(cluster.node[0].pid, SIGSTOP);
    await_seconds(4);
    kill(cluster.node[0].pid, SIGCONT);
    ends_with(0);
    equals("SELECT seconds >= 1 FROM latency WHERE kind = 'corrected' AND quantile = 1", 1);
    equals("SELECT count(*) > 50 FROM calls WHERE ended - planned >= 1", 1);
    equals("SELECT count(*) <= 2 FROM calls WHERE ended - sent >= 1", 1);
    equals("SELECT a.seconds > 2 * b.seconds FROM latency a JOIN latency b USING (node_id, "
           "quantile) WHERE node_id = -1 AND a.kind = 'corrected' AND b.kind = 'uncorrected' AND "
           "quantile = 0.9",
           1);
    equals("SELECT value LIKE '%waited for one of the connections%' FROM experiment WHERE key = "
           "'behind'",
           1);
    says(out, "MARKED: ");
}

static void test_a_node_that_dies_is_counted(void **state)
{
    (void)state;
    begin(LIST("duration=3s"));
    await_seconds(1);
    cluster_stop(&cluster, 0, SIGKILL, 5);
    ends_with(0);
    start_node(0, NULL);
    equals("SELECT count(*) > 20 FROM calls WHERE status = 200", 1);
    equals("SELECT count(*) > 20 FROM calls WHERE status = 0 AND error <> ''", 1);
    equals("SELECT (SELECT sum(planned) FROM seconds) - count(*) FROM calls", 0);
    equals("SELECT sum(failed) - (SELECT count(*) FROM calls WHERE status = 0) FROM seconds", 0);
    equals("SELECT count(*) FROM jobs WHERE res_status_code = 0 AND req_net_error = 0", 0);
}

static void test_nobody_there_is_told_before_the_load(void **state)
{
    (void)state;
    begin_at("127.0.0.1:1", RLIM_INFINITY, LIST(NULL));
    ends_with(1);
    says(progress, "nodes.one: 127.0.0.1:1");
    says(progress, "is the node running there?");
    assert_false(has_results());
}

static void test_a_node_that_never_answers_ends_by_itself(void **state)
{
    struct fake_peer *f = fake_peer_new(3);

    (void)state;
    fake_peer_hangs(f);
    begin_at(fake_peer_address(f), RLIM_INFINITY,
             LIST("duration=1s", "timeout=300ms", "connections=4"));
    ends_with(0);
    fake_peer_free(f);
    equals("SELECT count(*) FROM calls WHERE status <> 0", 0);
    equals("SELECT max(ended - planned) < 10 FROM calls", 1);
    equals("SELECT count(*) FROM latency", 0);
    says(out, "have no answer");
    says(out, "MARKED: ");
}

static void test_a_signal_ends_it_early_and_keeps_what_there_is(void **state)
{
    (void)state;
    begin(LIST("duration=10m"));
    await_seconds(1);
    kill(bench, SIGINT);
    ends_with(130);
    says(out, "ENDED EARLY");
    equals("SELECT value FROM experiment WHERE key = 'complete'", 0);
    equals("SELECT count(*) > 50 FROM calls WHERE status = 200", 1);
}

static void test_a_full_disk_is_told_and_leaves_no_half_a_file(void **state)
{
    (void)state;
    begin_at(cluster.node[0].address, 4096, LIST("duration=500ms"));
    ends_with(1);
    says(progress, "cannot be kept");
    assert_false(has_results());
    forget();
    /* Room for the calls, and not for what SQLite makes of them. */
    begin_at(cluster.node[0].address, 49152, LIST("duration=1500ms"));
    ends_with(1);
    says(progress, "results.sqlite.part: ");
    says(out, "latency");
    assert_false(has_results());
    assert_int_equal(access(in_folder("r/results.sqlite.part"), F_OK), -1);
}

static void test_results_are_not_written_over(void **state)
{
    (void)state;
    begin(LIST("duration=100ms"));
    ends_with(0);
    begin(LIST("duration=100ms"));
    ends_with(1);
    says(progress, "is there already; allowed: another --out");
}

static void test_learners_are_told_what_came_of_their_choices(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\n"
                                 "X-P2pfaas-Scheduler: LearningScheduler(1)\r\n"
                                 "X-P2pfaas-Scheduler-Learning-Eid: 7\r\n"
                                 "X-P2pfaas-Scheduler-Learning-State: 1.000000,0.000000\r\n"
                                 "X-P2pfaas-Scheduler-Learning-Action: 3.000000\r\n"
                                 "X-P2pfaas-Scheduler-Learning-Eps: 0.500000\r\n"
                                 "X-P2pfaas-Peers-List-Id: [\"p1\",\"p3\"]\r\n"
                                 "X-P2pfaas-Hops: 1\r\n"
                                 "Content-Length: 2\r\n\r\nok";
    static const char parameters[] = "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"
                                     "{\"name\": \"Sarsa\", \"parameters\": {}}  ";
    struct fake_peer *node = fake_peer_new(3), *learner = fake_peer_new(3);
    char port[40];

    (void)state;
    fake_peer_answers(node, answer, sizeof(answer) - 1);
    fake_peer_keeps_alive(node);
    fake_peer_answers(learner, parameters, sizeof(parameters) - 1);
    fake_peer_keeps_alive(learner);
    snprintf(port, sizeof(port), "rewards.port=%s", strchr(fake_peer_address(learner), ':') + 1);
    begin_at(fake_peer_address(node), RLIM_INFINITY,
             LIST("duration=1s", "rewards.to=learner", "rewards.batch=2", port));
    ends_with(0);
    says(fake_peer_last_call(node), "X-P2pfaas-Scheduler-Learning-Task-Type: 0\r\n");
    says(fake_peer_last_call(node), "Content-Length: 5\r\n");
    says(fake_peer_last_call(learner), "POST /train_batch HTTP/1.1\r\n");
    says(fake_peer_last_call(learner), "Content-Type: application/json\r\n");
    says(fake_peer_last_call(learner),
         "[{\"eid\":\"7\",\"state\":\"1.000000,0.000000\",\"action\":\"3.000000\",\"reward\":1.0}");
    says(out, " told, 0 lost");
    equals("SELECT count(*) FROM calls WHERE reward <> 1 OR epsilon <> 0.5 OR ran_on <> 'p3'", 0);
    equals("SELECT sum(learning_reward) - count(*) FROM jobs", 0);
    equals("SELECT count(*) FROM values_strings WHERE index_i = 1 AND value_value <> 'p3'", 0);
    equals("SELECT learner = 'Sarsa' FROM nodes", 1);
    fake_peer_free(node);
    fake_peer_free(learner);
}

static void test_a_cluster_is_started_for_the_run(void **state)
{
    (void)state;
    write_file("plugins.yaml",
               "node: {threads: 1, pin: false}\n"
               "scheduler: {plugin: forward}\n"
               "functions: {echo: {mode: http, command: ['${BIN}/functions/echo']}}\n");
    write_file("x.yaml", "duration: 1s\ncluster: {nodes: 2, config: plugins.yaml}\n"
                         "nodes: {a: {rate: 50}, b: {rate: 50}}\n"
                         "payloads: {p: {function: echo}}\n");
    begin_at("", RLIM_INFINITY, LIST(NULL));
    ends_with(0);
    equals("SELECT count(*) FROM calls WHERE status <> 200", 0);
    equals("SELECT count(DISTINCT ran_on) FROM calls", 2);
}

static int start(void **state)
{
    char config[4096];

    (void)state;
    snprintf(config, sizeof(config), "scheduler: {plugin: local}\nnode: {queue: 1000}\n%s",
             fixture_functions);
    fixture_start(1, config, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_planned_was_sent_and_is_kept),
        TEST(test_a_pause_shows_in_corrected_latency),
        TEST(test_a_node_that_dies_is_counted),
        TEST(test_nobody_there_is_told_before_the_load),
        TEST(test_a_node_that_never_answers_ends_by_itself),
        TEST(test_a_signal_ends_it_early_and_keeps_what_there_is),
        TEST(test_a_full_disk_is_told_and_leaves_no_half_a_file),
        TEST(test_results_are_not_written_over),
        TEST(test_learners_are_told_what_came_of_their_choices),
        TEST(test_a_cluster_is_started_for_the_run),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
