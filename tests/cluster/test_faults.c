/*
 * What goes wrong with peers, and what comes of it: each job gets exactly one answer,
 * its own; one that may have run is not run again unless its function is idempotent;
 * afterwards no slot, no place in a queue and no body is held anywhere.
 *
 * The function appends the job's name to a file: that counts the runs.  A peer of this
 * program counts what it took.
 */
#include <glob.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"
#include "tests/cluster/support_peer.h"

enum { CLIENTS = 6, BODY_LIMIT = 4 << 20 };

static char notes[64], config[1600];
static unsigned next_job;
static struct bad_peer *bad;

/* ---- the table ---- */

static char table[64 << 10];

static void row(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void row(const char *format, ...)
{
    size_t n = strlen(table);
    va_list args;

    va_start(args, format);
    vsnprintf(table + n, sizeof(table) - n, format, args);
    va_end(args);
}

static void tell(const char *fault, const struct tally *t, unsigned twice, const char *note)
{
    row("| %-47s %5u %5u %5u %6u %5u %5u %6u  %s\n", fault, t->jobs, t->answers, t->ok, t->refused,
        t->lost, t->late, twice, note);
}

static void tell_nothing(const char *fault, const char *note)
{
    row("| %-47s %5s %5s %5s %6s %5s %5s %6s  %s\n", fault, "-", "-", "-", "-", "-", "-", "-",
        note);
}

/* ---- the cluster ---- */

static int init(void **state)
{
    char note[128];

    (void)state;
    snprintf(notes, sizeof(notes), "/tmp/p2pfaas-faults.%d", (int)getpid());
    /* A program whose node is killed before the body came has no job. */
    snprintf(note, sizeof(note), "read -r l || exit 1; echo $l >>%s; echo $l", notes);
    snprintf(config, sizeof(config),
             "functions:\n"
             "  note: {command: [sh, -c, '%s'], deadline: 1m}\n"
             "  again: {command: [sh, -c, '%s'], deadline: 1m, idempotent: true}\n"
             "  hurry: {command: [sh, -c, '%s'], deadline: 400ms}\n"
             "  late: {command: [sh, -c, '%s'], deadline: 3s}\n"
             "  slow: {command: [sh, -c, '%s; sleep 0.02'], deadline: 1m}\n"
             "  slow-again:\n"
             "    command: [sh, -c, '%s; sleep 0.02']\n"
             "    deadline: 1m\n"
             "    idempotent: true\n"
             "  hold: {command: [sh, -c, '%s; sleep 2']}\n",
             note, note, note, note, note, note, note);
    fixture_init(3, config);
    bad = bad_peer_start("127.0.0.9");
    row("| %-47s %5s %5s %5s %6s %5s %5s %6s\n", "fault", "jobs", "answ.", "right", "refus.",
        "lost", "late", "twice");
    return 0;
}

static int release(void **state)
{
    (void)state;
    bad_peer_stop(bad);
    fixture_stop();
    unlink(notes);
    fputs(table, stdout);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        if (cluster.node[i].pid)
            assert_true(stop_node(i));
    unlink(notes);
    return 0;
}

static const char *const queue_and_retry[] = {"node.queue=64", "peers.retry=50ms",
                                              "limits.body=8MB", NULL};

/* A node that knows this peer and no other. */
static void start_with_peer(unsigned node, const char *peer, const char *const *more)
{
    const char *settings[8] = {NULL};
    char only[100];
    unsigned n = 0;

    snprintf(only, sizeof(only), "peers.nodes=%s", peer);
    settings[n++] = only;
    while (more && *more && n < 7)
        settings[n++] = *more++;
    start_node(node, settings);
}

/* ---- what has to be so afterwards ---- */

static bool is_quiet(void *arg)
{
    unsigned node = *(unsigned *)arg;
    struct reply r = get(node, "/configuration");
    bool quiet = true;

    for (const char *at = r.body; (at = strstr(at, "\"inflight\":")); at++)
        quiet = quiet && strtol(at + 11, NULL, 10) == 0;
    reply_free(&r);
    return quiet && metric(node, "p2pfaas_slots_running") == 0 &&
           metric(node, "p2pfaas_queue_length") == 0 &&
           metric(node, "p2pfaas_body_bytes_held") == 0;
}

static void wait_quiet(void)
{
    for (unsigned i = 0; i < 3; i++)
        if (cluster.node[i].pid && !wait_until(is_quiet, &i, 30)) {
            struct reply r = get(i, "/configuration");

            fail_msg("n%u is not quiet: %g running, %g queued, %g bytes held; %s", i + 1,
                     metric(i, "p2pfaas_slots_running"), metric(i, "p2pfaas_queue_length"),
                     metric(i, "p2pfaas_body_bytes_held"), r.body);
        }
}

/* Jobs that may have run more than once: here, or taken by the bad peer. */
static unsigned count_twice(unsigned first, unsigned n, unsigned *never)
{
    static unsigned runs[MOST_JOBS];
    unsigned twice = 0;

    count_runs(notes, runs);
    *never = 0;
    for (unsigned job = first; job < first + n; job++) {
        unsigned times = runs[job] + bad_peer_took(bad, job);

        twice += times > 1;
        *never += times == 0;
    }
    return twice;
}

static void check_answers(const struct tally *t, const char *fault)
{
    if (t->answers != t->jobs || t->wrong)
        fail_msg("%s: %u jobs, %u answers, %u wrong, the first: %s", fault, t->jobs, t->answers,
                 t->wrong, t->first_wrong);
}

/* ---- one bad peer ---- */

enum outcome { OK = 1, REFUSED = 2, LOST = 4, LATE = 8 };

struct case_of {
    enum fault fault;
    const char *title, *function;
    unsigned each;
    size_t padding;
    unsigned may;  /* outcomes */
    unsigned must; /* one of these at least once */
    bool idempotent;
    const char *note;
};

static const struct case_of cases[] = {
    {PEER_IS_WELL, "none", "note", 8, 0, OK, OK, false, "ran there"},
    {PEER_CLOSES_UNREAD, "dies before it takes a job", "note", 8, 0, OK | LOST, OK, false,
     "lost until it is seen to be down"},
    {PEER_CLOSES_UNREAD, "  idempotent", "again", 8, 0, OK, OK, true, "ran here"},
    {PEER_DIES_RUNNING, "dies while it runs a job", "note", 8, 0, OK | LOST, LOST, false,
     "not run again"},
    {PEER_DIES_RUNNING, "  idempotent", "again", 8, 0, OK, OK, true, "run again here"},
    {PEER_DIES_AFTER, "dies after its answer", "note", 8, 0, OK | LOST, OK, false,
     "lost: sent as it closed"},
    {PEER_HANGS, "takes jobs and never answers", "hurry", 3, 0, OK | LATE, LATE, false,
     "504 at the deadline"},
    {PEER_IS_DEAF, "accepts and never reads", "hurry", 3, BODY_LIMIT, OK | LATE, LATE, false,
     "504 at the deadline"},
    {PEER_REFUSES, "says it is idle, and is full", "note", 8, 0, OK, OK, false,
     "ran here after its refusal"},
    {PEER_SAYS_GARBAGE, "answers what is not HTTP", "note", 8, 0, OK | LOST, LOST, false, ""},
    {PEER_SAYS_GARBAGE, "  idempotent", "again", 8, 0, OK, OK, true, "run again here"},
    {PEER_HALF_HEAD, "half a head", "note", 8, 0, OK | LOST, LOST, false, ""},
    {PEER_HALF_BODY, "half a body", "note", 8, 0, OK | LOST, LOST, false, ""},
    {PEER_HALF_BODY, "  idempotent", "again", 8, 0, OK, OK, true, "run again here"},
    {PEER_STOPS_IN_BODY, "half a body, and hangs", "hurry", 3, 0, OK | LATE, LATE, false,
     "504 at the deadline"},
    {PEER_HUGE, "100 MB in chunks", "note", 2, 0, OK | LOST, LOST, false, "cut at limits.body"},
    {PEER_HUGE_LENGTH, "100 MB, told before", "note", 2, 0, OK | LOST, LOST, false, ""},
    {PEER_WRONG_LENGTH, "Content-Length: -1", "note", 8, 0, OK | LOST, LOST, false, ""},
    {PEER_SAYS_MORE, "a second answer behind the first", "note", 8, 0, OK | LOST, OK, false,
     "nobody gets the second"},
    {PEER_SAYS_NO_OUTCOME, "a server that is no node", "note", 8, 0, OK | LOST, LOST, false, ""},
    {PEER_IS_BROKEN, "says that its function failed", "note", 8, 0, OK | LOST, LOST, false,
     "its words are passed on"},
};

static unsigned outcomes(const struct tally *t)
{
    return (t->ok ? OK : 0) | (t->refused ? REFUSED : 0) | (t->lost ? LOST : 0) |
           (t->late ? LATE : 0);
}

static void run_case(const struct case_of *c)
{
    unsigned first = next_job, n = CLIENTS * c->each, twice, never;
    char path[64];
    struct tally t;

    next_job += n;
    bad_peer_do(bad, PEER_IS_WELL);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 20);
    bad_peer_do(bad, c->fault);
    snprintf(path, sizeof(path), "/function/%s", c->function);
    send_jobs(cluster.node[0].address, path, first, CLIENTS, c->each, c->padding, &t);
    twice = count_twice(first, n, &never);
    tell(c->title, &t, twice, c->note);
    check_answers(&t, c->title);
    if ((outcomes(&t) & ~c->may) || !(outcomes(&t) & c->must))
        fail_msg("%s: %u right, %u refused, %u lost, %u late", c->title, t.ok, t.refused, t.lost,
                 t.late);
    if (twice && !c->idempotent)
        fail_msg("%s: %u jobs may have run twice", c->title, twice);
    /* A job may never have run only if it was not answered with its result. */
    assert_true(never <= t.jobs - t.ok);
    wait_quiet();
}

