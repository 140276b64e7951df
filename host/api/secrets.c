/*
 * secrets.c - /system/secrets: {"name":…,"value":…}, or "rawValue" in base64, which is what counts
 * when both are there.  Nobody is told a value again.
 */
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/api.h"
#include "host/later.h"
#include "host/log.h"
#include "host/node.h"
#include "host/route.h"
#include "host/secrets.h"

/* What the clerk is to do. */
struct secret_work {
    char name[CONFIG_MAX_NAME + 1];
    unsigned char *value;
    size_t n;
};

static void wipe(void *data, size_t n)
{
    if (data)
        gnutls_memset(data, 0, n);
}

static void free_work(struct secret_work *w)
{
    if (!w)
        return;
    wipe(w->value, w->n);
    free(w->value);
    free(w);
}

static void bad(struct exchange *x, const char *why)
{
    exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT, "%s", why);
}

/* ---- reading ---- */

/* 0, or -1 with the exchange answered. */
static int read_value(struct exchange *x, const cJSON *json, struct secret_work *w)
{
    const char *value = api_text(json, "value"), *raw = api_text(json, "rawValue");
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)raw, (unsigned)strlen(raw)}, out = {0};

    if (!value[0] && !raw[0]) {
        bad(x, "a secret has a value, or a rawValue in base64");
        return -1;
    }
    if (raw[0] && gnutls_base64_decode2(&in, &out) < 0) {
        bad(x, "rawValue is not base64");
        return -1;
    }
    w->n = raw[0] ? out.size : strlen(value);
    if (w->n > SECRET_MOST) {
        exchange_error(x, MHD_HTTP_CONTENT_TOO_LARGE, MHD_HTTP_CONTENT_TOO_LARGE,
                       "a secret of %zu bytes; allowed: %d", w->n, SECRET_MOST);
        w->n = 0;
        wipe(out.data, out.size);
        gnutls_free(out.data);
        return -1;
    }
    w->value = malloc(w->n + 1);
    if (w->value)
        memcpy(w->value, raw[0] ? (const char *)out.data : value, w->n);
    wipe(out.data, out.size);
    gnutls_free(out.data);
    if (w->value)
        return 0;
    exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "out of memory");
    return -1;
}

/* NULL with the exchange answered. */
static struct secret_work *read_work(struct exchange *x)
{
    bool with_value = strcmp(x->request.method, "DELETE") != 0;
    cJSON *json = api_body(x);
    const char *name = api_text(json, "name");
    struct secret_work *w = json ? calloc(1, sizeof(*w)) : NULL;
    int rc = -1;

    if (!w)
        goto end;
    if (!secret_is_name(name))
        exchange_error(x, MHD_HTTP_BAD_REQUEST, CODE_BAD_INPUT,
                       "name: '%.70s' is no name of a secret; allowed: 1 to %d of A-Z a-z 0-9 . "
                       "_ -, without .new at its end",
                       name, CONFIG_MAX_NAME);
    else if (api_is_own_namespace(x, api_text(json, "namespace")))
        rc = with_value ? read_value(x, json, w) : 0;
    snprintf(w->name, sizeof(w->name), "%s", name);
end:
    if (json && with_value) {
        wipe(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "value")),
             strlen(api_text(json, "value")));
        wipe(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "rawValue")),
             strlen(api_text(json, "rawValue")));
    }
    wipe(x->request.body.data, x->request.body.len);
    cJSON_Delete(json);
    if (rc == 0)
        return w;
    free_work(w);
    return NULL;
}

/* ---- the clerk's ---- */

static void change(struct exchange *x)
{
    struct secret_work *w = x->later.held;
    const struct secrets *s = &x->shard->node->secrets;
    bool exists = secret_exists(s, w->name), creates = strcmp(x->request.method, "POST") == 0;
    char err[P2P_ERRLEN];
    int rc;

    if (exists && creates) {
        exchange_error(x, MHD_HTTP_CONFLICT, MHD_HTTP_CONFLICT,
                       "there is a secret '%s'; PUT changes it", w->name);
    } else if (!exists && !creates) {
        exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND, "there is no secret '%s'",
                       w->name);
    } else {
        rc = w->value ? secret_write(s, w->name, w->value, w->n, err)
                      : secret_remove(s, w->name, err);
        if (rc)
            exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "%s", err);
        else
            x->response.status = MHD_HTTP_OK;
    }
    free_work(w);
    x->later.held = NULL;
    later_answer(x);
}

static void add(void *ctx, const char *name)
{
    void **of = ctx;
    cJSON *row = cJSON_CreateObject();

    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "namespace", of[1]);
    cJSON_AddItemToArray(of[0], row);
}

static void list(struct exchange *x)
{
    struct node *n = x->shard->node;
    cJSON *all = cJSON_CreateArray();
    char err[P2P_ERRLEN];

    if (n->secrets.folder && secrets_each(&n->secrets, add, (void *[]){all, n->domain}, err)) {
        cJSON_Delete(all);
        exchange_error(x, MHD_HTTP_INTERNAL_SERVER_ERROR, CODE_GENERIC, "%s", err);
    } else {
        exchange_json(x, MHD_HTTP_OK, all);
    }
    later_answer(x);
}

void api_secrets(struct exchange *x)
{
    struct node *n = x->shard->node;
    bool lists = strcmp(x->request.method, "GET") == 0;
    struct secret_work *w = NULL;

    if (lists) {
        char text[API_ARGUMENT];

        if (!api_is_own_namespace(x, api_argument(x, "namespace", text, sizeof(text))))
            return;
    } else if (!n->secrets.folder) {
        exchange_error(x, MHD_HTTP_NOT_IMPLEMENTED, MHD_HTTP_NOT_IMPLEMENTED,
                       "secrets are kept in node.data_dir, which this node does not have");
        return;
    } else {
        w = read_work(x);
        if (!w)
            return;
    }
    later_begin(x, NULL);
    x->later.held = w;
    later_move(x, &n->clerk.reactor, lists ? list : change);
}
