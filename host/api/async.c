/*
 * async.c - POST and DELETE /async-function/…, GET /async and /async/ID: calls that are
 * accepted now and run later.
 */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <curl/curl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host/api/api.h"
#include "host/async/async.h"
#include "host/later.h"
#include "host/node.h"
#include "host/route.h"

enum { MOST_ID = 128, UUID_TEXT = 37, MOST_URL = 2048, NAME_SHOWN = 63 };

/* ---- ids ---- */

/* Fit for a header, a path and a log. */
static bool is_sane(const char *id, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)id[i]) && !strchr("-._:", id[i]))
            return false;
    return n > 0 && n <= MOST_ID;
}

/* RFC 9562, version 4. */
static int make_uuid(char out[UUID_TEXT])
{
    unsigned char b[16];

    if (getrandom(b, sizeof(b), 0) != sizeof(b))
        return -1;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return 0;
}

/* ---- what all need ---- */

/* 0 when the thread runs, or -1 with the exchange answered. */
static int need_async(struct exchange *x)
{
    struct async *a = &x->shard->node->async;
    char err[P2P_ERRLEN];

    if (!a->folder) {
        exchange_error(x, MHD_HTTP_NOT_IMPLEMENTED, MHD_HTTP_NOT_IMPLEMENTED,
                       "this node keeps no calls: set node.data_dir, a folder of its own");
        return -1;
    }
    if (async_start(a, err) == 0)
        return 0;
    exchange_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", err);
    return -1;
}

static void move(struct exchange *x, void *held, void (*work)(struct exchange *))
{
    if (!held) {
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "out of memory");
        return;
    }
    later_begin(x, NULL);
    x->later.held = held;
    later_move(x, &x->shard->node->async.thread.reactor, work);
}

static void ask(struct exchange *x, void (*work)(struct exchange *))
{
    size_t n = strcspn(x->rest, "?");

    if (!is_sane(x->rest, n)) {
        exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND,
                       "that is no id of a call: it is in X-Call-Id of the 202");
        return;
    }
    if (need_async(x) == 0)
        move(x, strndup(x->rest, n), work);
}

/* ---- accepted ---- */

static bool is_callback(const char *url)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL;
    bool right = strlen(url) <= MOST_URL && http_is_target(url, strlen(url)) && parsed &&
                 curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                 (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

    curl_free(scheme);
    curl_url_cleanup(parsed);
    return right;
}

static void accept_call(struct exchange *x)
{
    const struct shard *s = x->shard;
    const struct headers *h = &x->request.headers;
    size_t n = strcspn(x->rest, "/?");
    const struct function *f = function_table_resolve(s->functions, x->rest, n, s->node->domain);
    const char *callback = headers_get(h, "X-Callback-Url"), *id = headers_get(h, "X-Call-Id");
    char uuid[UUID_TEXT];

    if (!f) {
        char known[512];

        function_table_names(s->functions, known, sizeof(known));
        exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND,
                       "no function '%.*s' here; known: %s", (int)(n < NAME_SHOWN ? n : NAME_SHOWN),
                       x->rest, known);
        return;
    }
    if (callback && !is_callback(callback)) {
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "X-Callback-Url '%.128s' is no URL that can be called; allowed: http:// or "
                       "https://, %d bytes at most",
                       callback, MOST_URL);
        return;
    }
    if (!id || !is_sane(id, strlen(id))) {
        if (make_uuid(uuid)) {
            exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC,
                           "the system gives no random numbers");
            return;
        }
        id = uuid;
    }
    if (need_async(x) == 0)
        move(x, async_submission_new(x, id, f->config->name, callback), async_accept);
}

void api_async_function(struct exchange *x)
{
    if (strcmp(x->request.method, "DELETE") == 0)
        ask(x, async_cancel);
    else
        accept_call(x);
}

/* ---- asked ---- */

void api_async_call(struct exchange *x)
{
    char text[API_ARGUMENT];
    const char *result = api_argument(x, "result", text, sizeof(text));

    ask(x, result && strcmp(result, "1") == 0 ? async_tell_result : async_tell_state);
}

void api_async(struct exchange *x)
{
    static const char *const gauges[ASYNC_GAUGES] = {
        [ASYNC_QUEUED] = "queued",   [ASYNC_RETRYING] = "retrying",
        [ASYNC_RUNNING] = "running", [ASYNC_CALLBACKS] = "callbacks",
        [ASYNC_BYTES] = "bytes",     [ASYNC_KEPT_BYTES] = "kept_bytes"};
    static const char *const counts[] = {[ASYNC_ACCEPTED] = "accepted",
                                         [ASYNC_REFUSED] = "refused",
                                         [ASYNC_DONE] = "done",
                                         [ASYNC_FAILED] = "failed",
                                         [ASYNC_CANCELLED] = "cancelled"};
    const struct async *a = &x->shard->node->async;
    cJSON *json = cJSON_CreateObject();

    for (int i = 0; i < ASYNC_GAUGES; i++)
        cJSON_AddNumberToObject(json, gauges[i], (double)a->gauge[i]);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        cJSON_AddNumberToObject(json, counts[i], (double)a->count[i]);
    exchange_json(x, MHD_HTTP_OK, json);
}