static void test_a_peer_that_goes_wrong(void **state)
{
    (void)state;
    start_with_peer(0, bad_peer_address(bad), queue_and_retry);
    select_scheduler(0, "{\"name\":\"forward\"}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        run_case(&cases[i]);
}

static void test_a_peer_where_nobody_listens(void **state)
{
    enum { EACH = 8 };
    unsigned first = next_job, twice, never;
    struct tally t;

    (void)state;
    next_job += CLIENTS * EACH;
    start_with_peer(0, "127.0.0.9:1", queue_and_retry);
    select_scheduler(0, "{\"name\":\"forward\"}");
    send_jobs(cluster.node[0].address, "/function/note", first, CLIENTS, EACH, 0, &t);
    twice = count_twice(first, CLIENTS * EACH, &never);
    tell("nobody listens at the peer's port", &t, twice, "ran here");
    check_answers(&t, "nobody listens");
    assert_int_equal(t.ok, t.jobs);
    assert_int_equal(twice + never, 0);
    wait_quiet();
}

static void test_a_peer_that_lies_about_its_load(void **state)
{
    static const char json[] =
        "{\"name\":\"power_of_choices\",\"parameters\":{\"fanout\":1,\"threshold\":0}}";
    static const struct case_of lies = {PEER_REFUSES,
                                        "tells power_of_choices it is idle, and is full",
                                        "note",
                                        20,
                                        0,
                                        OK,
                                        OK,
                                        false,
                                        "probed, chosen, refused, ran here"};

    (void)state;
    start_with_peer(0, bad_peer_address(bad), queue_and_retry);
    select_scheduler(0, json);
    run_case(&lies);
    assert_true(metric(0, "p2pfaas_forwards_total{what=\"refused\"}") > 0);
}

/* ---- real nodes ---- */

static void test_a_node_is_killed_while_it_runs_jobs(void **state)
{
    static const char *const more[] = {"node.queue=64", "peers.retry=100ms", NULL};
    static const char *const paths[] = {"/function/slow", "/function/slow-again"};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        start_node(i, more);
    select_scheduler(0, "{\"name\":\"forward\"}");
    for (unsigned k = 0; k < 2; k++) {
        enum { EACH = 30 };
        unsigned first = next_job, twice, never;
        struct sending *s;
        struct tally t;

        next_job += CLIENTS * EACH;
        wait_metric(0, "p2pfaas_peers{state=\"up\"}", 2, 20);
        s = sending_start(cluster.node[0].address, paths[k], first, CLIENTS, EACH, 0);
        while (sending_answered(s) < CLIENTS * EACH / 3)
            usleep(1000);
        assert_int_equal(cluster_stop(&cluster, 1, SIGKILL, 10), SIGKILL);
        sending_end(s, &t);
        twice = count_twice(first, CLIENTS * EACH, &never);
        tell(k ? "  idempotent" : "a node is killed under load", &t, twice,
             k ? "run again elsewhere" : "lost is what ran on it");
        check_answers(&t, "killed");
        assert_int_equal(t.ok + t.lost, t.jobs);
        assert_true(k == 0 ? twice == 0 && t.lost <= CLIENTS : t.lost == 0);
        wait_quiet();
        start_node(1, more);
    }
}

static void test_two_nodes_with_one_id(void **state)
{
    static const char *const more[] = {"node.queue=64", NULL};
    static const char *const twin[] = {"node.queue=64", "node.id=n2", NULL};
    enum { EACH = 30 };
    unsigned first = next_job, twice, never;
    struct tally t;

    (void)state;
    next_job += CLIENTS * EACH;
    start_node(0, more);
    start_node(1, more);
    start_node(2, twin);
    select_scheduler(0, "{\"name\":\"forward\"}");
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 2, 20);
    send_jobs(cluster.node[0].address, "/function/note", first, CLIENTS, EACH, 0, &t);
    twice = count_twice(first, CLIENTS * EACH, &never);
    tell("two nodes with one id", &t, twice, "both are used");
    check_answers(&t, "twins");
    assert_int_equal(t.ok, t.jobs);
    assert_int_equal(twice, 0);
    assert_true(metric(1, "p2pfaas_peer_requests_total") > 0);
    assert_true(metric(2, "p2pfaas_peer_requests_total") > 0);
    wait_quiet();
}

