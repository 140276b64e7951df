/*
 * scenario_private.h - what the files that read a scenario share, and those of a benchmark's
 * experiment, which is written alike.  Private to them.
 *
 *   scenario_keys.c       the tables: every key, its help, range and default
 *   scenario.c            the file as a whole
 *   scenario_common.c     what several sections need
 *   scenario_override.c   --set and sweeps, put into the document before it is read
 *   scenario_functions.c, scenario_nodes.c, scenario_network.c, scenario_faults.c
 */
#ifndef SIM_SCENARIO_PRIVATE_H
#define SIM_SCENARIO_PRIVATE_H

#include "base/yaml_reader.h"
#include "sim/scenario.h"

/* ---- scenario_keys.c ---- */

/* As they are written; what is kept of them has another form. */
struct delay_keys {
    int64_t model;
    int64_t mean, least, per_unit;
    const char *file;
};
struct fault_keys {
    int64_t kind;
    int64_t at, until;
    const char *nodes;
    double factor;
    int64_t age;
};
struct state_keys {
    double rate;
    int64_t stay;
};

enum section_id {
    SECTION_TOP,
    SECTION_RUN,
    SECTION_NODES,
    SECTION_SCHEDULER,
    SECTION_LEARNER,
    SECTION_ARRIVALS,
    SECTION_STATES,
    SECTION_FUNCTIONS,
    SECTION_SERVICE,
    SECTION_NETWORK,
    SECTION_DELAY,
    SECTION_FAULTS,
    N_SECTIONS
};
struct scenario_section {
    const char *title; /* "nodes[].arrivals" */
    const char *about; /* how it is written */
    const struct p2p_param *keys;
    uint32_t size;       /* of the struct that they are in */
    const char *more[8]; /* keys that hold more than a value */
    const char *own;     /* key of the table that its reader takes itself, or NULL */
};
extern const struct scenario_section scenario_sections[N_SECTIONS];

/* Which kinds a key is for, as bits, and which of them cannot do without. */
struct key_use {
    const char *key;
    unsigned used, needed;
};

/* ---- scenario_common.c ---- */

struct reading {
    struct scenario *s;
    const struct scenario_override *override;
};
static inline struct reading *reading_of(const struct reader *r)
{
    return r->ctx;
}

/* The value of a key of a map, or NULL; with `key_at`, the key. */
const yaml_node_t *scenario_find(const struct reader *r, const yaml_node_t *map, const char *key,
                                 const yaml_node_t **key_at);

/* Reads a map by the table; `more` and `own` are left to the caller. */
int scenario_keys_read(struct reader *r, enum section_id id, const char *section, void *base,
                       const yaml_node_t *map);
/* Each entry of a list of maps with a name, or of a map by name. */
int scenario_each_named(struct reader *r, const yaml_node_t *n, const char *what, entry_reader read,
                        void *ctx);
int scenario_name_check(struct reader *r, const yaml_node_t *at, const char *what, const char *name,
                        unsigned most);

/* Is each key for this kind, and is nothing missing?  Ends with a key of NULL. */
int scenario_check_uses(struct reader *r, const char *section, const yaml_node_t *map,
                        const struct p2p_param *kind, int64_t value, const struct key_use *uses);

/* A path that was given there is meant from where one is. */
bool scenario_is_of_command_line(const struct reader *r, const yaml_node_t *at);

/* Makes the path of a file complete, which must be there to read. */
int scenario_file(struct reader *r, const yaml_node_t *at, const char *what, const char **path);

/* Room for one more at the end of an array; NULL and the error when there are `most`. */
void *scenario_grow(struct reader *r, const yaml_node_t *at, const char *what, void *array,
                    unsigned n, unsigned most, size_t size);

/* ---- the sections; each 0 or -1 ---- */

int scenario_read_functions(struct reader *r, const yaml_node_t *n);
int scenario_read_nodes(struct reader *r, const yaml_node_t *n);
int scenario_read_network(struct reader *r, const yaml_node_t *n);
int scenario_read_faults(struct reader *r, const yaml_node_t *n);

/* Mean service time of the functions by weight, ns; -1 while it is in a file. */
double scenario_mean_service(const struct scenario *s);

/* ---- scenario_override.c ---- */

/* Puts override i into the document, whose nodes move. */
int scenario_override_apply(struct reader *r, const struct scenario_override *o, unsigned i);

#endif
