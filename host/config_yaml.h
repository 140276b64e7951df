/*
 * config_yaml.h - reads plugins.yaml and --set into struct config.  Private to
 * config.c, which has the tables.
 */
#ifndef HOST_CONFIG_YAML_H
#define HOST_CONFIG_YAML_H

#include "host/config.h"

struct config_section {
    const char *name; /* NULL ends */
    const struct p2p_param *keys;
    size_t offset; /* of its struct in struct config */
};
extern const struct config_section config_sections[];
extern const struct p2p_param *const config_function_keys;

/* 0, or -1 with "FILE:LINE: section.key: …". */
int config_read_file(struct config *c, const char *file, char err[P2P_ERRLEN]);
/* "section.key=value"; errors begin with "--set section.key". */
int config_override(struct config *c, const char *text, char err[P2P_ERRLEN]);

/* malloc'ed text with ${BIN} and ${LIB} replaced; NULL when memory is short. */
char *config_expand(const char *text);
void config_free_function(struct function_config *f);

#endif