/* ---- clocks ---- */

/* Starts a node whose wall clock is an hour ahead; false when libfaketime is missing or
 * would fight with a sanitizer. */
static bool start_node_ahead(unsigned node, const char *const *more)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)node;
    (void)more;
    return false;
#else
    char err[CLUSTER_ERRLEN];
    glob_t found;
    int rc;

    if (glob("/usr/lib/*/faketime/libfaketimeMT.so.1", 0, NULL, &found))
        return false;
    setenv("LD_PRELOAD", found.gl_pathv[0], 1);
    setenv("FAKETIME", "+1h", 1);
    setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
    rc = cluster_launch(&cluster, node, more, err);
    unsetenv("LD_PRELOAD");
    unsetenv("FAKETIME");
    unsetenv("FAKETIME_DONT_FAKE_MONOTONIC");
    globfree(&found);
    if (rc || cluster_await(&cluster, node, err))
        fail_msg("%s", err);
    return true;
#endif
}

static void test_clocks_an_hour_apart(void **state)
{
    static const char *const more[] = {"node.queue=64", NULL};
    enum { EACH = 8 };
    unsigned first = next_job, twice, never;
    struct tally t;

    (void)state;
    if (!start_node_ahead(1, more)) {
        tell_nothing("a clock that is an hour ahead", "needs libfaketime and no sanitizer");
        skip();
    }
    next_job += CLIENTS * EACH;
    start_with_peer(0, cluster.node[1].address, more);
    select_scheduler(0, "{\"name\":\"forward\"}");
    send_jobs(cluster.node[0].address, "/function/note", first, CLIENTS, EACH, 0, &t);
    twice = count_twice(first, CLIENTS * EACH, &never);
    tell("a clock that is an hour ahead", &t, twice, "no secret: nobody looks at it");
    check_answers(&t, "clocks");
    assert_int_equal(t.ok, t.jobs);
    assert_int_equal(twice + never, 0);
    assert_true(metric(1, "p2pfaas_peer_requests_total") == t.jobs);
    wait_quiet();
}

