#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/answer.h"
#include "bench/results.h"
#include "host/version.h"

enum statement { EXPERIMENT, NODE, CALL, SECOND, LATENCY, JOB, TIMING, VALUE, STATEMENTS };

static const char *const insert[STATEMENTS] = {
    [EXPERIMENT] = "INSERT INTO experiment VALUES (?, ?)",
    [NODE] = "INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?)",
    [CALL] = "INSERT INTO calls VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [SECOND] = "INSERT INTO seconds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [LATENCY] = "INSERT INTO latency VALUES (?, ?, ?, ?)",
    [JOB] = "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [TIMING] = "INSERT INTO timings VALUES (?, ?, ?, ?, ?, ?, ?)",
    [VALUE] = "INSERT INTO values_strings VALUES (?, ?, ?, ?, ?, ?, ?)",
};

struct database {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    const struct results *results;
};

/* One row: i integer, r real (NAN is NULL), t text (NULL too), s text and its length. */
static int row(struct database *d, enum statement which, const char *types, ...)
{
    sqlite3_stmt *s = d->statement[which];
    va_list args;
    int rc;

    va_start(args, types);
    for (int i = 1; *types; i++, types++) {
        const char *text;

        switch (*types) {
        case 'i':
            sqlite3_bind_int64(s, i, va_arg(args, int64_t));
            break;
        case 'r':
            sqlite3_bind_double(s, i, va_arg(args, double));
            break;
        case 't':
            sqlite3_bind_text(s, i, va_arg(args, const char *), -1, SQLITE_STATIC);
            break;
        default:
            text = va_arg(args, const char *);
            sqlite3_bind_text(s, i, text, (int)va_arg(args, size_t), SQLITE_STATIC);
        }
    }
    va_end(args);
    rc = sqlite3_step(s);
    sqlite3_reset(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static const char *if_any(const char *text)
{
    return text[0] ? text : NULL;
}

/* ---- what the experiment was ---- */

static int add_experiment(struct database *d)
{
    const struct results *r = d->results;
    const struct experiment *e = r->experiment;
    time_t began = (time_t)r->outcome->began;
    char started[48], duration[32], warm_up[32], seed[32];
    struct tm tm;
    const struct {
        const char *key, *value;
    } all[] = {{"name", e->name},
               {"summary", e->summary},
               {"started", started},
               {"duration_s", duration},
               {"warm_up_s", warm_up},
               {"seed", seed},
               {"version", P2PFAAS_VERSION},
               {"yaml", r->yaml},
               {"complete", r->outcome->interrupted ? "0" : "1"},
               {"behind", r->behind}};
    int rc = 0;

    gmtime_r(&began, &tm);
    strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &tm);
    snprintf(duration, sizeof(duration), "%.9g", (double)e->duration / 1e9);
    snprintf(warm_up, sizeof(warm_up), "%.9g", (double)e->warm_up / 1e9);
    snprintf(seed, sizeof(seed), "%lld", (long long)e->seed);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        rc |= row(d, EXPERIMENT, "tt", all[i].key, all[i].value);
    return rc;
}

static int add_nodes(struct database *d)
{
    const struct results *r = d->results;
    int rc = 0;

    for (unsigned i = 0; i < r->experiment->n_nodes; i++) {
        const struct experiment_node *n = &r->experiment->node[i];

        rc |= row(d, NODE, "ittrttt", (int64_t)i, n->name, n->endpoint.text,
                  n->rate > 0 ? n->rate : (double)NAN, experiment_arrivals[n->arrivals],
                  if_any(r->outcome->said[i].scheduler), if_any(r->outcome->said[i].learner));
    }
    return rc;
}

/* ---- what was counted ---- */

static int add_seconds(struct database *d)
{
    const struct measures *m = d->results->measures;
    int rc = 0;

    for (unsigned i = 0; i < m->experiment->n_nodes; i++)
        for (unsigned k = 0; k < m->node[i].n_seconds; k++) {
            const struct second *s = &m->node[i].second[k];

            rc |= row(d, SECOND, "iiiiiiiiiir", (int64_t)i, (int64_t)k, (int64_t)s->planned,
                      (int64_t)s->sent, (int64_t)s->answered, (int64_t)s->ok,
                      (int64_t)s->in_deadline, (int64_t)s->rejected, (int64_t)s->failed,
                      (int64_t)s->open, seconds(s->late_ns));
        }
    return rc;
}

static int add_quantiles(struct database *d, int64_t node, const char *kind,
                         const struct histogram *h)
{
    static const double p[] = {0,    0.05, 0.1,   0.15, 0.2,   0.25,  0.3,    0.35, 0.4,
                               0.45, 0.5,  0.55,  0.6,  0.65,  0.7,   0.75,   0.8,  0.85,
                               0.9,  0.95, 0.975, 0.99, 0.995, 0.999, 0.9999, 1};
    int rc = 0;

    for (size_t k = 0; h->n > 0 && k < sizeof(p) / sizeof(p[0]); k++)
        rc |= row(d, LATENCY, "itrr", node, kind, p[k], histogram_quantile(h, p[k]) / 1e9);
    return rc;
}

static int add_latency(struct database *d)
{
    const struct measures *m = d->results->measures;
    struct totals all;
    int rc;

    if (!measures_sum(m, &all))
        return -1;
    rc = add_quantiles(d, -1, "corrected", &all.corrected) |
         add_quantiles(d, -1, "uncorrected", &all.uncorrected);
    totals_release(&all);
    for (unsigned i = 0; i < m->experiment->n_nodes; i++) {
        rc |= add_quantiles(d, i, "corrected", &m->node[i].totals.corrected);
        rc |= add_quantiles(d, i, "uncorrected", &m->node[i].totals.uncorrected);
    }
    return rc;
}

/* ---- the calls ---- */

static int add_call(struct database *d, const struct record *r, const char *const *text)
{
    const struct experiment *e = d->results->experiment;
    const struct experiment_payload *p = &e->payload[r->payload];
    const char *ran_on = e->node[r->node].name;
    size_t n = answer_last(text[RECORD_PEERS_ID], &ran_on);

    if (n == 0)
        n = strlen(ran_on);
    if (r->status == 0)
        ran_on = NULL;
    return row(d, CALL, "iiitrrritrisirrrtttrrri", (int64_t)r->node, (int64_t)r->number, p->type,
               p->name, seconds(r->planned_ns),
               r->sent_ns == RECORD_NEVER ? (double)NAN : seconds(r->sent_ns), seconds(r->ended_ns),
               (int64_t)r->status, if_any(text[RECORD_ERROR]), (double)p->deadline / 1e9,
               (int64_t)r->in_deadline, ran_on, n, (int64_t)r->hops, r->execution, r->queueing,
               text[RECORD_PROBING][0] ? strtod(text[RECORD_PROBING] + 1, NULL) : (double)NAN,
               if_any(text[RECORD_SCHEDULER]), if_any(text[RECORD_EID]), if_any(text[RECORD_STATE]),
               r->action, r->epsilon, r->reward, (int64_t)r->warm_up);
}

/* As the original writes it: times from when a call was really sent. */
static int add_job(struct database *d, const struct record *r, const char *const *text)
{
    const struct experiment *e = d->results->experiment;
    const struct experiment_payload *p = &e->payload[r->payload];
    double began = d->results->outcome->began;
    uint64_t sent = r->sent_ns == RECORD_NEVER ? r->planned_ns : r->sent_ns;

    return row(d, JOB, "iiitrrriiiitirrtrrr", (int64_t)r->node, (int64_t)r->number, p->type,
               p->name, e->node[r->node].rate, seconds(r->ended_ns - sent), r->execution,
               (int64_t)(text[RECORD_TOTAL][0] != '\0'), (int64_t)r->status, (int64_t)r->error_code,
               (int64_t)r->net_error, text[RECORD_ERROR], (int64_t)(r->hops > 0),
               began + seconds(sent), began + seconds(r->ended_ns), if_any(text[RECORD_STATE]),
               r->action, r->epsilon, r->reward);
}

static int add_lists(struct database *d, const struct record *r, const char *const *text)
{
    static const struct {
        enum record_text text;
        enum statement into;
        const char *type;
    } lists[] = {{RECORD_PROBING, TIMING, "probing"},
                 {RECORD_SCHEDULING, TIMING, "scheduling"},
                 {RECORD_TOTAL, TIMING, "total"},
                 {RECORD_PEERS_ID, VALUE, "peers_id"},
                 {RECORD_PEERS_IP, VALUE, "peers_ip"}};
    const struct experiment *e = d->results->experiment;
    const char *name = e->payload[r->payload].name, *element;
    double rate = e->node[r->node].rate;
    size_t n;
    int rc = 0;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const char *at = text[lists[i].text];

        for (int64_t k = 0; answer_element(&at, &element, &n); k++)
            rc |= lists[i].into == TIMING
                      ? row(d, TIMING, "iitritr", (int64_t)r->node, (int64_t)r->number, name, rate,
                            k, lists[i].type, strtod(element, NULL))
                      : row(d, VALUE, "iitrits", (int64_t)r->node, (int64_t)r->number, name, rate,
                            k, lists[i].type, element, n);
    }
    return rc;
}

