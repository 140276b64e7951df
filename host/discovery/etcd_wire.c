#include "host/discovery/etcd_wire.h"

#include <cjson/cJSON.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "host/utf8.h"

enum { MOST_TOKEN = 511, MOST_REASON = 128 };

/* ---- pieces ---- */

/* Prints and frees. */
static char *print(cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);

    cJSON_Delete(json);
    return text;
}

static void add_bytes(cJSON *to, const char *name, const void *bytes, size_t n)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)bytes, (unsigned)n}, out;

    if (gnutls_base64_encode2(&in, &out))
        return;
    cJSON_AddStringToObject(to, name, (const char *)out.data);
    gnutls_free(out.data);
}

static void add_text(cJSON *to, const char *name, const char *text)
{
    add_bytes(to, name, text, strlen(text));
}

static void add_number(cJSON *to, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    cJSON_AddStringToObject(to, name, text);
}

/* Everything that begins with the prefix is from it up to this key. */
static void add_end(cJSON *to, const char *prefix)
{
    unsigned char end[ETCD_MOST_PREFIX + 1];
    size_t n = strnlen(prefix, ETCD_MOST_PREFIX);

    memcpy(end, prefix, n);
    while (n > 0 && end[n - 1] == 0xff)
        n--;
    if (n > 0)
        end[n - 1]++;
    else
        end[n++] = '\0'; /* for etcd: to the last key */
    add_bytes(to, "range_end", end, n);
}

/* The text of a member of that name, or NULL. */
static const char *text_in(const cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

/* A 64-bit number, which the gateway writes as text and leaves out when it is 0. */
static int64_t number_in(const cJSON *json, const char *name)
{
    const char *text = text_in(json, name);

    return text ? strtoll(text, NULL, 10) : 0;
}

/* ---- requests ---- */

char *etcd_write_login(const char *user, const char *password)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "name", user);
    cJSON_AddStringToObject(json, "password", password);
    return print(json);
}

char *etcd_write_grant(uint64_t ttl_ns)
{
    cJSON *json = cJSON_CreateObject();

    add_number(json, "TTL", (int64_t)((ttl_ns + 999999999) / 1000000000));
    return print(json);
}

char *etcd_write_lease(const char *lease)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "ID", lease);
    return print(json);
}

char *etcd_write_put(const char *key, const char *value, const char *lease)
{
    cJSON *json = cJSON_CreateObject();

    add_text(json, "key", key);
    add_text(json, "value", value);
    cJSON_AddStringToObject(json, "lease", lease);
    return print(json);
}

char *etcd_write_range(const char *prefix, const char *after, int64_t revision)
{
    cJSON *json = cJSON_CreateObject();

    /* The first key after one is that with a zero byte added. */
    if (after)
        add_bytes(json, "key", after, strlen(after) + 1);
    else
        add_text(json, "key", prefix);
    add_end(json, prefix);
    add_number(json, "limit", ETCD_PAGE);
    add_number(json, "revision", revision);
    return print(json);
}

char *etcd_write_watch(const char *prefix, int64_t revision)
{
    cJSON *json = cJSON_CreateObject(), *create = cJSON_AddObjectToObject(json, "create_request");

    add_text(create, "key", prefix);
    add_end(create, prefix);
    add_number(create, "start_revision", revision);
    /* Else all that happened since then may come in one object. */
    cJSON_AddTrueToObject(create, "fragment");
    return print(json);
}

/* ---- answers ---- */

