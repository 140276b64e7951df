/*
 * store_read.c - what is read of the calls, and the end of those that are old.
 */
#include <stdio.h>
#include <string.h>

#include "host/async/store_private.h"

/* Of one piece: it takes a few milliseconds. */
enum { PURGE_ROWS = 500, PURGE_BYTES = 4 << 20, VACUUM_PAGES = 256 };

static int take(sqlite3_stmt *statement, int column, struct buf *to)
{
    const void *bytes = sqlite3_column_blob(statement, column);

    buf_clear(to);
    return buf_append(to, bytes ? bytes : "", (size_t)sqlite3_column_bytes(statement, column));
}

/* Names and values, each with its zero, as headers keep them; whatever the disk did to them,
 * only what may be sent is taken. */
static int take_headers(sqlite3_stmt *statement, int column, struct headers *to)
{
    const char *at = sqlite3_column_blob(statement, column);
    const char *end = at ? at + sqlite3_column_bytes(statement, column) : NULL;

    headers_clear(to);
    while (at < end) {
        const char *value = memchr(at, '\0', (size_t)(end - at));
        const char *next = value ? memchr(value + 1, '\0', (size_t)(end - value - 1)) : NULL;

        if (!next || headers_add(to, at, value + 1))
            return -1;
        at = next + 1;
    }
    return 0;
}

static void take_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    snprintf(out, size, "%s", text ? (const char *)text : "");
}

static int unfit(struct async_store *s)
{
    s->code = SQLITE_TOOBIG;
    snprintf(s->why, sizeof(s->why),
             "%.200s: a call is larger than limits.body or limits.headers, or damaged", s->file);
    return -1;
}

int store_each_open(struct async_store *s, void (*f)(void *ctx, const struct store_open_call *c),
                    void *ctx)
{
    sqlite3_stmt *each = s->statement[SQL_EACH_OPEN];
    int rc;

    while ((rc = sqlite3_step(each)) == SQLITE_ROW) {
        bool tells = sqlite3_column_int(each, 4) != STORE_OPEN;
        const char *function = (const char *)sqlite3_column_text(each, 7);
        const struct store_open_call c = {
            .row = sqlite3_column_int64(each, 0),
            .accepted_ms = sqlite3_column_int64(each, 1),
            .due_ms = sqlite3_column_int64(each, 2),
            .bytes = sqlite3_column_int64(each, 3),
            .tells = tells,
            .attempts = (unsigned)sqlite3_column_int(each, tells ? 6 : 5),
            .function = function ? function : "",
        };

        f(ctx, &c);
    }
    if (rc != SQLITE_DONE)
        store_failed(s, "read");
    sqlite3_reset(each);
    return rc == SQLITE_DONE ? 0 : -1;
}

int store_read_request(struct async_store *s, int64_t row, struct buf *target,
                       struct headers *headers, struct buf *body)
{
    sqlite3_stmt *request = store_bind(s, SQL_REQUEST, "i", row);
    int rc = sqlite3_step(request);

    if (rc == SQLITE_DONE) {
        s->code = SQLITE_NOTFOUND;
        snprintf(s->why, sizeof(s->why), "%.200s: the call is not there any more", s->file);
        rc = -1;
    } else if (rc != SQLITE_ROW) {
        rc = store_failed(s, "read");
    } else if (take(request, 0, target) || !buf_text(target) || take_headers(request, 1, headers) ||
               take(request, 2, body)) {
        rc = unfit(s);
    } else {
        rc = 0;
    }
    sqlite3_reset(request);
    return rc;
}

