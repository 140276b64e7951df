#include "base/yaml_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

enum { MOST_FILE_BYTES = 1 << 20 };

const char reader_top[] = "the file";

static const struct reader_origin *origin_of(const struct reader *r, const yaml_node_t *n)
{
    size_t line = n->start_mark.line;

    return line >= READER_ELSEWHERE ? &r->origin[line - READER_ELSEWHERE] : NULL;
}

int reader_line(const yaml_node_t *n)
{
    size_t line = n->start_mark.line;

    return line >= READER_ELSEWHERE ? -1 - (int)(line - READER_ELSEWHERE) : (int)line + 1;
}

int reader_fail(const struct reader *r, const yaml_node_t *at, const char *format, ...)
{
    const struct reader_origin *o = origin_of(r, at);
    char text[P2P_ERRLEN];
    const char *said = text;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!o) {
        snprintf(r->err, P2P_ERRLEN, "%.100s:%d: %s", r->file, reader_line(at), text);
        return -1;
    }
    /* Often the text begins with the same path. */
    if (strncmp(text, o->path, strlen(o->path)) == 0 &&
        strncmp(text + strlen(o->path), ": ", 2) == 0)
        said = text + strlen(o->path) + 2;
    snprintf(r->err, P2P_ERRLEN, "%.120s %.80s: %s", o->from, o->path, said);
    return -1;
}

const yaml_node_t *reader_node(const struct reader *r, int id)
{
    return yaml_document_get_node(r->doc, id);
}

const char *reader_kind(const yaml_node_t *n)
{
    return n->type == YAML_MAPPING_NODE    ? "a map"
           : n->type == YAML_SEQUENCE_NODE ? "a list"
                                           : "a value";
}

bool reader_is_empty(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE && n->data.scalar.length == 0;
}

const char *reader_text(const struct reader *r, const yaml_node_t *n, const char *what)
{
    const char *text = (const char *)n->data.scalar.value;

    if (n->type != YAML_SCALAR_NODE) {
        reader_fail(r, n, "%s is %s; allowed: a value", what, reader_kind(n));
        return NULL;
    }
    if (strlen(text) != n->data.scalar.length) {
        reader_fail(r, n, "%s contains a zero byte", what);
        return NULL;
    }
    return text;
}

int reader_each(struct reader *r, const yaml_node_t *map, const char *what, entry_reader read,
                void *ctx)
{
    if (reader_is_empty(map))
        return 0;
    if (map->type != YAML_MAPPING_NODE)
        return reader_fail(r, map, "%s is %s; allowed: a map of key: value", what,
                           reader_kind(map));
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key_at = reader_node(r, p->key);
        const char *key = reader_text(r, key_at, "a key");

        if (!key)
            return -1;
        for (const yaml_node_pair_t *q = map->data.mapping.pairs.start; q < p; q++)
            if (strcmp((const char *)reader_node(r, q->key)->data.scalar.value, key) == 0)
                return reader_fail(r, key_at, "%s%s%.60s is given twice, before in line %zu",
                                   what == reader_top ? "section" : what,
                                   what == reader_top ? " " : ".", key,
                                   reader_node(r, q->key)->start_mark.line + 1);
        if (read(r, ctx, key, key_at, reader_node(r, p->value)))
            return -1;
    }
    return 0;
}

int reader_unknown(struct reader *r, const yaml_node_t *at, const char *section, const char *key,
                   const struct p2p_param *keys, const char *const *more)
{
    const char *names[40];
    char text[200];

    suggest_names(keys, more, names, sizeof(names) / sizeof(names[0]));
    suggest_unknown(text, sizeof(text), key, names);
    return reader_fail(r, at, "%s.%.40s: %s", section, key, text);
}

int reader_set(struct reader *r, const char *section, const struct p2p_param *p, void *base,
               const yaml_node_t *value)
{
    char what[160], why[P2P_ERRLEN];
    const char *text;

    snprintf(what, sizeof(what), "%s.%s", section, p->name);
    text = reader_text(r, value, what);
    if (!text)
        return -1;
    return params_set(p, base, text, why) ? reader_fail(r, value, "%s.%s", section, why) : 0;
}

/* ---- the file ---- */

static int not_yaml(const struct reader *r, const yaml_parser_t *parser)
{
    snprintf(r->err, P2P_ERRLEN, "%.100s:%zu: not YAML: %.120s", r->file,
             parser->problem_mark.line + 1, parser->problem ? parser->problem : "unreadable");
    return -1;
}

static int parse(struct reader *r, yaml_parser_t *parser,
                 int (*read)(struct reader *r, const yaml_node_t *root))
{
    yaml_document_t doc, next;
    const yaml_node_t *root;
    int rc;

    if (!yaml_parser_load(parser, &doc))
        return not_yaml(r, parser);
    r->doc = &doc;
    root = yaml_document_get_root_node(&doc);
    rc = read(r, root);
    if (rc == 0 && root) {
        if (!yaml_parser_load(parser, &next)) {
            rc = not_yaml(r, parser);
        } else {
            if (yaml_document_get_root_node(&next))
                rc = reader_fail(r, yaml_document_get_root_node(&next),
                                 "a second document; allowed: one");
            yaml_document_delete(&next);
        }
    }
    yaml_document_delete(&doc);
    r->doc = NULL;
    return rc;
}

static char *slurp(const char *file, size_t *size, char *err)
{
    char *text = malloc(MOST_FILE_BYTES + 1);
    FILE *f = fopen(file, "re");

    if (!f || !text) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", file, f ? "out of memory" : strerror(errno));
        goto fail;
    }
    *size = fread(text, 1, MOST_FILE_BYTES + 1, f);
    if (ferror(f) || *size > MOST_FILE_BYTES) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", file,
                 ferror(f) ? "cannot be read" : "larger than 1 MB");
        goto fail;
    }
    fclose(f);
    return text;
fail:
    if (f)
        fclose(f);
    free(text);
    return NULL;
}

static int read_bytes(struct reader *r, const char *name, const char *text, size_t size,
                      int (*read)(struct reader *r, const yaml_node_t *root))
{
    yaml_parser_t parser;
    int rc;

    r->file = name;
    if (!yaml_parser_initialize(&parser)) {
        snprintf(r->err, P2P_ERRLEN, "%.180s: out of memory", name);
        return -1;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    rc = parse(r, &parser, read);
    yaml_parser_delete(&parser);
    return rc;
}

int reader_file(struct reader *r, const char *file,
                int (*read)(struct reader *r, const yaml_node_t *root))
{
    size_t size;
    char *text = slurp(file, &size, r->err);
    int rc = text ? read_bytes(r, file, text, size, read) : -1;

    free(text);
    return rc;
}

int reader_string(struct reader *r, const char *name, const char *text,
                  int (*read)(struct reader *r, const yaml_node_t *root))
{
    return read_bytes(r, name, text, strlen(text), read);
}
