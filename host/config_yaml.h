/*
 * config_yaml.h - what config.c, config_keys.c and config_function.c (the tables),
 * config_runtime_keys.c (which keys are for which runtimes), config_yaml.c (the file),
 * config_choice.c (a function's scheduler), config_override.c (--set) and deployment.c (what is
 * deployed) share.  Private to them.
 */
#ifndef HOST_CONFIG_YAML_H
#define HOST_CONFIG_YAML_H

#include "base/yaml_reader.h"
#include "host/config.h"

struct config_section {
    const char *name; /* NULL ends */
    const struct p2p_param *keys;
    size_t offset; /* of its struct in struct config */
};
extern const struct config_section config_sections[];
/* Of a function that is read whole: 0, or -1 with "functions.NAME…". */
int config_check_function(struct function_config *f, char err[P2P_ERRLEN]);
/* Is nothing set that means nothing with its runtime?  But for the keys of `also`, which ends
 * with NULL and may be NULL.  0, or -1 with "functions.NAME…". */
int config_check_runtime_keys(const struct function_config *f, const char *const *also,
                              char err[P2P_ERRLEN]);
void config_release_function(struct function_config *f);
/* Each 0, or -1 with a reason that does not name the place. */
/* Grows a NULL-terminated list by one text, which is owned also on failure; NULL, for want
 * of memory or as it was too long, is a failure. */
int config_push(char ***list, char *text, char *why);
int config_split_command(struct function_config *f, const char *text, char *why);
int config_add_variable(struct function_config *f, const char *name, const char *value, char *why);

/* 0, or -1 with "FILE:LINE: section.key: …". */
int config_read_file(struct config *c, const char *file, char err[P2P_ERRLEN]);
/* "section.key=value", or a variable; errors begin with "--set section.key" or "environment:
 * VARIABLE". */
int config_override(struct config *c, const char *text, char err[P2P_ERRLEN]);

enum { CONFIG_LINE_SET = 0, CONFIG_LINE_NONE = -1, CONFIG_LINE_VARIABLE = -2 };
struct key_line {
    const struct p2p_param *key;
    int line; /* of the file, or where else it was set */
};
/* 0 or -1 (memory). */
int config_note_line(struct config *c, const struct p2p_param *key, int line);

/* A plugin's parameters, "scheduler.parameters", a map or a list. */
int config_read_parameters(struct reader *r, struct pairs *to, const char *what,
                           const yaml_node_t *n);
/* config_choice.c: the value of the key `scheduler` of a function. */
int config_read_choice(struct reader *r, struct function_config *f, const yaml_node_t *n);
/* What its text says, if it was not read yet: 0, or -1 with "functions.NAME.scheduler…". */
int config_finish_choice(struct function_config *f, char err[P2P_ERRLEN]);

/* Each 0, or -1 with a reason that does not name the place. */
int config_add_parameter(struct pairs *to, const char *name, const char *value, int line,
                         char *err);
void config_clear_parameters(struct pairs *p);
/* Those of section "scheduler" or "learner"; NULL for another one, which has none. */
struct pairs *config_parameters(struct config *c, const char *section);

/* peers.nodes and discovery.seeds: lists of the same form. */
struct peer_list {
    struct peer_config **peer;
    unsigned *n;
    bool may_be_names; /* of hosts, in place of addresses */
};
struct peer_list config_peers(struct config *c);
struct peer_list config_seeds(struct config *c);
/* The entry, or NULL. */
struct peer_config *config_add_peer(struct peer_list l, const char *name, const char *address,
                                    char *err);
void config_clear_peers(struct peer_list l);

/* Reads security.secret_file and password_file, and openfaas.password_file; refuses what would
 * be no protection, or no gateway. */
int config_finish_security(struct config *c, char err[P2P_ERRLEN]);

/* malloc'ed text with ${BIN} and ${LIB} replaced; NULL when memory is short. */
char *config_expand(const char *text);

#endif
