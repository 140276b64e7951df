/*
 * yaml_reader.h - a YAML file against parameter tables (engine/params.h): what the files of
 * the node and of the simulator share.  Errors name file, line, key and what is allowed.
 */
#ifndef BASE_YAML_READER_H
#define BASE_YAML_READER_H

#include <yaml.h>

#include "engine/params.h"

/* Where a node of the document comes from that is not in the file. */
struct reader_origin {
    const char *from, *path; /* "--set", "nodes.pi.slots" */
};
/* The line of such a node, in its marks: this and the index of its origin. */
#define READER_ELSEWHERE (SIZE_MAX / 2)

/* One reading: what is read, and where to say what is wrong. */
struct reader {
    void *ctx; /* the caller's */
    const char *file;
    yaml_document_t *doc;
    const struct reader_origin *origin;
    char *err; /* P2P_ERRLEN */
};

/* Reads the one document of the file, at most 1 MB, and calls `read` with its root, NULL
 * when it is empty.  0 or -1. */
int reader_file(struct reader *r, const char *file,
                int (*read)(struct reader *r, const yaml_node_t *root));

/* The same for a text that is no file; errors begin with "NAME:LINE: ". */
int reader_string(struct reader *r, const char *name, const char *text,
                  int (*read)(struct reader *r, const yaml_node_t *root));

/* Always -1, with "FILE:LINE: " or "--set PATH: " and the text. */
int reader_fail(const struct reader *r, const yaml_node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const yaml_node_t *reader_node(const struct reader *r, int id);
/* The line, from 1; of an origin -1 - its index. */
int reader_line(const yaml_node_t *n);
/* "a map", "a list", "a value". */
const char *reader_kind(const yaml_node_t *n);
bool reader_is_empty(const yaml_node_t *n);

/* The text of a scalar; NULL and the error otherwise. */
const char *reader_text(const struct reader *r, const yaml_node_t *n, const char *what);

typedef int (*entry_reader)(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                            const yaml_node_t *value);
/* As `what` of the outermost map. */
extern const char reader_top[];
/* Calls `read` for each entry; keys given twice are an error. */
int reader_each(struct reader *r, const yaml_node_t *map, const char *what, entry_reader read,
                void *ctx);
/* Always -1: that nobody knows the key, what may be meant, and which keys there are: those
 * of the table, then those in `more`; either may be NULL. */
int reader_unknown(struct reader *r, const yaml_node_t *at, const char *section, const char *key,
                   const struct p2p_param *keys, const char *const *more);
/* Sets the field of p. */
int reader_set(struct reader *r, const char *section, const struct p2p_param *p, void *base,
               const yaml_node_t *value);

#endif
