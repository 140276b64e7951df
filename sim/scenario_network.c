/*
 * scenario_network.c - what lies between the nodes.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/scenario_private.h"

enum { MOST_MATRIX_SIDE = 4096 };

#define BIT(model) (1U << DELAY_##model)
static const struct key_use delay_uses[] = {{"mean", BIT(CONSTANT) | BIT(EXPONENTIAL), 0},
                                            {"least", BIT(COORDINATES), 0},
                                            {"per_unit", BIT(COORDINATES), 0},
                                            {"file", BIT(MATRIX), BIT(MATRIX)},
                                            {NULL, 0, 0}};

/* ---- the matrix ---- */

struct matrix {
    const char *file;
    unsigned groups, nodes;
    unsigned side, rows;
    double *value;
    char *err;
};

/* "1.5" is milliseconds; "1500us" says itself. */
static bool read_delay(const char *text, double *out)
{
    struct delay_keys d;
    char with_unit[64], why[P2P_ERRLEN];
    bool plain = text[strspn(text, "0123456789.")] == '\0';

    snprintf(with_unit, sizeof(with_unit), "%.40s%s", text, plain ? "ms" : "");
    if (strlen(text) > 40 ||
        params_set(params_find(scenario_sections[SECTION_DELAY].keys, "mean"), &d, with_unit, why))
        return false;
    *out = (double)d.mean;
    return true;
}

/* The first row says how many columns there are. */
static int matrix_begin(struct matrix *m, const char *line, unsigned at)
{
    m->side = 1;
    for (const char *c = line; *c; c++)
        m->side += *c == ',';
    if (m->side != m->groups && m->side != m->nodes) {
        snprintf(m->err, P2P_ERRLEN,
                 "%.120s:%u: %u columns; allowed: one a group (%u) or one a node (%u)", m->file, at,
                 m->side, m->groups, m->nodes);
        return -1;
    }
    if (m->side <= MOST_MATRIX_SIDE)
        m->value = calloc((size_t)m->side * m->side, sizeof(*m->value));
    if (m->value)
        return 0;
    snprintf(m->err, P2P_ERRLEN, "%.120s:%u: %u columns; allowed: up to %d, with memory for them",
             m->file, at, m->side, MOST_MATRIX_SIDE);
    return -1;
}

static int matrix_row(struct matrix *m, char *line, unsigned at)
{
    unsigned column = 0;
    char *rest = line, *word;

    if (m->rows == m->side) {
        snprintf(m->err, P2P_ERRLEN, "%.120s:%u: more rows than columns (%u); allowed: as many",
                 m->file, at, m->side);
        return -1;
    }
    while ((word = strsep(&rest, ","))) {
        word += strspn(word, " \t");
        word[strcspn(word, " \t")] = '\0';
        if (column < m->side && !read_delay(word, &m->value[m->rows * m->side + column])) {
            snprintf(m->err, P2P_ERRLEN,
                     "%.120s:%u: column %u: '%.40s' is no delay; allowed: milliseconds, or as in "
                     "250us, to 1h",
                     m->file, at, column + 1, word);
            return -1;
        }
        column++;
    }
    if (column != m->side) {
        snprintf(m->err, P2P_ERRLEN, "%.120s:%u: %u columns; allowed: %u, as before", m->file, at,
                 column, m->side);
        return -1;
    }
    m->rows++;
    return 0;
}

static int matrix_lines(struct matrix *m, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    unsigned at = 0;
    int rc = 0;

    while (rc == 0 && getline(&line, &room, f) >= 0) {
        at++;
        line[strcspn(line, "\r\n#")] = '\0';
        if (line[strspn(line, " \t")] == '\0')
            continue;
        rc = m->value ? 0 : matrix_begin(m, line, at);
        if (rc == 0)
            rc = matrix_row(m, line, at);
    }
    free(line);
    if (rc == 0 && (m->rows == 0 || m->rows < m->side)) {
        snprintf(m->err, P2P_ERRLEN, "%.120s: %u rows; allowed: as many as columns (%u)", m->file,
                 m->rows, m->side);
        rc = -1;
    }
    return rc;
}

static int read_matrix(struct reader *r, const yaml_node_t *at)
{
    struct scenario *s = reading_of(r)->s;
    struct network_config *n = &s->network;
    char why[P2P_ERRLEN] = "";
    struct matrix m = {.file = n->file, .groups = s->n_groups, .nodes = s->n_nodes, .err = why};
    FILE *f;
    int rc;

    if (scenario_file(r, at, "network.delay.file", &n->file))
        return -1;
    m.file = n->file;
    f = fopen(n->file, "re");
    if (!f)
        return reader_fail(r, at, "network.delay.file: %.140s cannot be read", n->file);
    rc = matrix_lines(&m, f);
    fclose(f);
    n->matrix = m.value;
    n->matrix_side = m.side;
    return rc ? reader_fail(r, at, "network.delay.file: %s", why) : 0;
}

/* ---- delay, all ---- */

static int read_delay_keys(struct reader *r, const yaml_node_t *n)
{
    static const char section[] = "network.delay";
    struct network_config *to = &reading_of(r)->s->network;
    const struct p2p_param *keys = scenario_sections[SECTION_DELAY].keys;
    struct delay_keys d;
    int rc;

    if (params_defaults(keys, &d, r->err))
        return -1;
    if (n && n->type == YAML_SCALAR_NODE && !reader_is_empty(n))
        rc = reader_set(r, section, params_find(keys, "mean"), &d, n);
    else if ((rc = scenario_keys_read(r, SECTION_DELAY, section, &d, n)) == 0 && n)
        rc = scenario_check_uses(r, section, n, keys, d.model, delay_uses);
    to->model = d.model;
    to->delay = d.model == DELAY_COORDINATES ? d.least : d.mean;
    to->per_unit = d.per_unit;
    to->file = d.file;
    if (rc == 0 && d.model == DELAY_MATRIX)
        rc = read_matrix(r, scenario_find(r, n, "file", NULL));
    return rc;
}

int scenario_read_network(struct reader *r, const yaml_node_t *n)
{
    struct scenario *s = reading_of(r)->s;
    struct network_config *to = &s->network;

    if (scenario_keys_read(r, SECTION_NETWORK, "network", to, n) ||
        read_delay_keys(r, scenario_find(r, n, "delay", NULL)))
        return -1;
    if (to->neighbours >= (int64_t)s->n_nodes - 1)
        to->neighbours = 0;
    return 0;
}