static int add_calls(struct database *d, struct spool *spool, char err[P2P_ERRLEN])
{
    const char *text[RECORD_TEXTS];
    struct record r;
    int more;

    while ((more = spool_next(spool, &r, text, err)) > 0)
        if (add_call(d, &r, text) || add_job(d, &r, text) || add_lists(d, &r, text))
            return -1;
    return more;
}

/* ---- the file ---- */

static int fill(struct database *d, struct spool *spool, char err[P2P_ERRLEN])
{
    int rc = sqlite3_exec(d->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL,
                          NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, results_schema, NULL, NULL, NULL);
    for (unsigned i = 0; rc == SQLITE_OK && i < STATEMENTS; i++)
        rc = sqlite3_prepare_v2(d->db, insert[i], -1, &d->statement[i], NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, "BEGIN", NULL, NULL, NULL);
    if (rc != SQLITE_OK || add_experiment(d) || add_nodes(d) || add_seconds(d) || add_latency(d) ||
        add_calls(d, spool, err))
        return -1;
    return sqlite3_exec(d->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

int results_write(const char *folder, const struct results *r, struct spool *spool,
                  char err[P2P_ERRLEN])
{
    struct database d = {.results = r};
    char path[4096], unfinished[4096];
    int rc = -1;

    err[0] = '\0';
    snprintf(path, sizeof(path), "%s/results.sqlite", folder);
    snprintf(unfinished, sizeof(unfinished), "%s/results.sqlite.part", folder);
    unlink(unfinished); /* of one that was stopped */
    if (sqlite3_open(unfinished, &d.db) == SQLITE_OK)
        rc = fill(&d, spool, err);
    if (rc && !err[0])
        snprintf(err, P2P_ERRLEN, "%.180s: %s", unfinished,
                 d.db ? sqlite3_errmsg(d.db) : "out of memory");
    for (unsigned i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(d.statement[i]);
    if (sqlite3_close(d.db) != SQLITE_OK && rc == 0) {
        snprintf(err, P2P_ERRLEN, "%.180s: cannot be closed", unfinished);
        rc = -1;
    }
    if (rc == 0 && rename(unfinished, path)) {
        snprintf(err, P2P_ERRLEN, "%.180s: cannot be renamed", unfinished);
        rc = -1;
    }
    if (rc)
        unlink(unfinished);
    return rc;
}
