#include "bench/answer.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HOPS = RECORD_TEXTS, EXECUTION, QUEUEING, ACTION, EPSILON };

static const char prefix[] = "X-P2pfaas-";
enum { PREFIX = sizeof(prefix) - 1 };

static const struct {
    const char *name;
    int what;
} known[] = {
    {"Scheduler", RECORD_SCHEDULER},
    {"Timing-Execution-Time-Seconds", EXECUTION},
    {"Timing-Queue-Time-Seconds", QUEUEING},
    {"Timing-Probing-Seconds-List", RECORD_PROBING},
    {"Timing-Scheduling-Seconds-List", RECORD_SCHEDULING},
    {"Timing-Total-Seconds-List", RECORD_TOTAL},
    {"Hops", HOPS},
    {"Peers-List-Id", RECORD_PEERS_ID},
    {"Peers-List-Ip", RECORD_PEERS_IP},
    {"Scheduler-Learning-Eid", RECORD_EID},
    {"Scheduler-Learning-State", RECORD_STATE},
    {"Scheduler-Learning-Action", ACTION},
    {"Scheduler-Learning-Eps", EPSILON},
};

static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    return end != text && isfinite(value) ? value : (double)NAN;
}

static void take(int what, const char *value, struct record *r, const char *text[RECORD_TEXTS])
{
    switch (what) {
    case HOPS:
        r->hops = (int32_t)strtol(value, NULL, 10);
        break;
    case EXECUTION:
        r->execution = number(value);
        break;
    case QUEUEING:
        r->queueing = number(value);
        break;
    case ACTION:
        r->action = number(value);
        break;
    case EPSILON:
        r->epsilon = number(value);
        break;
    default:
        text[what] = value;
    }
}

/* {"code":400,"message":"…"} of an answer that is an error. */
static int error_code(struct buf *body)
{
    cJSON *json = body->len > 0 && body->len < 4096 && body->data[0] == '{'
                      ? cJSON_ParseWithLength(body->data, body->len)
                      : NULL;
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(json, "code");
    int value = cJSON_IsNumber(code) ? code->valueint : 0;

    cJSON_Delete(json);
    return value;
}

void answer_read(struct http_response *from, struct record *r, const char *text[RECORD_TEXTS])
{
    const char *name, *value;
    size_t at = 0;

    r->hops = 0;
    r->error_code = 0;
    r->execution = r->queueing = r->action = r->epsilon = (double)NAN;
    for (unsigned i = 0; i < RECORD_TEXTS; i++)
        text[i] = i == RECORD_ERROR ? text[i] : "";
    while (headers_next(&from->headers, &at, &name, &value)) {
        if (strncasecmp(name, prefix, PREFIX) != 0)
            continue;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (strcasecmp(name + PREFIX, known[i].name) == 0) {
                take(known[i].what, value, r, text);
                break;
            }
    }
    if (from->status >= 400)
        r->error_code = error_code(&from->body);
}

bool answer_element(const char **at, const char **out, size_t *n)
{
    const char *from = *at + strspn(*at, "[], \t");

    if (*from == '"') {
        *out = from + 1;
        *n = strcspn(from + 1, "\"");
        *at = from + 1 + *n + (from[1 + *n] == '"');
        return true;
    }
    *out = from;
    *n = strcspn(from, "], \t");
    *at = from + *n;
    return *n > 0;
}

size_t answer_last(const char *list, const char **out)
{
    const char *element;
    size_t n, last = 0;

    while (answer_element(&list, &element, &n)) {
        *out = element;
        last = n;
    }
    return last;
}
