#include "tests/bench/support_results.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"

enum { WARM_UP = 2, PATIENCE = 5 };

static const char tables[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
    "CREATE TABLE jobs (node_id INTEGER, req_id INTEGER, type_id INTEGER, payload_name TEXT,"
    " requests_rate REAL, time_total REAL, time_execution REAL, times_parsed INTEGER,"
    " res_status_code INTEGER, res_error_code INTEGER, req_net_error INTEGER,"
    " req_net_error_message TEXT, externally_executed INTEGER, timestamp_start REAL,"
    " timestamp_end REAL, learning_state TEXT, learning_action REAL, learning_eps REAL,"
    " learning_reward REAL);"
    "CREATE TABLE experiment (key TEXT PRIMARY KEY, value TEXT);"
    "CREATE TABLE nodes (node_id INTEGER PRIMARY KEY, name TEXT, address TEXT, asked_rate REAL,"
    " arrivals TEXT, scheduler TEXT, learner TEXT);"
    "CREATE TABLE calls (node_id INTEGER, req_id INTEGER, type_id INTEGER, payload_name TEXT,"
    " planned REAL, sent REAL, ended REAL, status INTEGER, error TEXT, deadline REAL,"
    " in_deadline INTEGER, ran_on TEXT, hops INTEGER, execution REAL, queueing REAL,"
    " probing REAL, scheduler TEXT, eid TEXT, state TEXT, action REAL, epsilon REAL,"
    " reward REAL, warm_up INTEGER);"
    "BEGIN;";

struct maker {
    sqlite3 *db;
    sqlite3_stmt *call, *job;
    const struct results_shape *shape;
    struct random random;
    double end;
};

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    return s;
}

static void step(sqlite3_stmt *s)
{
    assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

static void add_about(struct maker *m)
{
    const struct results_shape *s = m->shape;
    sqlite3_stmt *row = prepare(m->db, "INSERT INTO experiment VALUES (?, ?)");
    char duration[32], warm_up[32];
    const char *const all[][2] = {{"name", s->name ? s->name : "a benchmark"},
                                  {"summary", s->summary ? s->summary : "Made for a test."},
                                  {"started", "2026-01-02T03:04:05Z"},
                                  {"duration_s", duration},
                                  {"warm_up_s", warm_up},
                                  {"seed", "42"},
                                  {"version", "0.1.0"},
                                  {"yaml", s->yaml ? s->yaml : "name: a benchmark\nduration: 1m\n"},
                                  {"complete", s->incomplete ? "0" : "1"},
                                  {"behind", s->behind ? s->behind : ""}};

    snprintf(duration, sizeof(duration), "%u", s->seconds);
    snprintf(warm_up, sizeof(warm_up), "%d", WARM_UP);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        sqlite3_bind_text(row, 1, all[i][0], -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 2, all[i][1], -1, SQLITE_STATIC);
        step(row);
    }
    sqlite3_finalize(row);
}

static void node_name(const struct results_shape *s, unsigned node, char *out, size_t size)
{
    snprintf(out, size, "%s%u", s->node_name ? s->node_name : "node-", node);
}

static void add_nodes(struct maker *m)
{
    const struct results_shape *s = m->shape;
    sqlite3_stmt *row = prepare(m->db, "INSERT INTO nodes VALUES (?, ?, ?, ?, 'poisson', ?, ?)");

    for (unsigned i = 0; i < s->nodes; i++) {
        char name[4096], address[64];

        node_name(s, i, name, sizeof(name));
        snprintf(address, sizeof(address), "192.0.2.%u:18080", i + 1);
        sqlite3_bind_int(row, 1, (int)i);
        sqlite3_bind_text(row, 2, name, -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 3, address, -1, SQLITE_STATIC);
        sqlite3_bind_double(row, 4, s->rate);
        sqlite3_bind_text(row, 5, s->forwards ? "power_of_n" : "local", -1, SQLITE_STATIC);
        if (s->learner)
            sqlite3_bind_text(row, 6, "sarsa", -1, SQLITE_STATIC);
        step(row);
    }
    sqlite3_finalize(row);
}

