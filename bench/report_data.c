#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report_private.h"

enum { REFUSED_FULL = 400, REFUSED_ON_PURPOSE = 401, MOST_TEXT = 1 << 20 };
static const double longest = 1e8; /* seconds that a run may take */

static const char *const keys[REPORT_KEYS] = {"name",      "summary", "started", "duration_s",
                                              "warm_up_s", "seed",    "version", "yaml",
                                              "complete",  "behind"};

/* ---- columns ---- */

static char *text_of(sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);

    return text ? strndup(text, MOST_TEXT) : NULL;
}

static double real_of(sqlite3_stmt *s, int column)
{
    double v =
        sqlite3_column_type(s, column) == SQLITE_NULL ? NAN : sqlite3_column_double(s, column);

    return isfinite(v) ? v : NAN;
}

static bool prepare(sqlite3 *db, const char *sql, sqlite3_stmt **s)
{
    return sqlite3_prepare_v2(db, sql, -1, s, NULL) == SQLITE_OK;
}

/* ---- what ran ---- */

static double number(const char *text)
{
    double v = text ? strtod(text, NULL) : 0;

    return v > 0 && v < longest ? v : 0;
}

static int read_about(struct report_data *d, sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    int rc = SQLITE_ERROR;

    if (prepare(db, "SELECT key, value FROM experiment", &s))
        while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
            const char *key = (const char *)sqlite3_column_text(s, 0);

            for (unsigned k = 0; key && k < REPORT_KEYS; k++)
                if (strcmp(key, keys[k]) == 0 && !d->about[k])
                    d->about[k] = text_of(s, 1);
        }
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int read_nodes(struct report_data *d, sqlite3 *db, char err[P2P_ERRLEN])
{
    static const char sql[] = "SELECT node_id, name, address, asked_rate, arrivals, scheduler,"
                              " learner FROM nodes ORDER BY node_id";
    sqlite3_stmt *s = NULL;
    int rc = SQLITE_ERROR;

    d->node = calloc(REPORT_NODES, sizeof(*d->node));
    d->type = calloc(REPORT_NODES, sizeof(*d->type));
    if (!d->node || !d->type) {
        snprintf(err, P2P_ERRLEN, "no memory");
        return -1;
    }
    if (prepare(db, sql, &s))
        while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
            struct report_node *n = &d->node[d->n_nodes];

            if (d->n_nodes == REPORT_NODES) {
                snprintf(err, P2P_ERRLEN, "nodes: more than %d", REPORT_NODES);
                break;
            }
            n->id = sqlite3_column_int64(s, 0);
            n->name = text_of(s, 1);
            n->address = text_of(s, 2);
            n->rate = real_of(s, 3);
            n->arrivals = text_of(s, 4);
            n->scheduler = text_of(s, 5);
            n->learner = text_of(s, 6);
            if (d->n_nodes < REPORT_MATRIX) {
                d->place[d->n_nodes] = strdup(n->name ? n->name : "");
                d->n_places++;
            }
            d->n_nodes++;
        }
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

/* ---- over time ---- */

static int set_bins(struct report_data *d, sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    double last = 0;
    bool ended_early = d->about[REPORT_COMPLETE] && strcmp(d->about[REPORT_COMPLETE], "0") == 0;

    if (!prepare(db, "SELECT max(max(planned), ifnull(max(sent), 0)) FROM calls", &s) ||
        sqlite3_step(s) != SQLITE_ROW) {
        sqlite3_finalize(s);
        return -1;
    }
    last = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    d->warm_up = number(d->about[REPORT_WARM_UP]);
    d->load_end = d->warm_up + number(d->about[REPORT_DURATION]);
    if (d->load_end <= 0 || (ended_early && last < d->load_end))
        d->load_end = last > 0 ? fmin(last, longest) : 1;
    d->bin_width = fmax(1, ceil(d->load_end / REPORT_BINS));
    /* A rest that is too short for a rate belongs to the piece before it. */
    d->n_bins = (unsigned)fmax(1, floor(d->load_end / d->bin_width + 0.5));
    return 0;
}

static struct report_bin *bin_at(struct report_data *d, double when)
{
    unsigned k;

    if (!(when >= 0 && when <= d->load_end))
        return NULL;
    k = (unsigned)(when / d->bin_width);
    return &d->bin[k < d->n_bins ? k : d->n_bins - 1];
}

/* ---- calls ---- */

