/*
 * store.c - what is written.  The request of a call is dropped when it has run; a call that
 * is over, its caller told, has `over` and goes when it is old.
 */
#include "host/async/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/async/store_private.h"

const char *const store_sql[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_ADD] =
        "INSERT INTO call (id, function, target, headers, body, callback, callback_state,"
        " accepted, due, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6 IS NOT NULL, ?7, ?7, ?8)",
    [SQL_PUT_BACK] = "UPDATE call SET attempts = ?2, due = ?3 WHERE row = ?1 AND state = 0",
    [SQL_FINISH] =
        "UPDATE call SET state = ?2, attempts = ?3, due = ?4, finished = ?4, duration = ?5,"
        " status = ?6, result_headers = ?7, size = length(?8), error = ?9, target = NULL,"
        " headers = NULL, body = NULL, bytes = ?10 + length(?7) +"
        "  CASE callback_state WHEN 1 THEN length(?8) ELSE min(length(?8), ?11) END,"
        " result = CASE callback_state WHEN 1 THEN ?8 ELSE substr(?8, 1, ?11) END,"
        " over = CASE callback_state WHEN 1 THEN NULL ELSE ?4 END"
        " WHERE row = ?1 AND state = 0 RETURNING callback_state, bytes",
    [SQL_CANCEL] =
        "UPDATE call SET state = 3, finished = ?2, over = ?2, target = NULL, headers = NULL,"
        " body = NULL, callback_state = 0, bytes = ?3 WHERE row = ?1 AND state = 0",
    [SQL_CALLBACK] = "UPDATE call SET callback_state = ?2, callback_attempts = ?3, due = ?4,"
                     " result = CASE ?2 WHEN 1 THEN result ELSE substr(result, 1, ?5) END,"
                     " bytes = CASE ?2 WHEN 1 THEN bytes ELSE"
                     "  ?6 + length(result_headers) + min(length(result), ?5) END,"
                     " over = CASE ?2 WHEN 1 THEN NULL ELSE ?4 END"
                     " WHERE row = ?1 AND callback_state = 1 RETURNING bytes",
    [SQL_EACH_OPEN] = "SELECT row, accepted, due, bytes, state, attempts, callback_attempts,"
                      " function FROM call WHERE over IS NULL ORDER BY row",
    [SQL_REQUEST] = "SELECT target, headers, body FROM call WHERE row = ?1 AND state = 0",
#define FOUND                                                                                      \
    "SELECT row, state, callback_state, attempts, callback_attempts, accepted, due, finished,"     \
    " duration, status, size, id, function, error, result_headers, result, callback FROM call"
    [SQL_FIND_ID] = FOUND " WHERE id = ?1 ORDER BY row DESC LIMIT 1",
    [SQL_FIND_ROW] = FOUND " WHERE row = ?1",
    [SQL_OLDEST] = "SELECT row, over, bytes FROM call WHERE over IS NOT NULL ORDER BY over, row",
    [SQL_DROP] = "DELETE FROM call WHERE row = ?1",
};

/* ---- statements ---- */

int store_failed(struct async_store *s, const char *doing)
{
    s->code = sqlite3_extended_errcode(s->db);
    snprintf(s->why, sizeof(s->why), "%.200s: %s: %s", s->file, doing, sqlite3_errmsg(s->db));
    return -1;
}

const char *store_why(const struct async_store *s)
{
    return s->why;
}

bool store_may_recover(const struct async_store *s)
{
    int code = s->code & 0xff;

    return code != SQLITE_CORRUPT && code != SQLITE_NOTADB && code != SQLITE_NOTFOUND &&
           code != SQLITE_TOOBIG;
}

sqlite3_stmt *store_bind(struct async_store *s, enum store_statement which, const char *types, ...)
{
    sqlite3_stmt *statement = s->statement[which];
    int rc = SQLITE_OK;
    va_list args;

    va_start(args, types);
    for (int i = 1; *types && rc == SQLITE_OK; i++, types++) {
        if (*types == 'i') {
            rc = sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
        } else if (*types == 't') {
            rc = sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_STATIC);
        } else {
            const void *bytes = va_arg(args, const void *);
            size_t n = va_arg(args, size_t);

            rc = sqlite3_bind_blob64(statement, i, n ? bytes : "", n, SQLITE_STATIC);
        }
    }
    va_end(args);
    return rc == SQLITE_OK ? statement : NULL;
}

/* One row at most is wanted: 1, 0 for none, -1.  To be reset by the caller. */
static int step(struct async_store *s, sqlite3_stmt *statement, const char *doing)
{
    int rc = sqlite3_step(statement);

    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : store_failed(s, doing);
}