static void add_learning(struct maker *m, double planned, bool in_deadline)
{
    double progress = planned / m->end, epsilon = fmax(0.05, 1 - 1.2 * progress);
    bool explores = random_unit(&m->random) < epsilon;

    sqlite3_bind_text(m->call, 18, "2", -1, SQLITE_STATIC);
    sqlite3_bind_text(m->call, 19, "3,1", -1, SQLITE_STATIC);
    sqlite3_bind_double(m->call, 20, explores ? random_below(&m->random, 4) : 2);
    sqlite3_bind_double(m->call, 21, epsilon);
    sqlite3_bind_double(m->call, 22, in_deadline && random_unit(&m->random) < 0.3 + progress * 0.7);
}

static void add_call(struct maker *m, unsigned node, unsigned number, double planned)
{
    const struct results_shape *s = m->shape;
    unsigned type = random_below(&m->random, s->types);
    double u = random_unit(&m->random), deadline = s->no_deadlines ? 0 : 0.02 * (type + 1);
    double sent = planned + 50e-6 * random_unit(&m->random), ended;
    unsigned to = node;
    bool unanswered = s->fails && u < 0.02, refused = s->fails && u >= 0.02 && u < 0.1, ok, in;
    int status = unanswered ? 0 : refused ? 500 : s->fails && u < 0.12 ? 502 : 200;
    char name[4096];

    if (s->pause && planned >= s->pause && planned < s->pause + 1)
        sent = s->pause + 1 + 1e-4 * random_unit(&m->random);
    ended = sent + 2e-3 + random_exponential(&m->random, 6e-3 * (type + 1));
    if (unanswered)
        ended = sent + PATIENCE;
    if (s->forwards && !unanswered && random_unit(&m->random) < 0.15 + 0.1 * node)
        to = (node + 1 + random_below(&m->random, s->nodes - 1)) % s->nodes;
    ok = status == 200;
    in = ok && (s->no_deadlines || ended - planned <= deadline);
    node_name(s, to, name, sizeof(name));
    sqlite3_bind_int(m->call, 1, (int)node);
    sqlite3_bind_int(m->call, 2, (int)number);
    sqlite3_bind_int(m->call, 3, (int)type);
    sqlite3_bind_text(m->call, 4, "image", -1, SQLITE_STATIC);
    sqlite3_bind_double(m->call, 5, planned);
    sqlite3_bind_double(m->call, 6, sent);
    sqlite3_bind_double(m->call, 7, ended);
    sqlite3_bind_int(m->call, 8, status);
    if (unanswered)
        sqlite3_bind_text(m->call, 9, "timed out", -1, SQLITE_STATIC);
    sqlite3_bind_double(m->call, 10, deadline);
    sqlite3_bind_int(m->call, 11, in);
    if (!unanswered)
        sqlite3_bind_text(m->call, 12, name, -1, SQLITE_STATIC);
    sqlite3_bind_int(m->call, 13, to != node);
    if (s->learner)
        add_learning(m, planned, in);
    sqlite3_bind_int(m->call, 23, planned < WARM_UP);
    step(m->call);
    sqlite3_bind_int(m->job, 1, (int)node);
    sqlite3_bind_int(m->job, 2, (int)number);
    sqlite3_bind_int(m->job, 9, status);
    sqlite3_bind_int(m->job, 10, refused ? 400 : 0);
    step(m->job);
}

void results_make(const char *folder, const struct results_shape *s)
{
    struct maker m = {.shape = s, .end = WARM_UP + s->seconds};
    char path[4096];

    snprintf(path, sizeof(path), "%s/results.sqlite", folder);
    unlink(path);
    random_seed(&m.random, 42);
    assert_int_equal(sqlite3_open(path, &m.db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(m.db, tables, NULL, NULL, NULL), SQLITE_OK);
    m.call = prepare(m.db, "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                           " ?, ?, ?, ?, ?, ?, ?, ?)");
    m.job = prepare(m.db, "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                          " ?, ?, ?, ?)");
    add_about(&m);
    add_nodes(&m);
    for (unsigned i = 0; i < s->nodes && s->rate; i++) {
        double t = random_exponential(&m.random, 1.0 / s->rate);

        for (unsigned k = 0; t < m.end; k++) {
            add_call(&m, i, k, t);
            t += random_exponential(&m.random, 1.0 / s->rate);
        }
    }
    sqlite3_finalize(m.call);
    sqlite3_finalize(m.job);
    assert_int_equal(sqlite3_exec(m.db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(m.db), SQLITE_OK);
}
