/*
 * config_override.c - on top of what the file says: --set section.key=value, and the same
 * as a variable of the environment, P2PFAAS_SECTION_KEY=value.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "host/config_yaml.h"

static const char variable[] = "P2PFAAS_";
enum { VARIABLE = sizeof(variable) - 1 };

/* A change of a parameter, or one more. */
static int override_parameter(struct pairs *to, const char *name, const char *value, int line,
                              char *why)
{
    if (to->by_order) {
        snprintf(why, P2P_ERRLEN, "the file gives the parameters as a list, so they have no names");
        return -1;
    }
    for (unsigned i = 0; i < to->n; i++)
        if (strcmp(to->list[i].name, name) == 0) {
            free(to->list[i].value);
            to->list[i].value = strdup(value);
            to->list[i].line = line;
            return 0;
        }
    return config_add_parameter(to, name, value, line, why);
}

static int override_peers(struct peer_list to, const char *list, char *why)
{
    char *all = strdup(list), *rest = NULL;
    int rc = 0;

    config_clear_peers(to);
    for (char *word = all ? strtok_r(all, ", ", &rest) : NULL; word && rc == 0;
         word = strtok_r(NULL, ", ", &rest))
        rc = config_add_peer(to, word, word, why) ? 0 : -1;
    free(all);
    return rc;
}

static const char *plugin_of(const struct config *c, const char *section)
{
    return strcmp(section, "learner") == 0 ? c->learner.plugin : c->scheduler.plugin;
}

static int set_by_path(struct config *c, const char *section, const char *key, const char *value,
                       int line, char *why)
{
    const char *names[40];
    static const char *const more[][2] = {
        {"parameters.NAME", NULL}, {"nodes", NULL}, {"seeds", NULL}};
    static const char *const parameters = "parameters.";
    char allowed[200];
    size_t n = 0;

    for (const struct config_section *s = config_sections; s->name; s++) {
        const struct p2p_param *p = params_find(s->keys, key);
        struct pairs *own = config_parameters(c, s->name);

        if (strcmp(s->name, section) != 0)
            continue;
        /* Another plugin than the file's does not take the file's parameters. */
        if (p && own && strcmp(key, "plugin") == 0 && strcmp(plugin_of(c, section), value) != 0)
            config_clear_parameters(own);
        if (p && config_note_line(c, p, line)) {
            snprintf(why, P2P_ERRLEN, "out of memory");
            return -1;
        }
        if (p)
            return params_set(p, (char *)c + s->offset, value, why);
        if (own && strncmp(key, parameters, strlen(parameters)) == 0)
            return override_parameter(own, key + strlen(parameters), value, line, why);
        if (strcmp(section, "peers") == 0 && strcmp(key, "nodes") == 0)
            return override_peers(config_peers(c), value, why);
        if (strcmp(section, "discovery") == 0 && strcmp(key, "seeds") == 0)
            return override_peers(config_seeds(c), value, why);
        suggest_names(s->keys,
                      own                                 ? more[0]
                      : strcmp(section, "peers") == 0     ? more[1]
                      : strcmp(section, "discovery") == 0 ? more[2]
                                                          : NULL,
                      names, sizeof(names) / sizeof(names[0]));
        suggest_unknown(why, P2P_ERRLEN, key, names);
        return -1;
    }
    for (const struct config_section *s = config_sections; s->name; s++)
        names[n++] = s->name;
    names[n] = NULL;
    suggest_list(allowed, sizeof(allowed), names);
    snprintf(why, P2P_ERRLEN, "no such section; allowed: %s (functions are set in the file)",
             allowed);
    return -1;
}

/* ---- of the environment ---- */

/* The section that NAME of P2PFAAS_NAME begins with, or NULL. */
static const struct config_section *section_of(const char *name)
{
    for (const struct config_section *s = config_sections; s->name; s++) {
        size_t n = strlen(s->name);

        if (strncasecmp(name, s->name, n) == 0 && name[n] == '_')
            return s;
    }
    return NULL;
}

bool config_is_variable(const char *entry)
{
    return strncmp(entry, variable, VARIABLE) == 0 && section_of(entry + VARIABLE);
}

static int override_by_variable(struct config *c, const char *entry, char err[P2P_ERRLEN])
{
    const struct config_section *s = section_of(entry + VARIABLE);
    const char *equals = strchr(entry, '='), *name = entry + VARIABLE + strlen(s->name) + 1;
    char key[96], why[P2P_ERRLEN];

    snprintf(key, sizeof(key), "%.*s", (int)(equals - name), name);
    for (char *at = key; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    if (config_parameters(c, s->name) && strncmp(key, "parameters_", strlen("parameters_")) == 0)
        key[strlen("parameters")] = '.';
    if (set_by_path(c, s->name, key, equals + 1, CONFIG_LINE_VARIABLE, why) == 0)
        return 0;
    snprintf(err, P2P_ERRLEN, "environment: %.*s: %.180s", (int)(equals - entry), entry, why);
    return -1;
}

/* ---- of the command line ---- */

int config_override(struct config *c, const char *text, char err[P2P_ERRLEN])
{
    const char *equals = strchr(text, '='), *dot = strchr(text, '.');
    char section[32], key[96], why[P2P_ERRLEN];

    if (equals && config_is_variable(text))
        return override_by_variable(c, text, err);
    if (!equals || !dot || dot > equals || (size_t)(dot - text) >= sizeof(section) ||
        (size_t)(equals - dot) > sizeof(key)) {
        /* What follows the sign may be a secret. */
        snprintf(err, P2P_ERRLEN, "--set %.*s: allowed: section.key=value, as in node.port=18081",
                 (int)strcspn(text, "=") < 80 ? (int)strcspn(text, "=") : 80, text);
        return -1;
    }
    snprintf(section, sizeof(section), "%.*s", (int)(dot - text), text);
    snprintf(key, sizeof(key), "%.*s", (int)(equals - dot - 1), dot + 1);
    if (set_by_path(c, section, key, equals + 1, CONFIG_LINE_SET, why)) {
        snprintf(err, P2P_ERRLEN, "--set %.*s: %.180s", (int)(equals - text), text, why);
        return -1;
    }
    return 0;
}
