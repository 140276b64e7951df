/*
 * sweep_values.c - the values of one key: a list of anything, or from, to and step.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sweep_private.h"

enum { MOST_DEPTH = 16, MOST_VALUE = 4096, MOST_DECIMALS = 9 };

/* ---- values as text ---- */

/* A scalar that YAML might take for something else is quoted. */
static void print_scalar(FILE *out, const yaml_node_t *n)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_./+-*$()@=^";
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./";
    const unsigned char *text = n->data.scalar.value;
    size_t length = n->data.scalar.length;

    if (length && strchr(first, text[0]) && strspn((const char *)text, safe) == length) {
        fwrite(text, 1, length, out);
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f)
            fprintf(out, "\\x%02x", text[i]);
        else
            fprintf(out, "%s%c", text[i] == '"' || text[i] == '\\' ? "\\" : "", text[i]);
    }
    fputc('"', out);
}

/* False when it is too deep, as an alias can make it that holds itself, or too long. */
static bool print_value(const struct reader *r, FILE *out, const yaml_node_t *n, unsigned depth)
{
    if (depth > MOST_DEPTH || ftell(out) > MOST_VALUE)
        return false;
    if (n->type == YAML_SCALAR_NODE) {
        print_scalar(out, n);
        return true;
    }
    if (n->type == YAML_SEQUENCE_NODE) {
        const int *first = n->data.sequence.items.start;

        for (const int *i = first; i < n->data.sequence.items.top; i++) {
            fputs(i == first ? "[" : ", ", out);
            if (!print_value(r, out, reader_node(r, *i), depth + 1))
                return false;
        }
        fputs(first == n->data.sequence.items.top ? "[]" : "]", out);
        return true;
    }
    const yaml_node_pair_t *first = n->data.mapping.pairs.start;

    for (const yaml_node_pair_t *p = first; p < n->data.mapping.pairs.top; p++) {
        fputs(p == first ? "{" : ", ", out);
        if (!print_value(r, out, reader_node(r, p->key), depth + 1))
            return false;
        fputs(": ", out);
        if (!print_value(r, out, reader_node(r, p->value), depth + 1))
            return false;
    }
    fputs(first == n->data.mapping.pairs.top ? "{}" : "}", out);
    return true;
}

static char *text_of_value(const struct reader *r, const char *path, const yaml_node_t *n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    bool right = f && print_value(r, f, n, 0);

    if (f && fclose(f) == 0 && right && size <= MOST_VALUE)
        return text;
    free(text);
    reader_fail(r, n, "sweep.%.60s: a value is too deep or too long; allowed: %d deep, %d bytes",
                path, MOST_DEPTH, MOST_VALUE);
    return NULL;
}

/* ---- axes ---- */

/* Room for one more text; the lists double. */
static bool grow(char ***list, unsigned n)
{
    char **grown = *list;

    if ((n & (n - 1)) == 0)
        grown = realloc(*list, (n ? 2 * n : 1) * sizeof(*grown));
    if (grown)
        *list = grown;
    return grown != NULL;
}

int sweep_add_value(const struct reader *r, const yaml_node_t *at, struct sweep_axis *a, char *text,
                    char *label)
{
    if (!text) {
        free(label);
        return -1;
    }
    if (a->n >= SWEEP_MAX_POINTS || !grow(&a->value, a->n) || !grow(&a->label, a->n)) {
        free(text);
        free(label);
        return reader_fail(r, at, "sweep.%.60s: more than %d values, or out of memory", a->path,
                           SWEEP_MAX_POINTS);
    }
    a->value[a->n] = text;
    a->label[a->n++] = label ? label : text;
    return 0;
}