struct call {
    double planned, sent, ended, deadline, action, epsilon, reward;
    bool answered, forwarded, refused, failed, in_deadline;
    const char *ran_on;
};

static struct report_node *node_of(struct report_data *d, int64_t id)
{
    if (id >= 0 && id < d->n_nodes && d->node[id].id == id)
        return &d->node[id];
    for (unsigned i = 0; i < d->n_nodes; i++)
        if (d->node[i].id == id)
            return &d->node[i];
    return NULL;
}

static struct report_type *type_of(struct report_data *d, int64_t id)
{
    unsigned i;

    for (i = 0; i < d->n_types; i++)
        if (d->type[i].id == id)
            return &d->type[i];
    if (i == REPORT_NODES)
        return NULL;
    d->type[d->n_types++].id = id;
    return &d->type[i];
}

static unsigned place_of(struct report_data *d, const char *name)
{
    unsigned i;

    for (i = 0; i < d->n_places; i++)
        if (d->place[i] && strcmp(d->place[i], name) == 0)
            return i;
    if (i == REPORT_PLACES)
        return i - 1;
    d->place[i] = strdup(i + 1 == REPORT_PLACES ? "elsewhere" : name);
    d->n_places++;
    return i;
}

static bool time_add(struct histogram *h, double from, double to)
{
    double took = to - from;

    return !(took >= 0 && took < longest) || histogram_add(h, (uint64_t)(took * 1e9 + 0.5));
}

static bool tally_add(struct report_tally *t, const struct call *c, double load_end)
{
    t->asked++;
    t->offered += c->sent <= load_end;
    t->answered += c->answered;
    t->forwarded += c->forwarded;
    t->refused += c->refused;
    t->failed += c->failed;
    t->deadlines += c->deadline > 0;
    t->in_deadline += c->deadline > 0 && c->in_deadline;
    return !c->answered || (time_add(&t->corrected, c->planned, c->ended) &&
                            time_add(&t->uncorrected, c->sent, c->ended));
}

/* Which of the learner's actions; the numbers are put in order at the end. */
static unsigned action_of(struct report_data *d, double action)
{
    unsigned i;

    for (i = 0; i < d->n_actions; i++)
        if (d->action[i] == action)
            return i;
    if (i < REPORT_ACTIONS)
        d->action[d->n_actions++] = action;
    else
        d->more_actions = true;
    return i;
}

static void bins_add(struct report_data *d, const struct call *c)
{
    struct report_bin *b;

    if ((b = bin_at(d, c->sent)))
        b->sent++;
    if (c->answered && (b = bin_at(d, c->ended)))
        b->answered++;
    b = bin_at(d, c->planned);
    if (!b)
        return;
    b->asked++;
    b->deadlines += c->deadline > 0;
    b->in_deadline += c->deadline > 0 && c->in_deadline;
    b->unanswered += !c->answered;
    b->refused += c->refused;
    b->forwarded += c->forwarded && !c->refused;
    b->here += c->answered && !c->forwarded && !c->refused;
    if (!isnan(c->action))
        b->action[action_of(d, c->action)]++;
    if (!isnan(c->reward)) {
        b->rewards++;
        b->reward += c->reward;
        d->rewards = true;
    }
    if (!isnan(c->epsilon)) {
        b->epsilons++;
        b->epsilon += c->epsilon;
        d->epsilons = true;
    }
}

static int add_call(struct report_data *d, sqlite3_stmt *s, char err[P2P_ERRLEN])
{
    int64_t node_id = sqlite3_column_int64(s, 0), type_id = sqlite3_column_int64(s, 1);
    int status = sqlite3_column_int(s, 5), code = sqlite3_column_int(s, 14);
    bool coded = sqlite3_column_type(s, 14) != SQLITE_NULL;
    struct report_node *n = node_of(d, node_id);
    struct report_type *t = type_of(d, type_id);
    struct call c = {.planned = real_of(s, 2),
                     .sent = real_of(s, 3),
                     .ended = real_of(s, 4),
                     .deadline = sqlite3_column_double(s, 6),
                     .in_deadline = sqlite3_column_int(s, 7) != 0,
                     .ran_on = (const char *)sqlite3_column_text(s, 8),
                     .action = real_of(s, 10),
                     .epsilon = real_of(s, 11),
                     .reward = real_of(s, 12),
                     .answered = status > 0};

    if (!n) {
        snprintf(err, P2P_ERRLEN, "calls: node_id %lld is not in nodes", (long long)node_id);
        return -1;
    }
    if (!t) {
        snprintf(err, P2P_ERRLEN, "calls: more than %d types", REPORT_NODES);
        return -1;
    }
    c.forwarded = c.answered && sqlite3_column_int(s, 9) > 0;
    c.refused = (status == 503 && !coded) || ((status == 500 || status == 503) &&
                                              (code == REFUSED_FULL || code == REFUSED_ON_PURPOSE));
    c.failed = !c.refused && (status < 200 || status > 299);
    bins_add(d, &c);
    if (sqlite3_column_int(s, 13))
        return 0;
    t->deadline = c.deadline;
    if (c.answered && !c.refused && c.ran_on && d->n_nodes <= REPORT_MATRIX)
        d->matrix[n - d->node][place_of(d, c.ran_on)]++;
    if (tally_add(&d->all, &c, d->load_end) && tally_add(&n->tally, &c, d->load_end) &&
        tally_add(&t->tally, &c, d->load_end))
        return 0;
    snprintf(err, P2P_ERRLEN, "no memory");
    return -1;
}

