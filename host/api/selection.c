/*
 * selection.c - which scheduler or learner a body asks for, and with which parameters.
 */
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/api.h"

const char *api_value_text(const cJSON *item, char out[API_VALUE])
{
    if (cJSON_IsString(item))
        return item->valuestring;
    if (cJSON_IsBool(item))
        return cJSON_IsTrue(item) ? "true" : "false";
    if (cJSON_IsNumber(item) && cJSON_PrintPreallocated((cJSON *)item, out, API_VALUE, false))
        return out;
    return NULL;
}

/* A key that nobody knows, or NULL.  What GET adds may come back. */
static const char *unknown_key(const cJSON *json)
{
    static const char *const known[] = {"name",       "parameters", "plugin",   "file", "hash",
                                        "generation", "at_work",    "function", "own"};
    const cJSON *item;

    cJSON_ArrayForEach(item, json)
    {
        bool is_known = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            is_known |= strcmp(item->string, known[i]) == 0;
        if (!is_known)
            return item->string;
    }
    return NULL;
}

/* 0, or -1 with the exchange answered. */
static int read_body(struct exchange *x, const cJSON *json, struct api_selection *w)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "name");
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(json, "parameters");
    const cJSON *function = cJSON_GetObjectItemCaseSensitive(json, "function");
    const char *unknown = cJSON_IsObject(json) ? unknown_key(json) : NULL;
    const cJSON *item;
    uint32_t n = 0;

    if (unknown) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "Passed input is not correct or malformed: unknown key '%.40s'; allowed: "
                       "name, parameters, function",
                       unknown);
        return -1;
    }
    if (!cJSON_IsObject(json) || (name && !cJSON_IsString(name)) ||
        (function && !cJSON_IsString(function)) ||
        (parameters && !cJSON_IsArray(parameters) && !cJSON_IsObject(parameters)))
        goto bad;
    cJSON_ArrayForEach(item, parameters)
    {
        /* An ordered list holds text, as the original has it. */
        if (n == API_PARAMETERS || (cJSON_IsArray(parameters) && !cJSON_IsString(item)))
            goto bad;
        w->names[n] = item->string;
        w->values[n] = api_value_text(item, w->text[n]);
        if (!w->values[n])
            goto bad;
        n++;
    }
    w->function = function ? function->valuestring : NULL;
    w->selection.name = name ? name->valuestring : "";
    w->selection.names = cJSON_IsArray(parameters) ? NULL : w->names;
    w->selection.values = w->values;
    w->selection.n = n;
    return 0;
bad:
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                   "Passed input is not correct or malformed: expected {\"name\":\"…\","
                   "\"parameters\":{\"name\":value,…}} or a list of strings in order");
    return -1;
}

/* ?function= is as if it stood in the body.  0, or -1 with the exchange answered. */
static int take_query(struct exchange *x, cJSON *body)
{
    char text[API_ARGUMENT];
    const char *asked = api_argument(x, "function", text, sizeof(text));
    const cJSON *said = cJSON_GetObjectItemCaseSensitive(body, "function");

    const char *name = cJSON_GetStringValue(said);

    if (!asked || !cJSON_IsObject(body) || (name && strcmp(name, asked) == 0))
        return 0;
    if (!said) {
        if (cJSON_AddStringToObject(body, "function", asked))
            return 0;
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "out of memory");
        return -1;
    }
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                   "?function= is '%.63s' and \"function\" in the body is another; allowed: one of "
                   "them",
                   asked);
    return -1;
}

struct api_selection *api_read_selection(struct exchange *x)
{
    cJSON *body = api_body(x);
    struct api_selection *w;

    if (!body)
        return NULL;
    w = calloc(1, sizeof(*w));
    if (!w) {
        cJSON_Delete(body);
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "out of memory");
        return NULL;
    }
    w->body = body;
    if (take_query(x, body) == 0 && read_body(x, body, w) == 0)
        return w;
    api_free_selection(w);
    return NULL;
}

void api_free_selection(struct api_selection *w)
{
    if (w)
        cJSON_Delete(w->body);
    free(w);
}