static void test_clocks_an_hour_apart_with_a_secret(void **state)
{
    static const char *const more[] = {"node.queue=64", "security.secret=0123456789abcdef0123",
                                       NULL};
    enum { EACH = 8 };
    unsigned first = next_job, twice, never;
    struct tally t;

    (void)state;
    if (!start_node_ahead(1, more))
        skip();
    next_job += CLIENTS * EACH;
    start_with_peer(0, cluster.node[1].address, more);
    select_scheduler(0, "{\"name\":\"forward\"}");
    send_jobs(cluster.node[0].address, "/function/note", first, CLIENTS, EACH, 0, &t);
    twice = count_twice(first, CLIENTS * EACH, &never);
    tell("  with a secret", &t, twice, "refused there; ran here, once it is seen to be down");
    check_answers(&t, "clocks and a secret");
    /* Its refusal is not believed either: lost until it is seen to be down. */
    assert_int_equal(t.ok + t.lost, t.jobs);
    assert_int_equal(never, t.lost);
    assert_int_equal(twice, 0);
    assert_true(metric(1, "p2pfaas_auth_refused_total") > 0);
    assert_true(metric(1, "p2pfaas_requests_total") == 0);
    wait_quiet();
}

/* ---- clients that hang up, deadlines ---- */

/* A job sent by hand, whose answer nobody waits for. */
static int begin_job(unsigned node, const char *function, unsigned job)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cluster.port)};
    char request[256], line[32];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t len;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + node);
    snprintf(line, sizeof(line), "job-%u\n", job);
    len = (size_t)snprintf(request, sizeof(request),
                           "POST /function/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                           function, strlen(line), line);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(send(fd, request, len, MSG_NOSIGNAL), len);
    return fd;
}

