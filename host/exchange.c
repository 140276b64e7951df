#include "host/exchange.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/utf8.h"

static void set_type(struct exchange *x, const char *type)
{
    if (!headers_get(&x->response.headers, "Content-Type"))
        headers_add(&x->response.headers, "Content-Type", type);
}

void exchange_header(struct exchange *x, const char *name, const char *format, ...)
{
    char value[512];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(value))
        headers_add(&x->response.headers, name, value);
}

void exchange_text(struct exchange *x, int status, const char *content_type, const char *text)
{
    buf_clear(&x->response.body);
    x->response.status = status;
    set_type(x, content_type);
    if (buf_puts(&x->response.body, text))
        x->response.status = 500;
}

void exchange_json(struct exchange *x, int status, struct cJSON *json)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;

    cJSON_Delete(json);
    if (text)
        exchange_text(x, status, "application/json", text);
    else
        exchange_text(x, 500, "application/json", "{\"code\":1,\"message\":\"out of memory\"}");
    cJSON_free(text);
}

void exchange_error(struct exchange *x, int status, int code, const char *format, ...)
{
    struct cJSON *json = cJSON_CreateObject();
    char message[1024], clean[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    cJSON_AddNumberToObject(json, "code", code);
    utf8_clean(clean, sizeof(clean), message);
    cJSON_AddStringToObject(json, "message", clean);
    exchange_json(x, status, json);
}
