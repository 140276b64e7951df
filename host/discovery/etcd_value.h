/*
 * etcd_value.h - what a node says of itself in its key, as JSON:
 *
 *   {"id":"n1","address":"10.0.0.1:18080","group":"p2pfaas","slots":4,
 *    "functions":["echo"],"version":"0.1.0"}
 *
 * Only id and address must be there; keys that are not known are passed over.  What is
 * read is not trusted: -1 and a reason.
 */
#ifndef HOST_ETCD_VALUE_H
#define HOST_ETCD_VALUE_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/upstream.h"

enum { ETCD_MOST_VALUE = 96 << 10 /* bytes that are read */ };

struct etcd_value {
    char id[64], group[64], version[32];
    struct endpoint endpoint;
    uint32_t slots;         /* 0 = unknown */
    bool knows_functions;   /* false: it may offer any */
    const char **functions; /* n_functions names, one piece of memory with their texts */
    unsigned n_functions;
};

/* The caller frees it; NULL = out of memory. */
char *etcd_value_write(const struct etcd_value *v);
/* On failure nothing is left in *v. */
int etcd_value_read(struct etcd_value *v, const char *text, size_t n, char err[P2P_ERRLEN]);
void etcd_value_release(struct etcd_value *v);

#endif