static bool queue_is_empty(void *arg)
{
    return metric(*(unsigned *)arg, "p2pfaas_queue_length") == 0;
}

static void test_a_client_that_hangs_up_cancels_its_job_at_the_peer(void **state)
{
    static const char *const one_slot[] = {"node.slots=1", "node.queue=8", NULL};
    enum { WAITING = 4 };
    static unsigned runs[MOST_JOBS];
    unsigned holder = next_job, first = next_job + 1, peer = 1;
    int fd[WAITING], holding;

    (void)state;
    next_job += 1 + WAITING;
    start_with_peer(0, cluster.node[1].address, NULL);
    start_node(1, one_slot);
    select_scheduler(0, "{\"name\":\"forward\"}");
    select_scheduler(1, "{\"name\":\"local\"}");
    holding = begin_job(1, "hold", holder);
    wait_metric(1, "p2pfaas_slots_running", 1, 20);
    for (int i = 0; i < WAITING; i++)
        fd[i] = begin_job(0, "note", first + (unsigned)i);
    wait_metric(1, "p2pfaas_queue_length", WAITING, 20);
    for (int i = 0; i < WAITING; i++)
        close(fd[i]);
    assert_true(wait_until(queue_is_empty, &peer, 20));
    assert_true(metric(1, "p2pfaas_slots_running") == 1);
    wait_metric(0, "p2pfaas_clients_gone_total", WAITING, 20);
    wait_metric(1, "p2pfaas_clients_gone_total", WAITING, 20);
    close(holding);
    wait_quiet();
    count_runs(notes, runs);
    for (unsigned i = 0; i < WAITING; i++)
        assert_int_equal(runs[first + i], 0);
    tell_nothing("clients hang up, jobs in a peer's queue", "cancelled there, none ran");
}

