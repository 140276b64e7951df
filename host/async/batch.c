#include "host/async/batch.h"

#include <stdio.h>

void batch_init(struct async_batch *b)
{
    b->first = NULL;
    b->last = &b->first;
    b->n = 0;
}

void batch_add(struct async_batch *b, struct async_change *c)
{
    c->next = NULL;
    *b->last = c;
    b->last = &c->next;
    b->n++;
}

static int write_all(const struct async_batch *b, struct async_store *s)
{
    if (store_begin(s))
        return -1;
    for (struct async_change *c = b->first; c; c = c->next)
        if (c->apply(c, s))
            return -1;
    return store_commit(s);
}

int batch_commit(struct async_batch *b, struct async_store *s)
{
    struct async_change *c = b->first, *next;
    bool written = write_all(b, s) == 0;
    char why[P2P_ERRLEN];

    if (!written) {
        snprintf(why, sizeof(why), "%s", store_why(s));
        store_rollback(s);
    }
    batch_init(b);
    for (; c; c = next) {
        next = c->next;
        if (written)
            c->done(c, NULL);
        else if (c->may_be_dropped)
            c->done(c, why);
        else
            batch_add(b, c);
    }
    return written ? 0 : -1;
}

void batch_drop(struct async_batch *b, const char *why)
{
    struct async_change *c = b->first, *next;

    batch_init(b);
    for (; c; c = next) {
        next = c->next;
        c->done(c, why);
    }
}