/* Short, and fit for a line of a log. */
static void clean_reason(char out[MOST_REASON], const char *text)
{
    utf8_clean(out, MOST_REASON, text);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

void etcd_read_error(int status, const char *text, size_t n, char err[P2P_ERRLEN])
{
    cJSON *json = text ? cJSON_ParseWithLength(text, n) : NULL;
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
    const char *message = text_in(error, "message");
    char raw[MOST_REASON], clean[MOST_REASON];

    /* Of a stream it is an object in the object. */
    if (!message)
        message = cJSON_GetStringValue(error);
    snprintf(raw, sizeof(raw), "%.*s", (int)(n < sizeof(raw) ? n : sizeof(raw) - 1),
             text ? text : "");
    clean_reason(clean, message ? message : raw);
    snprintf(err, P2P_ERRLEN, "%s (HTTP %d)", clean, status);
    cJSON_Delete(json);
}

static void not_understood(const char *what, char err[P2P_ERRLEN])
{
    snprintf(err, P2P_ERRLEN, "the answer is no %s of etcd's v3 API", what);
}

int etcd_read_login(const char *text, size_t n, char token[512], char err[P2P_ERRLEN])
{
    cJSON *json = cJSON_ParseWithLength(text, n);
    const char *found = text_in(json, "token");
    int rc = -1;

    /* It goes into a header line. */
    if (found && found[0] && strlen(found) <= MOST_TOKEN && http_is_target(found, strlen(found))) {
        snprintf(token, MOST_TOKEN + 1, "%s", found);
        rc = 0;
    } else {
        not_understood("login", err);
    }
    cJSON_Delete(json);
    return rc;
}

int etcd_read_grant(const char *text, size_t n, struct etcd_lease *out, char err[P2P_ERRLEN])
{
    cJSON *json = cJSON_ParseWithLength(text, n);
    const char *id = text_in(json, "ID");
    int64_t ttl = number_in(json, "TTL");
    int rc = -1;

    if (id && id[0] && strlen(id) < sizeof(out->id) && strspn(id, "-0123456789") == strlen(id) &&
        ttl > 0 && ttl <= 1000000000) {
        snprintf(out->id, sizeof(out->id), "%s", id);
        out->ttl_ns = (uint64_t)ttl * 1000000000;
        rc = 0;
    } else {
        not_understood("lease", err);
    }
    cJSON_Delete(json);
    return rc;
}

int etcd_read_keepalive(const char *text, size_t n, bool *alive, char err[P2P_ERRLEN])
{
    cJSON *json = cJSON_ParseWithLength(text, n);
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(json, "result");
    int rc = -1;

    if (cJSON_IsObject(result)) {
        *alive = number_in(result, "TTL") > 0;
        rc = 0;
    } else if (cJSON_GetObjectItemCaseSensitive(json, "error")) {
        etcd_read_error(200, text, n, err);
    } else {
        not_understood("lease", err);
    }
    cJSON_Delete(json);
    return rc;
}

/* The bytes, zero-terminated; NULL when it is not base64. */
static char *decode(const char *text, size_t *n)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)(text ? text : ""), 0}, out = {NULL, 0};
    char *bytes;

    in.size = (unsigned)strlen((const char *)in.data);
    if (in.size > 0 && gnutls_base64_decode2(&in, &out))
        return NULL;
    *n = out.size;
    bytes = malloc(out.size + 1);
    if (bytes) {
        if (out.size)
            memcpy(bytes, out.data, out.size);
        bytes[out.size] = '\0';
    }
    gnutls_free(out.data);
    return bytes;
}

/* 0, or -1 when it is none; *key gets its name when asked. */
static int tell_key(const cJSON *kv, bool gone, etcd_each each, void *ctx, char **key)
{
    struct etcd_key k = {.gone = gone, .revision = number_in(kv, "mod_revision")};
    char *name = decode(text_in(kv, "key"), &k.name_len);
    char *value = decode(text_in(kv, "value"), &k.value_len);
    int rc = -1;

    if (name && value && k.name_len > 0) {
        k.name = name;
        k.value = value;
        each(ctx, &k);
        rc = 0;
    }
    free(value);
    if (rc == 0 && key)
        *key = name;
    else
        free(name);
    return rc;
}

int etcd_read_range(const char *text, size_t n, etcd_each each, void *ctx, struct etcd_page *out,
                    char err[P2P_ERRLEN])
{
    cJSON *json = cJSON_ParseWithLength(text, n);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "kvs"), *kv;
    int rc = -1;

    *out = (struct etcd_page){
        .revision = number_in(cJSON_GetObjectItemCaseSensitive(json, "header"), "revision")};
    if (out->revision <= 0 || (list && !cJSON_IsArray(list)))
        goto end;
    cJSON_ArrayForEach(kv, list)
    {
        free(out->last);
        out->last = NULL;
        if (tell_key(kv, false, each, ctx, &out->last))
            goto end;
    }
    out->more = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "more"));
    if (out->more && !out->last)
        goto end;
    rc = 0;
end:
    if (rc)
        not_understood("list of keys", err);
    if (rc || !out->more) {
        free(out->last);
        out->last = NULL;
    }
    cJSON_Delete(json);
    return rc;
}

static int read_events(const cJSON *list, etcd_each each, void *ctx)
{
    const cJSON *event;

    if (list && !cJSON_IsArray(list))
        return -1;
    cJSON_ArrayForEach(event, list)
    {
        const char *type = text_in(event, "type");
        bool gone = type && strcmp(type, "DELETE") == 0;
        const cJSON *kv = cJSON_GetObjectItemCaseSensitive(event, "kv");

        if (tell_key(kv, gone, each, ctx, NULL))
            return -1;
    }
    return 0;
}

int etcd_read_watch(const char *text, size_t n, etcd_each each, void *ctx, bool *created,
                    char err[P2P_ERRLEN])
{
    cJSON *json = cJSON_ParseWithLength(text, n);
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(json, "result");
    const char *reason = text_in(result, "cancel_reason");
    char clean[MOST_REASON];
    int rc = -1;

    if (!cJSON_IsObject(result)) {
        if (cJSON_GetObjectItemCaseSensitive(json, "error"))
            etcd_read_error(200, text, n, err);
        else
            not_understood("watch", err);
    } else if (number_in(result, "compact_revision") > 0) {
        snprintf(err, P2P_ERRLEN, "what happened meanwhile was compacted away");
    } else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "canceled"))) {
        clean_reason(clean, reason ? reason : "the server ended the watch");
        snprintf(err, P2P_ERRLEN, "%s", clean);
    } else if (read_events(cJSON_GetObjectItemCaseSensitive(result, "events"), each, ctx)) {
        not_understood("watch", err);
    } else {
        *created |= cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "created"));
        rc = 0;
    }
    cJSON_Delete(json);
    return rc;
}