/* A scheduler is called after its plugin; NULL = as the value. */
static char *label_of(const struct reader *r, const char *path, const yaml_node_t *n)
{
    const yaml_node_t *plugin = scenario_find(r, n, "plugin", NULL);
    const yaml_node_t *parameters = scenario_find(r, n, "parameters", NULL);
    char *text, *label;

    if (!plugin || plugin->type != YAML_SCALAR_NODE ||
        n->data.mapping.pairs.top - n->data.mapping.pairs.start != (parameters ? 2 : 1))
        return NULL;
    if (!parameters)
        return strdup((const char *)plugin->data.scalar.value);
    text = text_of_value(r, path, parameters);
    if (!text || asprintf(&label, "%s%s", (const char *)plugin->data.scalar.value, text) < 0)
        label = NULL;
    free(text);
    return label;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Equal values would be two points that nobody can tell apart. */
static int check_different(const struct reader *r, const yaml_node_t *at,
                           const struct sweep_axis *a)
{
    char **sorted = malloc(a->n * sizeof(*sorted));
    int rc = 0;

    if (!sorted)
        return reader_fail(r, at, "out of memory");
    memcpy(sorted, a->value, a->n * sizeof(*sorted));
    qsort(sorted, a->n, sizeof(*sorted), compare);
    for (unsigned i = 1; i < a->n && rc == 0; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            rc = reader_fail(r, at, "sweep.%.60s: %.60s is given twice; allowed: once", a->path,
                             sorted[i]);
    free(sorted);
    return rc;
}

int sweep_read_list(struct reader *r, struct sweep_axis *a, const yaml_node_t *n)
{
    for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = reader_node(r, *i);
        char *text = text_of_value(r, a->path, item);

        if (sweep_add_value(r, n, a, text, text ? label_of(r, a->path, item) : NULL))
            return -1;
    }
    return a->n ? check_different(r, n, a)
                : reader_fail(r, n, "sweep.%.60s has no values; allowed: one at least", a->path);
}

/* ---- {from: 1ms, to: 9ms, step: 2ms} ---- */

struct amount {
    double value;
    int decimals;
    char unit[8];
};

static bool read_amount(const char *text, struct amount *out)
{
    const char *at = text + (*text == '-');
    size_t whole = strspn(at, "0123456789"), fraction = 0, unit;

    if (at[whole] == '.')
        fraction = strspn(at + whole + 1, "0123456789");
    unit = whole + (at[whole] == '.') + fraction;
    if (whole == 0 || whole > 15 || fraction > MOST_DECIMALS || strlen(at + unit) > 3 ||
        at[unit + strspn(at + unit, "hmsunKMGB")] != '\0')
        return false;
    out->value = strtod(text, NULL);
    out->decimals = (int)fraction;
    snprintf(out->unit, sizeof(out->unit), "%s", at + unit);
    return true;
}

static int read_end(struct reader *r, const struct sweep_axis *a, const yaml_node_t *map,
                    const char *key, struct amount *out)
{
    const yaml_node_t *n = scenario_find(r, map, key, NULL);
    const char *text;

    if (!n)
        return reader_fail(r, map,
                           "sweep.%.60s.%s is missing; allowed: as in {from: 1ms, to: 9ms, "
                           "step: 2ms}",
                           a->path, key);
    text = reader_text(r, n, a->path);
    if (!text)
        return -1;
    return read_amount(text, out)
               ? 0
               : reader_fail(r, n,
                             "sweep.%.60s.%s: '%.40s' is not right; allowed: a decimal "
                             "number, with a unit where the key has one",
                             a->path, key, text);
}

static int refuse_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                      const yaml_node_t *value)
{
    static const char *const keys[] = {"from", "to", "step", NULL};
    const struct sweep_axis *a = ctx;
    char section[96];

    (void)value;
    for (const char *const *k = keys; *k; k++)
        if (strcmp(*k, key) == 0)
            return 0;
    snprintf(section, sizeof(section), "sweep.%.80s", a->path);
    return reader_unknown(r, key_at, section, key, NULL, keys);
}

int sweep_read_range(struct reader *r, struct sweep_axis *a, const yaml_node_t *map)
{
    struct amount from = {0}, to = {0}, step = {0};
    int decimals;
    double n;

    if (reader_each(r, map, a->path, refuse_key, a) || read_end(r, a, map, "from", &from) ||
        read_end(r, a, map, "to", &to) || read_end(r, a, map, "step", &step))
        return -1;
    if (strcmp(from.unit, to.unit) != 0 || strcmp(from.unit, step.unit) != 0)
        return reader_fail(r, map,
                           "sweep.%.60s: from, to and step have different units; allowed: "
                           "one unit",
                           a->path);
    n = step.value > 0 ? floor((to.value - from.value) / step.value + 1e-9) + 1 : 0;
    if (!(n >= 1))
        return reader_fail(r, map,
                           "sweep.%.60s: no value; allowed: a step of more than 0, and to "
                           "not before from",
                           a->path);
    if (n > SWEEP_MAX_POINTS)
        return reader_fail(r, map, "sweep.%.60s: %.0f values; allowed: %d", a->path, n,
                           SWEEP_MAX_POINTS);
    decimals = from.decimals > step.decimals ? from.decimals : step.decimals;
    for (unsigned i = 0; i < (unsigned)n; i++) {
        char *text;

        if (asprintf(&text, "%.*f%s", decimals, from.value + i * step.value, from.unit) < 0)
            text = NULL;
        if (sweep_add_value(r, map, a, text, NULL))
            return -1;
    }
    return 0;
}
