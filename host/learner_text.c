#include "host/learner_text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t";

/* A finite number in the usual spelling; *end is behind it and the blanks that follow. */
static bool read_number(const char *text, double *out, const char **end)
{
    char *stop;

    text += strspn(text, blanks);
    if (!strchr("+-.0123456789", text[0]) || (text[strspn(text, "+-.0123456789eE")] | ' ') == 'x')
        return false;
    *out = strtod(text, &stop);
    *end = stop + strspn(stop, blanks);
    return stop != text && isfinite(*out);
}

static bool read_float(const char *text, float *out, const char **end)
{
    double value;

    if (!read_number(text, &value, end))
        return false;
    *out = (float)value;
    return isfinite(*out);
}

int learner_read_state(const char *text, float *out, uint32_t most)
{
    for (uint32_t n = 0; n < most;) {
        if (!read_float(text, &out[n++], &text))
            return -1;
        if (*text == '\0')
            return (int)n;
        if (*text++ != ',')
            return -1;
    }
    return -1;
}

bool learner_read_eid(const char *text, uint64_t *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out <= INT64_MAX;
}

bool learner_read_action(const char *text, uint32_t *out)
{
    const char *end;
    double value;

    if (!read_number(text, &value, &end) || *end || value < 0 || value > 1e6 ||
        value != floor(value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool learner_read_reward(const char *text, float *out)
{
    const char *end;

    return read_float(text, out, &end) && *end == '\0';
}

struct train_item train_item_read(const char *eid, const char *state, const char *action,
                                  const char *reward, float *room, uint32_t most)
{
    struct train_item item = {.state = room};
    int n = state ? learner_read_state(state, room, most) : -1;

    item.sound = n > 0 && eid && action && reward && learner_read_eid(eid, &item.eid) &&
                 learner_read_action(action, &item.action) &&
                 learner_read_reward(reward, &item.reward);
    item.n_state = n > 0 ? (uint32_t)n : 0;
    return item;
}

/* ---- a batch ---- */

enum { NUMBER_TEXT = 40 };

/* A member as text; NULL when it is neither text nor number.  *lacks is set when it is not
 * there. */
static const char *member(const cJSON *item, const char *name, char room[NUMBER_TEXT], bool *lacks)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, name);

    if (!value) {
        *lacks = true;
        return NULL;
    }
    if (cJSON_IsString(value))
        return value->valuestring;
    if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble))
        return NULL;
    snprintf(room, NUMBER_TEXT, "%.17g", value->valuedouble);
    return room;
}

/* How many numbers the states may have: one more than their commas. */
static size_t count_numbers(const cJSON *list)
{
    const cJSON *item;
    size_t n = 0;

    cJSON_ArrayForEach(item, list)
    {
        const cJSON *state = cJSON_GetObjectItemCaseSensitive(item, "state");

        n++;
        for (const char *at = cJSON_IsString(state) ? state->valuestring : ""; *at; at++)
            n += *at == ',';
    }
    return n;
}

static enum train_result read_items(struct train_batch *b, const cJSON *list, size_t numbers)
{
    enum train_result result = TRAIN_READ;
    const cJSON *item;
    size_t used = 0;

    cJSON_ArrayForEach(item, list)
    {
        char eid[NUMBER_TEXT], state[NUMBER_TEXT], action[NUMBER_TEXT], reward[NUMBER_TEXT];
        bool lacks = false;
        const char *texts[] = {
            member(item, "eid", eid, &lacks), member(item, "state", state, &lacks),
            member(item, "action", action, &lacks), member(item, "reward", reward, &lacks)};
        struct train_item *to = &b->items[b->n++];

        *to = train_item_read(texts[0], texts[1], texts[2], texts[3], b->states + used,
                              (uint32_t)(numbers - used));
        used += to->n_state;
        if (lacks)
            result = TRAIN_INCOMPLETE;
    }
    return result;
}

enum train_result train_batch_read(struct train_batch *b, const char *json, size_t len)
{
    const char *end = NULL;
    cJSON *list = len ? cJSON_ParseWithLengthOpts(json, len, &end, false) : NULL;
    enum train_result result = TRAIN_NOT_JSON;
    size_t numbers;
    int n;

    *b = (struct train_batch){0};
    while (list && end < json + len && *end && strchr(" \t\r\n", *end))
        end++;
    if (!list || end != json + len)
        goto end;
    result = TRAIN_EMPTY;
    n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    numbers = n > 0 ? count_numbers(list) : 0;
    if (n <= 0 || n > TRAIN_MOST || numbers > TRAIN_NUMBERS)
        goto end;
    b->items = calloc((size_t)n, sizeof(*b->items));
    b->states = calloc(numbers + 1, sizeof(*b->states));
    if (b->items && b->states)
        result = read_items(b, list, numbers);
end:
    cJSON_Delete(list);
    return result;
}

void train_batch_release(struct train_batch *b)
{
    free(b->items);
    free(b->states);
    *b = (struct train_batch){0};
}

/* ---- numbers ---- */

void learner_write_number(char out[LEARNER_NUMBER], float value)
{
    for (int digits = 1; digits <= 9; digits++) {
        float back;

        snprintf(out, LEARNER_NUMBER - 2, "%.*g", digits, (double)value);
        back = strtof(out, NULL);
        if (back == value)
            break;
    }
    /* As Python has it: 100.0, where %g says 1e+02. */
    if (strchr(out, 'e') && fabsf(value) >= 1 && fabsf(value) < 1e7F)
        snprintf(out, LEARNER_NUMBER - 2, "%.0f", (double)value);
    if (!strpbrk(out, ".en"))
        memcpy(out + strlen(out), ".0", 3);
}