/* jobs has the code of an error, in the same row. */
static const char all_calls[] =
    "SELECT c.node_id, c.type_id, c.planned, c.sent, c.ended, c.status, c.deadline, c.in_deadline,"
    " c.ran_on, c.hops, c.action, c.epsilon, c.reward, c.warm_up, j.res_error_code"
    " FROM calls c LEFT JOIN jobs j ON j.rowid = c.rowid AND j.node_id = c.node_id"
    " AND j.req_id = c.req_id ORDER BY c.rowid";

static int read_calls(struct report_data *d, sqlite3 *db, char err[P2P_ERRLEN])
{
    sqlite3_stmt *s = NULL;
    int rc = SQLITE_ERROR;

    if (prepare(db, all_calls, &s))
        while ((rc = sqlite3_step(s)) == SQLITE_ROW && add_call(d, s, err) == 0)
            ;
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

static void order_actions(struct report_data *d)
{
    for (unsigned i = 0; i < d->n_actions; i++)
        for (unsigned k = i + 1; k < d->n_actions; k++) {
            double number_i = d->action[i];

            if (number_i <= d->action[k])
                continue;
            d->action[i] = d->action[k];
            d->action[k] = number_i;
            for (unsigned b = 0; b < d->n_bins; b++) {
                uint64_t n = d->bin[b].action[i];

                d->bin[b].action[i] = d->bin[b].action[k];
                d->bin[b].action[k] = n;
            }
        }
}

static int order_types(const void *a, const void *b)
{
    int64_t x = ((const struct report_type *)a)->id, y = ((const struct report_type *)b)->id;

    return (x > y) - (x < y);
}

/* ---- all ---- */

int report_read(struct report_data *d, const char *folder, char err[P2P_ERRLEN])
{
    char path[4096], what[P2P_ERRLEN] = "";
    sqlite3 *db = NULL;
    int rc = -1;

    memset(d, 0, sizeof(*d));
    snprintf(path, sizeof(path), "%s/results.sqlite", folder);
    if (access(path, R_OK)) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
        return -1;
    }
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        read_about(d, db) == 0 && read_nodes(d, db, what) == 0 && set_bins(d, db) == 0 &&
        read_calls(d, db, what) == 0)
        rc = 0;
    if (rc)
        snprintf(err, P2P_ERRLEN, "%.120s: %.120s", path, what[0] ? what : sqlite3_errmsg(db));
    sqlite3_close(db);
    order_actions(d);
    if (d->n_types)
        qsort(d->type, d->n_types, sizeof(*d->type), order_types);
    return rc;
}

static void tally_release(struct report_tally *t)
{
    histogram_release(&t->corrected);
    histogram_release(&t->uncorrected);
}

void report_data_release(struct report_data *d)
{
    for (unsigned k = 0; k < REPORT_KEYS; k++)
        free(d->about[k]);
    for (unsigned i = 0; i < d->n_nodes; i++) {
        struct report_node *n = &d->node[i];

        free(n->name);
        free(n->address);
        free(n->arrivals);
        free(n->scheduler);
        free(n->learner);
        tally_release(&n->tally);
    }
    for (unsigned i = 0; i < d->n_types; i++)
        tally_release(&d->type[i].tally);
    for (unsigned i = 0; i < d->n_places; i++)
        free(d->place[i]);
    tally_release(&d->all);
    free(d->node);
    free(d->type);
}
