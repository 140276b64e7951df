/*
 * store_private.h - what the files of the store share.
 */
#ifndef HOST_ASYNC_STORE_PRIVATE_H
#define HOST_ASYNC_STORE_PRIVATE_H

#include <sqlite3.h>

#include "host/async/store.h"

enum store_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_ADD,
    SQL_PUT_BACK,
    SQL_FINISH,
    SQL_CANCEL,
    SQL_CALLBACK,
    SQL_EACH_OPEN,
    SQL_REQUEST,
    SQL_FIND_ID,
    SQL_FIND_ROW,
    SQL_OLDEST,
    SQL_DROP,
    SQL_STATEMENTS
};

struct async_store {
    sqlite3 *db;
    sqlite3_stmt *statement[SQL_STATEMENTS];
    int64_t kept;          /* bytes of the calls that are over */
    int64_t kept_at_begin; /* to go back to */
    int code;              /* of the last failure */
    char file[512], why[P2P_ERRLEN];
};

extern const char *const store_sql[SQL_STATEMENTS]; /* store.c */

/* Always -1; keeps the reason. */
int store_failed(struct async_store *s, const char *doing);
/* The statement with these: i int64_t, t text (NULL too), b pointer and size_t.  NULL when it
 * cannot have them (memory), which fails where it is run. */
sqlite3_stmt *store_bind(struct async_store *s, enum store_statement which, const char *types, ...);
/* Runs one that gives no rows.  0 or -1. */
int store_run(struct async_store *s, sqlite3_stmt *statement, const char *doing);

#endif
