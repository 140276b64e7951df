/*
 * usage.c - GET /system/function/NAME?usage=1: what the function uses of the machine too.
 */
#include "host/usage.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>

#include "host/api/api.h"
#include "host/later.h"

struct asked {
    struct usage_request request;
    struct exchange *x;
    cJSON *json;
};

bool api_asks_usage(const struct exchange *x)
{
    char text[API_ARGUMENT];
    const char *value = api_argument(x, "usage", text, sizeof(text));

    return value && (strcasecmp(value, "1") == 0 || strcasecmp(value, "true") == 0);
}

static void on_measured(struct usage_request *r)
{
    struct asked *a = r->owner;
    struct exchange *x = a->x;

    if (r->known) {
        cJSON *usage = cJSON_AddObjectToObject(a->json, "usage");

        cJSON_AddNumberToObject(usage, "cpu", r->usage.cpu_millicores);
        cJSON_AddNumberToObject(usage, "totalMemoryBytes", r->usage.memory_bytes);
    }
    exchange_json(x, MHD_HTTP_OK, a->json);
    function_unref(r->function);
    free(a);
    later_answer(x);
}

void api_answer_usage(struct exchange *x, struct function *f, cJSON *json)
{
    struct asked *a = calloc(1, sizeof(*a));

    if (!a) { /* it is left out */
        exchange_json(x, MHD_HTTP_OK, json);
        return;
    }
    a->x = x;
    a->json = json;
    a->request.function = function_ref(f);
    a->request.done = on_measured;
    a->request.owner = a;
    later_begin(x, NULL);
    function_usage(&a->request);
}
