/*
 * Results as tables of one SQLite file.
 */
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/output.h"

enum statement { POINT, AXIS, METRIC, PART, BATCH, NODE, COUNTER, WARNING, STATEMENTS };

static const char schema[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
    "CREATE TABLE scenario (text TEXT);"
    "CREATE TABLE points (point INTEGER PRIMARY KEY, label TEXT, intervals TEXT, samples INTEGER,"
    " level REAL, seconds REAL, jobs INTEGER, ran INTEGER, full INTEGER, rejected INTEGER,"
    " late INTEGER, failed INTEGER, warnings INTEGER);"
    "CREATE TABLE axes (point INTEGER, axis TEXT, value TEXT, PRIMARY KEY (point, axis));"
    "CREATE TABLE metrics (point INTEGER, metric TEXT, value REAL, half_width REAL,"
    " PRIMARY KEY (point, metric));"
    "CREATE TABLE parts (point INTEGER, part TEXT, name TEXT, metric TEXT, value REAL,"
    " half_width REAL, PRIMARY KEY (point, part, name, metric));"
    "CREATE TABLE batches (point INTEGER, replication INTEGER, batch INTEGER, from_s REAL,"
    " to_s REAL, jobs INTEGER, metric TEXT, value REAL,"
    " PRIMARY KEY (point, replication, batch, metric));"
    "CREATE TABLE nodes (point INTEGER, replication INTEGER, node INTEGER, \"group\" TEXT,"
    " slots INTEGER, arrived INTEGER, answered INTEGER, lost INTEGER, mean REAL,"
    " ran_here INTEGER, busy_s REAL, utilisation REAL, PRIMARY KEY (point, replication, node));"
    "CREATE TABLE counters (point INTEGER, scheduler TEXT, name TEXT, count INTEGER);"
    "CREATE TABLE warnings (point INTEGER, warning TEXT);";

static const char *const insert[STATEMENTS] = {
    [POINT] = "INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [AXIS] = "INSERT INTO axes VALUES (?, ?, ?)",
    [METRIC] = "INSERT INTO metrics VALUES (?, ?, ?, ?)",
    [PART] = "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)",
    [BATCH] = "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [NODE] = "INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [COUNTER] = "INSERT INTO counters VALUES (?, ?, ?, ?)",
    [WARNING] = "INSERT INTO warnings VALUES (?, ?)",
};

struct database {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    char path[PATH_MAX], unfinished[PATH_MAX];
    bool nodes;
};

static int say(const struct database *d, char err[P2P_ERRLEN])
{
    snprintf(err, P2P_ERRLEN, "%s: %s", d->unfinished, d->db ? sqlite3_errmsg(d->db) : "no memory");
    return -1;
}

/* One row: i integer, r real (NAN is NULL), t text (NULL too). */
static int row(struct database *d, enum statement which, const char *types, ...)
{
    sqlite3_stmt *s = d->statement[which];
    va_list args;
    int rc;

    va_start(args, types);
    for (int i = 1; *types; i++, types++) {
        if (*types == 'i')
            sqlite3_bind_int64(s, i, va_arg(args, int64_t));
        else if (*types == 'r')
            sqlite3_bind_double(s, i, va_arg(args, double));
        else
            sqlite3_bind_text(s, i, va_arg(args, const char *), -1, SQLITE_STATIC);
    }
    va_end(args);
    rc = sqlite3_step(s);
    sqlite3_reset(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int release(struct database *d, bool keep, char err[P2P_ERRLEN])
{
    int rc = 0;

    for (unsigned i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(d->statement[i]);
    if (sqlite3_close(d->db) != SQLITE_OK)
        rc = say(d, err);
    if (keep && rc == 0 && rename(d->unfinished, d->path)) {
        snprintf(err, P2P_ERRLEN, "%s: cannot be renamed", d->unfinished);
        rc = -1;
    }
    if (!keep || rc)
        unlink(d->unfinished);
    free(d);
    return rc;
}

static int add_scenario(struct database *d, const char *text)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(d->db, "INSERT INTO scenario VALUES (?)", -1, &s, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
        rc = sqlite3_step(s) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
    }
    sqlite3_finalize(s);
    return rc;
}

static void *sqlite_open(const struct output_target *to, char err[P2P_ERRLEN])
{
    struct database *d = calloc(1, sizeof(*d));
    char ignored[P2P_ERRLEN];
    int rc;

    if (!d) {
        snprintf(err, P2P_ERRLEN, "%s: no memory", to->folder);
        return NULL;
    }
    d->nodes = to->nodes;
    output_path(d->path, sizeof(d->path), to, "result", "sqlite");
    output_path(d->unfinished, sizeof(d->unfinished), to, "result", "sqlite.part");
    unlink(d->unfinished); /* of one that was stopped */
    rc = sqlite3_open(d->unfinished, &d->db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(d->db, schema, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = add_scenario(d, to->scenario);
    for (unsigned i = 0; rc == SQLITE_OK && i < STATEMENTS; i++)
        rc = sqlite3_prepare_v2(d->db, insert[i], -1, &d->statement[i], NULL);
    if (rc == SQLITE_OK)
        return d;
    say(d, err);
    release(d, false, ignored);
    return NULL;
}

static int add_point(struct database *d, const struct point *p, const struct summary *s)
{
    int64_t index = p->index;
    int rc = row(
        d, POINT, "ittirriiiiiii", index, p->label, s->replicated ? "replications" : "batches",
        (int64_t)s->n_samples, s->level, s->seconds, (int64_t)s->jobs, (int64_t)s->ended[JOB_RAN],
        (int64_t)s->ended[JOB_FULL], (int64_t)s->ended[JOB_REJECTED], (int64_t)s->ended[JOB_LATE],
        (int64_t)s->ended[JOB_FAILED], (int64_t)s->n_warnings);

    for (unsigned i = 0; i < p->n_axes; i++)
        rc |= row(d, AXIS, "itt", index, p->axis[i], p->value[i]);
    for (enum metric m = 0; m < METRICS; m++)
        rc |= row(d, METRIC, "itrr", index, metric_info[m].name, s->value[m].value,
                  s->value[m].half_width);
    for (unsigned i = 0; i < s->n_counters; i++)
        rc |= row(d, COUNTER, "itti", index, s->counter[i].scheduler, s->counter[i].name,
                  (int64_t)s->counter[i].n);
    for (unsigned i = 0; i < s->n_warnings; i++)
        rc |= row(d, WARNING, "it", index, s->warning[i]);
    return rc;
}

static int add_parts(struct database *d, const struct point *p, const struct summary *s)
{
    int rc = 0;

    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned i = 0; i < s->n_parts[kind]; i++)
            for (enum metric m = 0; m < METRICS; m++) {
                const struct part_summary *part = &s->part[kind][i];

                if (!isnan(part->value[m].value))
                    rc |= row(d, PART, "itttrr", (int64_t)p->index,
                              kind == PART_GROUP ? "group" : "function", part->name,
                              metric_info[m].name, part->value[m].value, part->value[m].half_width);
            }
    return rc;
}

static int add_batches(struct database *d, const struct point *p, const struct result *r,
                       unsigned replication)
{
    int rc = 0;

    for (unsigned b = 0; b < r->complete; b++)
        for (enum metric m = 0; m < METRICS; m++) {
            double value = result_batch_metric(r, b, m);

            if (!isnan(value))
                rc |= row(d, BATCH, "iiirritr", (int64_t)p->index, (int64_t)replication, (int64_t)b,
                          ((double)r->from_ns + b * (double)r->batch_ns) / 1e9,
                          ((double)r->from_ns + (b + 1.0) * (double)r->batch_ns) / 1e9,
                          (int64_t)tally_jobs(&r->batch[b]), metric_info[m].name, value);
        }
    return rc;
}

static int add_nodes(struct database *d, const struct point *p, const struct result *r,
                     unsigned replication)
{
    int rc = 0;

    for (unsigned g = 0; g < r->scenario->n_groups; g++) {
        const struct group_config *group = &r->scenario->group[g];

        for (uint32_t i = r->first_node[g]; i < r->first_node[g + 1]; i++) {
            const struct node_result *n = &r->node[i];

            rc |= row(d, NODE, "iiitiiiirirr", (int64_t)p->index, (int64_t)replication, (int64_t)i,
                      group->name, group->slots, (int64_t)n->arrived, (int64_t)n->answered,
                      (int64_t)n->lost, node_metric(r, i, METRIC_MEAN), (int64_t)n->ran_here,
                      (double)n->busy_ns / 1e9, node_metric(r, i, METRIC_UTILISATION));
        }
    }
    return rc;
}

static int sqlite_point(void *self, const struct point *p, const struct summary *s,
                        const struct result *const *results, unsigned n, char err[P2P_ERRLEN])
{
    struct database *d = self;
    int rc = sqlite3_exec(d->db, "BEGIN", NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = add_point(d, p, s);
    if (rc == 0)
        rc = add_parts(d, p, s);
    for (unsigned r = 0; rc == 0 && r < n; r++) {
        rc = add_batches(d, p, results[r], r);
        if (rc == 0 && d->nodes)
            rc = add_nodes(d, p, results[r], r);
    }
    if (rc == 0)
        rc = sqlite3_exec(d->db, "COMMIT", NULL, NULL, NULL);
    return rc == 0 ? 0 : say(d, err);
}

static int sqlite_close(void *self, bool keep, char err[P2P_ERRLEN])
{
    return release(self, keep, err);
}

const struct output output_sqlite = {
    .name = "sqlite", .open = sqlite_open, .point = sqlite_point, .close = sqlite_close};