int store_run(struct async_store *s, sqlite3_stmt *statement, const char *doing)
{
    int rc = step(s, statement, doing);

    sqlite3_reset(statement);
    return rc < 0 ? -1 : 0;
}

/* ---- transactions ---- */

int store_begin(struct async_store *s)
{
    s->kept_at_begin = s->kept;
    return store_run(s, s->statement[SQL_BEGIN], "begin");
}

int store_commit(struct async_store *s)
{
    return store_run(s, s->statement[SQL_COMMIT], "commit");
}

void store_rollback(struct async_store *s)
{
    s->kept = s->kept_at_begin;
    /* Some failures have rolled back already. */
    if (!sqlite3_get_autocommit(s->db)) {
        sqlite3_step(s->statement[SQL_ROLLBACK]);
        sqlite3_reset(s->statement[SQL_ROLLBACK]);
    }
}

int store_probe(struct async_store *s)
{
    if (store_begin(s) == 0 &&
        sqlite3_exec(s->db, "PRAGMA user_version = 1", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_step(s->statement[SQL_COMMIT]) == SQLITE_DONE) {
        sqlite3_reset(s->statement[SQL_COMMIT]);
        return 0;
    }
    store_failed(s, "write");
    sqlite3_reset(s->statement[SQL_COMMIT]);
    store_rollback(s);
    return -1;
}

/* ---- changes ---- */

int64_t store_cost(const struct store_call *c)
{
    return STORE_OVERHEAD + (int64_t)(strlen(c->target) + c->headers->text.len + c->body->len +
                                      (c->callback ? strlen(c->callback) : 0));
}

int store_add(struct async_store *s, const struct store_call *c, int64_t *row)
{
    sqlite3_stmt *add = store_bind(s, SQL_ADD, "tttbbtii", c->id, c->function, c->target,
                                   c->headers->text.data, c->headers->text.len, c->body->data,
                                   c->body->len, c->callback, c->accepted_ms, store_cost(c));

    if (store_run(s, add, "add"))
        return -1;
    *row = sqlite3_last_insert_rowid(s->db);
    return 0;
}

int store_put_back(struct async_store *s, int64_t row, unsigned attempts, int64_t due_ms)
{
    return store_run(s, store_bind(s, SQL_PUT_BACK, "iii", row, (int64_t)attempts, due_ms),
                     "put back");
}

int store_finish(struct async_store *s, int64_t row, const struct store_result *r, size_t keep,
                 int64_t *callback_bytes)
{
    static const struct buf nothing;
    const struct buf *headers = r->headers ? &r->headers->text : &nothing;
    const struct buf *body = r->body ? r->body : &nothing;
    sqlite3_stmt *finish =
        store_bind(s, SQL_FINISH, "iiiiiibbtii", row, (int64_t)r->state, (int64_t)r->attempts,
                   r->finished_ms, r->duration_us, (int64_t)r->status, headers->data, headers->len,
                   body->data, body->len, r->error, (int64_t)STORE_OVERHEAD, (int64_t)keep);
    int rc = step(s, finish, "finish");

    *callback_bytes = 0;
    if (rc == 1) {
        int64_t bytes = sqlite3_column_int64(finish, 1);

        if (sqlite3_column_int(finish, 0) == CALLBACK_OPEN)
            *callback_bytes = bytes;
        else
            s->kept += bytes;
    }
    sqlite3_reset(finish);
    return rc < 0 ? -1 : 0;
}

int store_cancel(struct async_store *s, int64_t row, int64_t now_ms)
{
    if (store_run(s, store_bind(s, SQL_CANCEL, "iii", row, now_ms, (int64_t)STORE_OVERHEAD),
                  "cancel"))
        return -1;
    s->kept += STORE_OVERHEAD;
    return 0;
}

int store_callback(struct async_store *s, int64_t row, enum store_callback state, unsigned attempts,
                   int64_t when_ms, size_t keep)
{
    sqlite3_stmt *callback =
        store_bind(s, SQL_CALLBACK, "iiiiii", row, (int64_t)state, (int64_t)attempts, when_ms,
                   (int64_t)keep, (int64_t)STORE_OVERHEAD);
    int rc = step(s, callback, "callback");

    if (rc == 1 && state != CALLBACK_OPEN)
        s->kept += sqlite3_column_int64(callback, 0);
    sqlite3_reset(callback);
    return rc < 0 ? -1 : 0;
}
