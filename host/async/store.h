/*
 * store.h - the accepted calls on the disk: one SQLite file, which survives that its process
 * or its machine is killed at any time.
 *
 * What is written between store_begin and store_commit is on the disk when that returns 0:
 * all of it, or after any failure nothing.  The file is this process's alone as long as it is
 * open.  It belongs to one thread, which waits for the disk.
 *
 * Every int is 0 or -1, with the reason in store_why.
 */
#ifndef HOST_ASYNC_STORE_H
#define HOST_ASYNC_STORE_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/http.h"

struct async_store;

/* As the file has them: only added to. */
enum store_state { STORE_OPEN, STORE_DONE, STORE_FAILED, STORE_CANCELLED };
enum store_callback { CALLBACK_NONE, CALLBACK_OPEN, CALLBACK_TOLD, CALLBACK_GIVEN_UP };
enum {
    STORE_OVERHEAD = 512,        /* bytes that a call is counted with beyond its own */
    STORE_MOST_BODY = 768 << 20, /* SQLite takes rows of a little less than 1 GB */
};

/* Opens FOLDER/async.db, makes it when it is not there.  One that is broken is kept beside,
 * *aside is set, and a new one made.  NULL with a reason, for instance that another process
 * has it. */
struct async_store *store_open(const char *folder, bool *aside, char err[P2P_ERRLEN]);
void store_close(struct async_store *s);
const char *store_why(const struct async_store *s);
/* After a failure: may the same succeed later?  Not when the file is broken. */
bool store_may_recover(const struct async_store *s);

int store_begin(struct async_store *s);
int store_commit(struct async_store *s);
void store_rollback(struct async_store *s);
/* Writes what changes nothing: can the disk be written (again)? */
int store_probe(struct async_store *s);

/* A call as it is accepted. */
struct store_call {
    const char *id, *function, *target; /* target: "/function/NAME…" */
    const struct headers *headers;
    const struct buf *body;
    const char *callback; /* its URL, or NULL */
    int64_t accepted_ms;
};
int64_t store_cost(const struct store_call *c);
int store_add(struct async_store *s, const struct store_call *c, int64_t *row);

/* It is run again at due_ms, so many attempts made. */
int store_put_back(struct async_store *s, int64_t row, unsigned attempts, int64_t due_ms);

/* How its run ended. */
struct store_result {
    enum store_state state;
    unsigned attempts;
    int64_t finished_ms, duration_us;
    int status; /* 0: no answer, then error says why */
    const struct headers *headers;
    const struct buf *body;
    const char *error;
};
/* The request is dropped; of the result `keep` bytes are kept, all while a callback is open.
 * *callback_bytes is what the call then counts, 0 when it is over. */
int store_finish(struct async_store *s, int64_t row, const struct store_result *r, size_t keep,
                 int64_t *callback_bytes);
int store_cancel(struct async_store *s, int64_t row, int64_t now_ms);
/* With a state but CALLBACK_OPEN the call is over. */
int store_callback(struct async_store *s, int64_t row, enum store_callback state, unsigned attempts,
                   int64_t when_ms, size_t keep);

/* ---- store_read.c ---- */

/* Of each call that is not over, in the order accepted. */
struct store_open_call {
    int64_t row, accepted_ms, due_ms, bytes;
    bool tells; /* it has run; its callback is open */
    unsigned attempts;
    const char *function;
};
int store_each_open(struct async_store *s, void (*f)(void *ctx, const struct store_open_call *c),
                    void *ctx);

/* The request of a call; `target` and what else is read into is the caller's. */
int store_read_request(struct async_store *s, int64_t row, struct buf *target,
                       struct headers *headers, struct buf *body);

struct store_found {
    int64_t row;
    enum store_state state;
    enum store_callback callback;
    unsigned attempts, callback_attempts;
    int64_t accepted_ms, due_ms, finished_ms, duration_us;
    int status;
    int64_t size; /* of the result's body, as the function gave it */
    char id[129], function[129], error[P2P_ERRLEN];
};
/* Buffers for what is long, each may be NULL: the result, and where to tell it. */
struct store_texts {
    struct headers *headers;
    struct buf *body, *callback;
};
/* The last that was accepted with this id, or of this row.  *found tells whether there is one. */
int store_find(struct async_store *s, const char *id, struct store_found *out,
               const struct store_texts *texts, bool *found);
int store_find_row(struct async_store *s, int64_t row, struct store_found *out,
                   const struct store_texts *texts, bool *found);

/* Bytes of the results of calls that are over. */
int64_t store_kept(const struct async_store *s);
/* Drops results that are older, and the oldest while there are more bytes; a few at a time:
 * *more tells that it should be called again.  Not between begin and commit. */
int store_purge(struct async_store *s, int64_t before_ms, int64_t most, bool *more);

#endif
