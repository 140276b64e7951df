/*
 * openfaas_json.h - what is read from and written to the REST of an OpenFaaS gateway,
 * without sockets.
 *
 * What is read comes from another program: what is missing or of another type is as if it
 * were empty, and an entry that cannot be a function of this node is left out.
 */
#ifndef HOST_OPENFAAS_JSON_H
#define HOST_OPENFAAS_JSON_H

#include "host/config.h"
#include "host/runtimes/settings_hash.h"

enum { OPENFAAS_MOST = 512 }; /* functions of a list that are taken, the first by name */
/* Of a node that is a gateway: where it has a function from, and how it runs it.  What is behind
 * yet another gateway is left out: two nodes behind each other would give what one of them once
 * had to each other for ever. */
#define OPENFAAS_ORIGIN "p2pfaas.origin"
#define OPENFAAS_RUNTIME "p2pfaas.runtime"
/* Of a function that a node deployed: the hash of its settings.  A node takes annotations that
 * begin with "p2pfaas." for keys of the function. */
#define OPENFAAS_SETTINGS_OF "p2pfaas-settings"

struct openfaas_entry {
    char name[CONFIG_MAX_NAME + 1];
    char settings[SETTINGS_HASH]; /* by its annotation; "" = none */
    unsigned replicas, available;
};
struct openfaas_list {
    struct openfaas_entry *entry; /* by name, none twice */
    unsigned n;
    unsigned left_out; /* beyond OPENFAAS_MOST */
};

/* The answer to GET /system/functions; what is of another namespace is left out.  0, or -1
 * with what is wrong with it and an empty list. */
int openfaas_read_list(struct openfaas_list *l, const char *bytes, size_t n, const char *namespace,
                       char err[P2P_ERRLEN]);
void openfaas_list_release(struct openfaas_list *l);
/* NULL when it is not there. */
const struct openfaas_entry *openfaas_list_find(const struct openfaas_list *l, const char *name);

/* The hash of all settings that a function is deployed with.  0 or -1 (memory). */
int openfaas_settings(const struct function_config *f, char out[SETTINGS_HASH]);
/* Bodies of requests, to be freed by cJSON_free; NULL when memory is short. */
char *openfaas_deploy_body(const struct function_config *f, const char *namespace,
                           const char *settings);
char *openfaas_remove_body(const char *name, const char *namespace);
char *openfaas_scale_body(const char *name, const char *namespace, unsigned replicas);

#endif
