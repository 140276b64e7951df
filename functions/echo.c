/*
 * echo - answers what it was sent, with the same content type.  For tests:
 *   /info          what arrived, as JSON
 *   ?status=N      answers with that status
 *   ?size=N        answers N bytes
 *   ?header=A:B    adds a header to the answer
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "functions/serve.h"

enum { MOST_SIZE = 64 << 20 };

static void add_header(cJSON *to, const struct invocation *in, const char *name)
{
    const char *value = serve_header(in, name);

    if (value)
        cJSON_AddStringToObject(to, name, value);
}

static void tell(struct invocation *in)
{
    static const char *const names[] = {"Content-Type",
                                        "X-Test",
                                        "X-Other",
                                        "Accept",
                                        "Host",
                                        "Connection",
                                        "User-Agent",
                                        "Traceparent",
                                        "Tracestate",
                                        "X-P2pfaas-Hops",
                                        "X-P2pfaas-Scheduler-Bypass",
                                        "X-P2pfaas-Scheduler-Forward",
                                        "X-P2pfaas-Scheduler-Task-Tracing-Id",
                                        "X-Forwarded-For"};
    cJSON *json = cJSON_CreateObject();
    cJSON *headers;

    cJSON_AddStringToObject(json, "method", in->method);
    cJSON_AddStringToObject(json, "path", in->path);
    cJSON_AddStringToObject(json, "query", in->query);
    cJSON_AddNumberToObject(json, "length", (double)in->len);
    headers = cJSON_AddObjectToObject(json, "headers");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add_header(headers, in, names[i]);
    in->out = cJSON_PrintUnformatted(json);
    in->out_len = in->out ? strlen(in->out) : 0;
    in->content_type = "application/json";
    cJSON_Delete(json);
}

static void handle(struct invocation *in)
{
    const char *type = serve_header(in, "Content-Type");
    long size = serve_query(in, "size", -1);
    char header[256], *colon;

    in->status = (int)serve_query(in, "status", 200);
    if (serve_query_text(in, "header", header, sizeof(header)) && (colon = strchr(header, ':'))) {
        *colon = '\0';
        snprintf(in->header[0][0], sizeof(in->header[0][0]), "%s", header);
        snprintf(in->header[0][1], sizeof(in->header[0][1]), "%s", colon + 1);
        in->n_headers = 1;
    }
    if (type)
        in->content_type = type;
    if (strcmp(in->path, "/info") == 0) {
        tell(in);
        return;
    }
    in->out_len = size >= 0 && size <= MOST_SIZE ? (size_t)size : in->len;
    in->out = malloc(in->out_len + 1);
    if (!in->out)
        in->out_len = 0;
    else if (size >= 0)
        memset(in->out, 'x', in->out_len);
    else
        memcpy(in->out, in->body, in->out_len);
}

int main(void)
{
    return serve(handle);
}
