#include "engine/params.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    double scale;
};

static const struct unit durations[] = {{"h", 3600e9}, {"m", 60e9}, {"s", 1e9},
                                        {"ms", 1e6},   {"us", 1e3}, {"ns", 1}};
static const struct unit sizes[] = {
    {"GB", 1073741824.0}, {"MB", 1048576.0}, {"KB", 1024.0}, {"B", 1}};

enum {
    N_DURATIONS = sizeof(durations) / sizeof(durations[0]),
    N_SIZES = sizeof(sizes) / sizeof(sizes[0])
};

static const char *const type_names[] = {
    [P2P_INT] = "integer",       [P2P_NUM] = "number",    [P2P_BOOL] = "boolean",
    [P2P_DURATION] = "duration", [P2P_STRING] = "string", [P2P_ENUM] = "choice",
    [P2P_SIZE] = "size"};

static bool known_type(uint32_t type)
{
    return type >= P2P_INT && type <= P2P_SIZE;
}

static void *field(const struct p2p_param *p, const void *base)
{
    return (char *)(uintptr_t)base + p->offset;
}

static uint32_t field_size(const struct p2p_param *p)
{
    if (p->type == P2P_BOOL)
        return sizeof(bool);
    return p->type == P2P_STRING ? (uint32_t)sizeof(char *) : 8;
}

static uint32_t n_choices(const struct p2p_param *p)
{
    uint32_t n = 0;

    while (p->choices && p->choices[n])
        n++;
    return n;
}

uint32_t params_count(const struct p2p_param *table)
{
    uint32_t n = 0;

    while (table && table[n].name)
        n++;
    return n;
}