static int read_found(struct async_store *s, sqlite3_stmt *f, struct store_found *out,
                      const struct store_texts *texts)
{
    out->row = sqlite3_column_int64(f, 0);
    out->state = (enum store_state)sqlite3_column_int(f, 1);
    out->callback = (enum store_callback)sqlite3_column_int(f, 2);
    out->attempts = (unsigned)sqlite3_column_int(f, 3);
    out->callback_attempts = (unsigned)sqlite3_column_int(f, 4);
    out->accepted_ms = sqlite3_column_int64(f, 5);
    out->due_ms = sqlite3_column_int64(f, 6);
    out->finished_ms = sqlite3_column_int64(f, 7);
    out->duration_us = sqlite3_column_int64(f, 8);
    out->status = sqlite3_column_int(f, 9);
    out->size = sqlite3_column_int64(f, 10);
    take_text(f, 11, out->id, sizeof(out->id));
    take_text(f, 12, out->function, sizeof(out->function));
    take_text(f, 13, out->error, sizeof(out->error));
    if ((texts->headers && take_headers(f, 14, texts->headers)) ||
        (texts->body && take(f, 15, texts->body)) ||
        (texts->callback && (take(f, 16, texts->callback) || !buf_text(texts->callback))))
        return unfit(s);
    return 0;
}

static int find(struct async_store *s, sqlite3_stmt *f, struct store_found *out,
                const struct store_texts *texts, bool *found)
{
    static const struct store_texts none;
    int rc = sqlite3_step(f);

    *found = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        rc = read_found(s, f, out, texts ? texts : &none);
    else
        rc = rc == SQLITE_DONE ? 0 : store_failed(s, "read");
    sqlite3_reset(f);
    return rc;
}

int store_find(struct async_store *s, const char *id, struct store_found *out,
               const struct store_texts *texts, bool *found)
{
    return find(s, store_bind(s, SQL_FIND_ID, "t", id), out, texts, found);
}

int store_find_row(struct async_store *s, int64_t row, struct store_found *out,
                   const struct store_texts *texts, bool *found)
{
    return find(s, store_bind(s, SQL_FIND_ROW, "i", row), out, texts, found);
}

/* ---- what is old ---- */

int64_t store_kept(const struct async_store *s)
{
    return s->kept;
}

struct piece {
    int64_t row[PURGE_ROWS], bytes;
    int n;
    bool full;
};

/* The oldest of those that are to go. */
static int find_piece(struct async_store *s, int64_t before_ms, int64_t most, struct piece *p)
{
    sqlite3_stmt *oldest = s->statement[SQL_OLDEST];
    int rc = SQLITE_ROW;

    p->n = 0;
    p->bytes = 0;
    while (!(p->full = p->n == PURGE_ROWS || p->bytes >= PURGE_BYTES) &&
           (rc = sqlite3_step(oldest)) == SQLITE_ROW &&
           (sqlite3_column_int64(oldest, 1) < before_ms || s->kept - p->bytes > most)) {
        p->row[p->n++] = sqlite3_column_int64(oldest, 0);
        p->bytes += sqlite3_column_int64(oldest, 2);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        rc = store_failed(s, "look for old results");
    sqlite3_reset(oldest);
    return rc < 0 ? -1 : 0;
}

static int drop_piece(struct async_store *s, const struct piece *p)
{
    if (p->n == 0)
        return 0;
    if (store_begin(s))
        return -1;
    s->kept -= p->bytes;
    for (int i = 0; i < p->n; i++)
        if (store_run(s, store_bind(s, SQL_DROP, "i", p->row[i]), "drop old results"))
            goto fail;
    if (store_commit(s) == 0)
        return 0;
fail:
    store_rollback(s);
    return -1;
}

static int64_t pragma(struct async_store *s, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;

    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* Free pages are used for the next calls; those far beyond that go back to the disk. */
static bool shrink(struct async_store *s)
{
    int64_t free_pages = pragma(s, "PRAGMA freelist_count"), all = pragma(s, "PRAGMA page_count");

    if (free_pages < VACUUM_PAGES || free_pages < all / 2)
        return false;
    return sqlite3_exec(s->db, "PRAGMA incremental_vacuum(256)", NULL, NULL, NULL) == SQLITE_OK;
}

int store_purge(struct async_store *s, int64_t before_ms, int64_t most, bool *more)
{
    struct piece p;

    *more = false;
    if (find_piece(s, before_ms, most, &p) || drop_piece(s, &p))
        return -1;
    *more = p.full || shrink(s);
    return 0;
}