/* Each job stays 300 ms before it goes on, twice. */
static const char slow_hops[] =
    "#include <p2pfaas/plugin.h>\n"
    "static struct p2p_action decide(void *self, const struct p2p_request *rq)\n"
    "{\n"
    "    uint64_t until = rq->arrival_ns + 300000000;\n"
    "    (void)self;\n"
    "    if (rq->hops >= 2 || rq->attempts || !rq->n_peers)\n"
    "        return p2p_local();\n"
    "    return rq->now_ns < until ? p2p_wait_until(until) : p2p_forward(rq->peers[0].id);\n"
    "}\n"
    "static const struct p2p_scheduler ops = {.size = sizeof(ops), .name = \"slow_hops\",\n"
    "    .version = \"1\", .summary = \"waits at each hop\", .decide = decide};\n"
    "P2P_SCHEDULER_PLUGIN(ops);\n";

static void test_a_deadline_travels_as_remaining_time(void **state)
{
    char folder_setting[160], remaining[32], hops[16], note[80];
    const char *folder = private_plugins(folder_setting);
    const char *const more[] = {folder_setting, NULL};
    struct tally t;
    double left;

    (void)state;
    build_plugin(folder, "slow_hops", slow_hops);
    bad_peer_do(bad, PEER_HANGS);
    start_with_peer(0, cluster.node[1].address, more);
    start_with_peer(1, bad_peer_address(bad), more);
    select_scheduler(0, "{\"name\":\"slow_hops\"}");
    select_scheduler(1, "{\"name\":\"slow_hops\"}");
    send_jobs(cluster.node[0].address, "/function/late", next_job++, 1, 1, 0, &t);
    check_answers(&t, "deadline");
    assert_int_equal(t.late, 1);
    bad_peer_header(bad, "X-P2pfaas-Remaining-Seconds", remaining, sizeof(remaining));
    bad_peer_header(bad, "X-P2pfaas-Hops", hops, sizeof(hops));
    left = strtod(remaining, NULL);
    assert_string_equal(hops, "2");
    assert_true(left > 0 && left <= 2.4);
    snprintf(note, sizeof(note), "of 3 s, the third was told %.1f s after 2 waits of 0.3 s", left);
    bad_peer_do(bad, PEER_IS_WELL);
    wait_quiet();
    tell("the third node on a job's way hangs", &t, 0, note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_peer_that_goes_wrong, stop_all),
        cmocka_unit_test_teardown(test_a_peer_where_nobody_listens, stop_all),
        cmocka_unit_test_teardown(test_a_peer_that_lies_about_its_load, stop_all),
        cmocka_unit_test_teardown(test_a_node_is_killed_while_it_runs_jobs, stop_all),
        cmocka_unit_test_teardown(test_two_nodes_with_one_id, stop_all),
        cmocka_unit_test_teardown(test_clocks_an_hour_apart, stop_all),
        cmocka_unit_test_teardown(test_clocks_an_hour_apart_with_a_secret, stop_all),
        cmocka_unit_test_teardown(test_a_client_that_hangs_up_cancels_its_job_at_the_peer,
                                  stop_all),
        cmocka_unit_test_teardown(test_a_deadline_travels_as_remaining_time, stop_all),
    };

    return cmocka_run_group_tests(tests, init, release);
}
