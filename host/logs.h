/*
 * logs.h - what a request for a function's log asks for.
 */
#ifndef HOST_LOGS_H
#define HOST_LOGS_H

#include "host/lines.h"

struct logs_query {
    char name[128];
    char namespace[64]; /* "" = the node's */
    struct lines_wanted wanted;
};

/* Takes one `key=value` of a query, decoded; keys of others are passed over.  An empty value
 * is as good as none.  0, or -1 with a reason that says what would be right. */
int logs_query_set(struct logs_query *q, const char *key, const char *value, char *err);

#endif
