#include "sim/scenario_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"

const yaml_node_t *scenario_find(const struct reader *r, const yaml_node_t *map, const char *key,
                                 const yaml_node_t **key_at)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *k = reader_node(r, p->key);

        if (k->type != YAML_SCALAR_NODE || strcmp((const char *)k->data.scalar.value, key) != 0)
            continue;
        if (key_at)
            *key_at = k;
        return reader_node(r, p->value);
    }
    return NULL;
}

/* ---- maps by a table ---- */

struct target {
    const struct scenario_section *section;
    const char *name;
    void *base;
};

static int read_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                    const yaml_node_t *value)
{
    const struct target *t = ctx;
    const struct p2p_param *p = params_find(t->section->keys, key);

    for (const char *const *more = t->section->more; *more; more++)
        if (strcmp(*more, key) == 0)
            return 0;
    if (t->section->own && strcmp(t->section->own, key) == 0)
        return 0;
    return p ? reader_set(r, t->name, p, t->base, value)
             : reader_unknown(r, key_at, t->name, key, t->section->keys, t->section->more);
}

int scenario_keys_read(struct reader *r, enum section_id id, const char *section, void *base,
                       const yaml_node_t *map)
{
    struct target t = {&scenario_sections[id], section, base};

    return map ? reader_each(r, map, section, read_key, &t) : 0;
}

/* ---- what has a name ---- */

int scenario_name_check(struct reader *r, const yaml_node_t *at, const char *what, const char *name,
                        unsigned most)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    if (n > 0 && n <= most && name[n] == '\0')
        return 0;
    return reader_fail(r, at, "%s: '%.70s' is no name; allowed: 1 to %u of A-Z a-z 0-9 . _ -", what,
                       name, most);
}

struct named {
    const char *what;
    entry_reader read;
    void *ctx;
};

static int read_named(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                      const yaml_node_t *value)
{
    const struct named *n = ctx;
    const yaml_node_t *again;

    if (scenario_find(r, value, "name", &again))
        return reader_fail(r, again,
                           "%s.%.60s.name: in a map, the key is the name; allowed: leave "
                           "it out, or write a list",
                           n->what, key);
    return n->read(r, n->ctx, key, key_at, value);
}

int scenario_each_named(struct reader *r, const yaml_node_t *n, const char *what, entry_reader read,
                        void *ctx)
{
    struct named named = {what, read, ctx};

    if (n->type == YAML_MAPPING_NODE)
        return reader_each(r, n, what, read_named, &named);
    if (reader_is_empty(n))
        return 0;
    if (n->type != YAML_SEQUENCE_NODE)
        return reader_fail(r, n, "%s is a value; allowed: a list of maps, or a map by name", what);
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = reader_node(r, *i),
                          *name_at = scenario_find(r, item, "name", NULL);
        const char *name;

        if (!name_at)
            return reader_fail(r, item, "%s: an entry without a name; allowed: as in {name: a, …}",
                               what);
        name = reader_text(r, name_at, what);
        if (!name || read(r, ctx, name, name_at, item))
            return -1;
    }
    return 0;
}

/* ---- what belongs to a kind ---- */

static void names_of(const char *const *choices, unsigned mask, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (unsigned i = 0; choices[i] && at < size; i++)
        if (mask & 1U << i)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", choices[i]);
}

int scenario_check_uses(struct reader *r, const char *section, const yaml_node_t *map,
                        const struct p2p_param *kind, int64_t value, const struct key_use *uses)
{
    unsigned bit = 1U << value;
    char names[128];

    for (; uses->key; uses++) {
        const yaml_node_t *key_at;
        bool given = scenario_find(r, map, uses->key, &key_at) != NULL;

        if (given && !(uses->used & bit)) {
            names_of(kind->choices, uses->used, names, sizeof(names));
            return reader_fail(r, key_at, "%s.%s: %s %s has no such key; allowed with %s", section,
                               uses->key, kind->name, kind->choices[value], names);
        }
        if (!given && (uses->needed & bit))
            return reader_fail(r, map, "%s.%s is missing; %s %s needs it", section, uses->key,
                               kind->name, kind->choices[value]);
    }
    return 0;
}

/* ---- files, memory ---- */

bool scenario_is_of_command_line(const struct reader *r, const yaml_node_t *at)
{
    int line = reader_line(at);

    return line < 0 && !reading_of(r)->override[-1 - line].from;
}

int scenario_file(struct reader *r, const yaml_node_t *at, const char *what, const char **path)
{
    char *full = scenario_is_of_command_line(r, at) ? strdup(*path) : path_beside(r->file, *path);

    if (!full)
        return reader_fail(r, at, "out of memory");
    free((char *)(uintptr_t)*path);
    *path = full;
    if (access(full, R_OK))
        return reader_fail(r, at, "%s: %.140s: %s", what, full, strerror(errno));
    return 0;
}

void *scenario_grow(struct reader *r, const yaml_node_t *at, const char *what, void *array,
                    unsigned n, unsigned most, size_t size)
{
    char *grown = n < most ? realloc(array, (n + 1) * size) : NULL;

    if (grown)
        memset(grown + n * size, 0, size);
    else
        reader_fail(r, at, "more than %u %s, or out of memory", most, what);
    return grown;
}
