/*
 * fuzz_params.c - the first byte selects a parameter, the rest is its text.
 * What is taken must print as a text that is taken too and means the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/params.h"

struct all {
    int64_t integer;
    double number;
    int64_t duration;
    const char *string;
    int64_t choice;
    int64_t size;
    bool boolean;
};

static const char *const colours[] = {"red", "green", "dark green", NULL};
static const struct p2p_param table[] = {
    P2P_PARAM_INT(struct all, integer, 0, -9223372036854775808.0, 9223372036854775807.0, "any"),
    P2P_PARAM_NUM(struct all, number, 0, -1e308, 1e308, "any"),
    P2P_PARAM_DURATION(struct all, duration, 0, -9223372036854775808.0, 9223372036854775807.0,
                       "any"),
    P2P_PARAM_STRING(struct all, string, "", "any"),
    P2P_PARAM_ENUM(struct all, choice, 0, colours, "one"),
    P2P_PARAM_SIZE(struct all, size, 0, 0, 9223372036854775807.0, "any"),
    P2P_PARAM_BOOL(struct all, boolean, 0, "either"),
    P2P_PARAM_END};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool equal(const struct all *a, const struct all *b)
{
    return a->integer == b->integer && a->number == b->number && a->duration == b->duration &&
           strcmp(a->string, b->string) == 0 && a->choice == b->choice && a->size == b->size &&
           a->boolean == b->boolean;
}

static void round_trip(const struct p2p_param *p, const char *text)
{
    static char printed[8192];
    struct all first = {0}, second = {0};
    char err[P2P_ERRLEN];

    if (params_defaults(table, &first, err) || params_defaults(table, &second, err))
        abort();
    if (params_set(p, &first, text, err) == 0) {
        params_format(p, &first, printed, sizeof(printed));
        if (params_set(p, &second, printed, err) || !equal(&first, &second))
            abort();
    } else if (strnlen(err, sizeof(err)) == sizeof(err) || !equal(&first, &second)) {
        abort();
    }
    params_release(table, &first);
    params_release(table, &second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[4097];

    if (size < 1 || size > sizeof(text))
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    round_trip(&table[data[0] % params_count(table)], text);
    return 0;
}