const struct p2p_param *params_find(const struct p2p_param *table, const char *name)
{
    for (const struct p2p_param *p = table; p && p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

const char *params_type_name(const struct p2p_param *p)
{
    return known_type(p->type) ? type_names[p->type] : "unknown";
}

/* A bound or default, which a table gives as a double. */
static int64_t integer_of(double value)
{
    return value >= 0x1p63 ? INT64_MAX : value < -0x1p63 ? INT64_MIN : (int64_t)value;
}

/* ---- printing ---- */

/* In the largest unit that divides it. */
static void format_units(const struct unit *units, size_t n, int64_t value, char *out, size_t size)
{
    const struct unit *u = &units[n - 1];

    for (size_t i = n; i-- > 0;)
        if (value % (int64_t)units[i].scale == 0)
            u = &units[i];
    snprintf(out, size, "%lld%s", (long long)(value / (int64_t)u->scale), u->name);
}

/* The fewest digits that read back as the same number. */
static void format_number(double value, char *out, size_t size)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, size, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

static void format_integer(const struct p2p_param *p, int64_t value, char *out, size_t size)
{
    switch (p->type) {
    case P2P_BOOL:
        snprintf(out, size, "%s", value ? "true" : "false");
        break;
    case P2P_DURATION:
        if (value == 0)
            snprintf(out, size, "0s");
        else
            format_units(durations, N_DURATIONS, value, out, size);
        break;
    case P2P_SIZE:
        if (value % 1024 != 0 || value == 0)
            snprintf(out, size, "%lld", (long long)value);
        else
            format_units(sizes, N_SIZES, value, out, size);
        break;
    case P2P_ENUM:
        snprintf(out, size, "%s",
                 value >= 0 && value < n_choices(p) ? p->choices[value] : "(no such choice)");
        break;
    default:
        snprintf(out, size, "%lld", (long long)value);
    }
}

void params_format(const struct p2p_param *p, const void *base, char *out, size_t size)
{
    const void *at = field(p, base);
    const char *text;
    int64_t integer;
    double number;

    switch (p->type) {
    case P2P_STRING:
        memcpy(&text, at, sizeof(text));
        snprintf(out, size, "%s", text ? text : "");
        break;
    case P2P_NUM:
        memcpy(&number, at, sizeof(number));
        format_number(number, out, size);
        break;
    case P2P_BOOL:
        format_integer(p, *(const bool *)at, out, size);
        break;
    default:
        memcpy(&integer, at, sizeof(integer));
        format_integer(p, integer, out, size);
    }
}

static void format_bound(const struct p2p_param *p, double value, char *out, size_t size)
{
    if (p->type == P2P_NUM)
        format_number(value, out, size);
    else
        format_integer(p, integer_of(value), out, size);
}

void params_format_default(const struct p2p_param *p, char *out, size_t size)
{
    if (p->type == P2P_STRING)
        snprintf(out, size, "%s", p->def_string ? p->def_string : "");
    else
        format_bound(p, p->def, out, size);
}

void params_allowed(const struct p2p_param *p, char *out, size_t size)
{
    static const char *const article[] = {[P2P_INT] = "an integer",
                                          [P2P_NUM] = "a number",
                                          [P2P_DURATION] = "a duration",
                                          [P2P_SIZE] = "a size"};
    char low[64], high[64];
    size_t at = 0;

    switch (p->type) {
    case P2P_BOOL:
        snprintf(out, size, "true or false");
        break;
    case P2P_STRING:
        snprintf(out, size, "text");
        break;
    case P2P_ENUM:
        for (uint32_t i = 0; i < n_choices(p) && at < size; i++)
            at +=
                (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "one of ", p->choices[i]);
        break;
    default:
        format_bound(p, p->min, low, sizeof(low));
        format_bound(p, p->max, high, sizeof(high));
        snprintf(out, size, "%s from %s to %s", known_type(p->type) ? article[p->type] : "nothing",
                 low, high);
    }
}

/* ---- parsing ---- */

/* A decimal number without exponent, hex, blanks or a sign other than one minus;
 * sets *end behind it. */
static bool read_decimal(const char *text, bool whole, const char **end, double *out)
{
    const char *at = text + (*text == '-');
    size_t digits = strspn(at, "0123456789");
    char *stop;

    at += digits;
    if (!whole && *at == '.') {
        size_t fraction = strspn(at + 1, "0123456789");

        digits += fraction;
        at += 1 + fraction;
    }
    if (digits == 0 || digits > 40)
        return false;
    *out = strtod(text, &stop);
    *end = at;
    return stop >= at || *at != '\0';
}

/* "1m30s", "250us", "0"; a number without a unit is not a duration. */
static bool read_duration(const char *text, double *out)
{
    double total = 0;

    if (strcmp(text, "0") == 0) {
        *out = 0;
        return true;
    }
    if (*text == '-' || *text == '\0')
        return false;
    while (*text) {
        const struct unit *best = NULL;
        char number[48];
        const char *end;
        double value;
        size_t n = strspn(text, "0123456789.");

        if (n == 0 || n >= sizeof(number))
            return false;
        snprintf(number, sizeof(number), "%.*s", (int)n, text);
        if (!read_decimal(number, false, &end, &value) || *end)
            return false;
        text += n;
        n = strcspn(text, "0123456789.");
        for (size_t i = 0; i < N_DURATIONS; i++)
            if (strlen(durations[i].name) == n && strncmp(text, durations[i].name, n) == 0)
                best = &durations[i];
        if (!best)
            return false;
        total += value * best->scale;
        text += n;
    }
    *out = round(total);
    return true;
}

/* "16MB", "512"; units are powers of 1024, their case does not matter. */
static bool read_size(const char *text, double *out)
{
    size_t n = strspn(text, "0123456789.");
    char number[48];
    const char *end;

    if (n == 0 || n >= sizeof(number))
        return false;
    snprintf(number, sizeof(number), "%.*s", (int)n, text);
    if (!read_decimal(number, false, &end, out) || *end)
        return false;
    if (text[n] == '\0')
        return *out == floor(*out);
    for (size_t i = 0; i < N_SIZES; i++)
        if (strcasecmp(text + n, sizes[i].name) == 0) {
            *out *= sizes[i].scale;
            return *out == floor(*out);
        }
    return false;
}

static bool read_boolean(const char *text, double *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off",
                                        "on",    "0",    "1",  "f",   "t"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0) {
            *out = (double)(i % 2);
            return true;
        }
    return false;
}

static bool read_number(const char *text, double *out)
{
    char *end;

    if (text[0] == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static bool read_choice(const struct p2p_param *p, const char *text, double *out)
{
    for (uint32_t i = 0; i < n_choices(p); i++)
        if (strcmp(text, p->choices[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

enum reading { READ, NOT_RIGHT, OUT_OF_RANGE };

/* What a double cannot hold goes through here. */
static enum reading read_integer(const char *text, int64_t *out)
{
    const char *end;
    double about;

    if (!read_decimal(text, true, &end, &about) || *end)
        return NOT_RIGHT;
    errno = 0;
    *out = strtoll(text, NULL, 10);
    return errno ? OUT_OF_RANGE : READ;
}

/* The value as a double, to compare with the range, and as an integer, to store. */
static enum reading read_value(const struct p2p_param *p, const char *text, double *value,
                               int64_t *integer)
{
    enum reading result;

    switch (p->type) {
    case P2P_INT:
        result = read_integer(text, integer);
        *value = (double)*integer;
        return result;
    case P2P_NUM:
        return read_number(text, value) ? READ : NOT_RIGHT;
    case P2P_BOOL:
        result = read_boolean(text, value) ? READ : NOT_RIGHT;
        break;
    case P2P_DURATION:
        result = read_duration(text, value) ? READ : NOT_RIGHT;
        break;
    case P2P_SIZE:
        result = read_size(text, value) ? READ : NOT_RIGHT;
        break;
    case P2P_ENUM:
        result = read_choice(p, text, value) ? READ : NOT_RIGHT;
        break;
    default:
        return NOT_RIGHT;
    }
    if (result == READ && !(*value < 0x1p63))
        return OUT_OF_RANGE;
    *integer = result == READ ? (int64_t)*value : 0;
    return result;
}

static bool in_range(const struct p2p_param *p, double value)
{
    if (p->type == P2P_BOOL || p->type == P2P_ENUM)
        return true;
    return value >= p->min && value <= p->max;
}

static void store(const struct p2p_param *p, void *base, double value, int64_t integer)
{
    void *at = field(p, base);

    if (p->type == P2P_NUM)
        memcpy(at, &value, sizeof(value));
    else if (p->type == P2P_BOOL)
        *(bool *)at = integer != 0;
    else
        memcpy(at, &integer, sizeof(integer));
}

static int store_text(const struct p2p_param *p, void *base, const char *text, char err[P2P_ERRLEN])
{
    char *copy = strdup(text ? text : ""), *old;

    if (!copy) {
        snprintf(err, P2P_ERRLEN, "%s: out of memory", p->name);
        return -1;
    }
    memcpy(&old, field(p, base), sizeof(old));
    free(old);
    memcpy(field(p, base), &copy, sizeof(copy));
    return 0;
}

int params_set(const struct p2p_param *p, void *base, const char *text, char err[P2P_ERRLEN])
{
    char allowed[128];
    int64_t integer = 0;
    double value = 0;
    enum reading result;

    if (p->type == P2P_STRING)
        return store_text(p, base, text, err);
    result = read_value(p, text, &value, &integer);
    if (result == READ && in_range(p, value)) {
        store(p, base, value, integer);
        return 0;
    }
    params_allowed(p, allowed, sizeof(allowed));
    snprintf(err, P2P_ERRLEN, "%s: '%.48s' is %s; allowed: %s%s", p->name, text,
             result == NOT_RIGHT ? "not right" : "out of range", allowed,
             p->type == P2P_DURATION && strspn(text, "0123456789.") == strlen(text)
                 ? ", with its unit, as in 10ms"
                 : "");
    return -1;
}

int params_defaults(const struct p2p_param *table, void *base, char err[P2P_ERRLEN])
{
    for (const struct p2p_param *p = table; p && p->name; p++) {
        if (p->type == P2P_STRING)
            memset(field(p, base), 0, sizeof(char *));
        else
            store(p, base, p->def, integer_of(p->def));
    }
    for (const struct p2p_param *p = table; p && p->name; p++)
        if (p->type == P2P_STRING && store_text(p, base, p->def_string, err))
            return -1;
    return 0;
}

void params_release(const struct p2p_param *table, void *base)
{
    for (const struct p2p_param *p = table; p && p->name; p++) {
        char *text;

        if (p->type != P2P_STRING)
            continue;
        memcpy(&text, field(p, base), sizeof(text));
        free(text);
        memset(field(p, base), 0, sizeof(text));
    }
}

/* ---- the table itself ---- */

static const char *what_is_wrong(const struct p2p_param *table, const struct p2p_param *p,
                                 uint32_t size)
{
    if (!known_type(p->type))
        return "has an unknown type; it may be made for a newer host";
    if (!p->help || !p->help[0])
        return "has no help text";
    if (p->offset > size || size - p->offset < field_size(p))
        return "lies outside the instance; is instance_size the size of its struct?";
    if (p->type == P2P_ENUM && n_choices(p) == 0)
        return "has no choices";
    if (p->type == P2P_ENUM ? p->def < 0 || p->def >= n_choices(p) || p->def != floor(p->def)
                            : p->type != P2P_STRING && !in_range(p, p->def))
        return "has a default out of its range";
    for (const struct p2p_param *q = table; q < p; q++) {
        if (strcmp(q->name, p->name) == 0)
            return "is declared twice";
        if (q->offset < p->offset + field_size(p) && p->offset < q->offset + field_size(q))
            return "shares its field with another";
    }
    return NULL;
}

int params_check(const struct p2p_param *table, uint32_t size, char err[P2P_ERRLEN])
{
    for (const struct p2p_param *p = table; p && p->name; p++) {
        const char *wrong = what_is_wrong(table, p, size);

        if (wrong) {
            snprintf(err, P2P_ERRLEN, "parameter '%.64s' %s", p->name, wrong);
            return -1;
        }
    }
    return 0;
}
