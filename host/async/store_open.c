/*
 * store_open.c - the file: made, locked, checked, put aside when it is broken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/async/store_private.h"

enum { VERSION = 1, LOCK_WAIT_MS = 200 };
enum opened { OPENED, OPEN_FAILED, OPEN_BROKEN };

/* Exclusive: no other process may look into it, and there is no file of shared memory. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA auto_vacuum = INCREMENTAL;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA journal_size_limit = 8388608;"
                               "PRAGMA cache_size = -1024;"
                               "PRAGMA temp_store = MEMORY;";

/* Times are milliseconds of the wall clock, duration microseconds.  What may be long stands
 * last, so that a look at the rest does not read it. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE call (row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, function TEXT,"
    " accepted INTEGER, due INTEGER, bytes INTEGER, state INTEGER NOT NULL DEFAULT 0,"
    " attempts INTEGER NOT NULL DEFAULT 0, finished INTEGER, duration INTEGER, status INTEGER,"
    " size INTEGER, error TEXT, callback_state INTEGER NOT NULL DEFAULT 0,"
    " callback_attempts INTEGER NOT NULL DEFAULT 0, over INTEGER, callback TEXT, target TEXT,"
    " headers BLOB, body BLOB, result_headers BLOB, result BLOB);"
    "CREATE INDEX call_id ON call (id);"
    "CREATE INDEX call_over ON call (over) WHERE over IS NOT NULL;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

static enum opened failed(struct async_store *s, const char *doing)
{
    store_failed(s, doing);
    return store_may_recover(s) ? OPEN_FAILED : OPEN_BROKEN;
}

/* The one value of a statement, as text; "" when there is none. */
static int ask(struct async_store *s, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *statement = NULL;
    int rc = -1;

    out[0] = '\0';
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
            snprintf(out, size, "%s", (const char *)sqlite3_column_text(statement, 0));
        rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
    }
    sqlite3_finalize(statement);
    return rc;
}

static enum opened check(struct async_store *s)
{
    char text[P2P_ERRLEN];

    if (ask(s, "PRAGMA user_version", text, sizeof(text)))
        return failed(s, "read its version");
    if (strcmp(text, "0") == 0 && sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return failed(s, "make its tables");
    if (strtol(text, NULL, 10) > VERSION) {
        snprintf(s->why, sizeof(s->why), "%.200s: of a newer version (%.20s); this one reads %d",
                 s->file, text, VERSION);
        return OPEN_FAILED;
    }
    if (ask(s, "PRAGMA quick_check(1)", text, sizeof(text)))
        return failed(s, "check");
    if (strcmp(text, "ok") != 0) {
        snprintf(s->why, sizeof(s->why), "%.200s: %.200s", s->file, text);
        return OPEN_BROKEN;
    }
    return OPENED;
}

static enum opened open_file(struct async_store *s)
{
    char text[32];
    int fd = open(s->file, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    enum opened rc;

    if (fd < 0) {
        snprintf(s->why, sizeof(s->why), "%.200s: %s; see node.data_dir", s->file, strerror(errno));
        return OPEN_FAILED;
    }
    close(fd);
    if (sqlite3_open_v2(s->file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return failed(s, "open");
    sqlite3_busy_timeout(s->db, LOCK_WAIT_MS);
    if (sqlite3_exec(s->db, settings, NULL, NULL, NULL) != SQLITE_OK) {
        if (sqlite3_errcode(s->db) != SQLITE_BUSY)
            return failed(s, "open");
        snprintf(s->why, sizeof(s->why),
                 "%.200s: another process has it; each node needs a node.data_dir of its own",
                 s->file);
        return OPEN_FAILED;
    }
    rc = check(s);
    for (int i = 0; rc == OPENED && i < SQL_STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, store_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statement[i],
                               NULL) != SQLITE_OK)
            rc = failed(s, "prepare");
    if (rc == OPENED &&
        ask(s, "SELECT ifnull(sum(bytes), 0) FROM call WHERE over IS NOT NULL", text, sizeof(text)))
        rc = failed(s, "read");
    if (rc == OPENED)
        s->kept = strtoll(text, NULL, 10);
    return rc;
}

static void close_file(struct async_store *s)
{
    for (int i = 0; i < SQL_STATEMENTS; i++) {
        sqlite3_finalize(s->statement[i]);
        s->statement[i] = NULL;
    }
    sqlite3_close(s->db);
    s->db = NULL;
}

/* FOLDER/async.db and its log, as async.db.broken-TIME. */
static int put_aside(const struct async_store *s)
{
    long long now = (long long)time(NULL);
    char log[sizeof(s->file) + 8], log_aside[sizeof(s->file) + 48], aside[sizeof(s->file) + 48];
    bool moved;
    int why;

    snprintf(log, sizeof(log), "%s-wal", s->file);
    snprintf(aside, sizeof(aside), "%s.broken-%lld", s->file, now);
    snprintf(log_aside, sizeof(log_aside), "%s.broken-%lld-wal", s->file, now);
    /* The log first: it must not stand beside a new file. */
    moved = rename(log, log_aside) == 0;
    if (!moved && errno != ENOENT)
        return -1;
    if (rename(s->file, aside) == 0)
        return 0;
    why = errno;
    if (moved)
        rename(log_aside, log);
    errno = why;
    return -1;
}

struct async_store *store_open(const char *folder, bool *aside, char err[P2P_ERRLEN])
{
    struct async_store *s = calloc(1, sizeof(*s));
    enum opened rc;

    *aside = false;
    if (!s) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        return NULL;
    }
    snprintf(s->file, sizeof(s->file), "%s/async.db", folder);
    rc = open_file(s);
    if (rc == OPEN_BROKEN) {
        snprintf(err, P2P_ERRLEN, "%s", s->why); /* of the file that was put aside */
        close_file(s);
        if (put_aside(s)) {
            snprintf(s->why, sizeof(s->why), "%.200s: broken, and cannot be put aside: %s", s->file,
                     strerror(errno));
        } else {
            *aside = true;
            rc = open_file(s);
        }
    }
    if (rc == OPENED)
        return s;
    snprintf(err, P2P_ERRLEN, "%s", s->why);
    close_file(s);
    free(s);
    return NULL;
}

void store_close(struct async_store *s)
{
    if (!s)
        return;
    close_file(s);
    free(s);
}
