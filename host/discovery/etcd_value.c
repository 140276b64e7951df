#include "host/discovery/etcd_value.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "host/config.h"
#include "host/utf8.h"

enum { MOST_NAME = 63 };

char *etcd_value_write(const struct etcd_value *v)
{
    cJSON *json = cJSON_CreateObject(), *list;
    char *text;

    cJSON_AddStringToObject(json, "id", v->id);
    cJSON_AddStringToObject(json, "address", v->endpoint.text);
    cJSON_AddStringToObject(json, "group", v->group);
    cJSON_AddNumberToObject(json, "slots", v->slots);
    if (v->knows_functions) {
        list = cJSON_AddArrayToObject(json, "functions");
        for (unsigned i = 0; i < v->n_functions; i++)
            cJSON_AddItemToArray(list, cJSON_CreateString(v->functions[i]));
    }
    cJSON_AddStringToObject(json, "version", v->version);
    text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

/* A name for people: short, and nothing that would break a line of a log. */
static bool is_label(const char *text, size_t most)
{
    char clean[MOST_NAME + 1];

    if (!text || strlen(text) > most)
        return false;
    utf8_clean(clean, sizeof(clean), text);
    if (strcmp(clean, text) != 0)
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return true;
}

static bool is_function_name(const char *text)
{
    size_t n =
        text ? strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
             : 0;

    return n > 0 && n <= MOST_NAME && text[n] == '\0';
}

static int read_label(const cJSON *json, const char *name, bool may_be_empty, char *out,
                      size_t size, char err[P2P_ERRLEN])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    const char *text = item ? cJSON_GetStringValue(item) : "";

    if (!is_label(text, size - 1) || (!text[0] && !may_be_empty)) {
        snprintf(err, P2P_ERRLEN,
                 "its \"%s\" is no text of %d to %zu bytes without control "
                 "characters",
                 name, may_be_empty ? 0 : 1, size - 1);
        return -1;
    }
    snprintf(out, size, "%s", text);
    return 0;
}

static int read_address(const cJSON *json, struct endpoint *out, char err[P2P_ERRLEN])
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "address"));
    char why[P2P_ERRLEN];

    if (text && endpoint_parse(out, text, 1, why) == 0 && strcmp(out->text, text) == 0 &&
        strncmp(text, "0.0.0.0:", 8) != 0 && strncmp(text, "[::]:", 5) != 0)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "its \"address\" is no numeric address with a port, as in "
             "10.0.0.2:18080");
    return -1;
}

static int read_slots(const cJSON *json, uint32_t *out, char err[P2P_ERRLEN])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "slots");

    if (!item)
        return 0;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 65536) {
        snprintf(err, P2P_ERRLEN, "its \"slots\" is no number from 0 to 65536");
        return -1;
    }
    *out = (uint32_t)item->valuedouble;
    return 0;
}

static int read_functions(const cJSON *json, struct etcd_value *v, char err[P2P_ERRLEN])
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "functions"), *item;
    size_t bytes = 0, n = 0;
    char *text;

    if (!list)
        return 0;
    cJSON_ArrayForEach(item, list)
    {
        if (!is_function_name(cJSON_GetStringValue(item)))
            break;
        bytes += sizeof(char *) + strlen(item->valuestring) + 1;
        n++;
    }
    if (!cJSON_IsArray(list) || item || n > CONFIG_MAX_FUNCTIONS) {
        snprintf(err, P2P_ERRLEN,
                 "its \"functions\" is no list of at most %d names of A-Z a-z "
                 "0-9 . _ -",
                 CONFIG_MAX_FUNCTIONS);
        return -1;
    }
    v->functions = malloc(bytes + 1);
    if (!v->functions) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        return -1;
    }
    text = (char *)(v->functions + n);
    cJSON_ArrayForEach(item, list)
    {
        size_t length = strlen(item->valuestring) + 1;

        v->functions[v->n_functions++] = memcpy(text, item->valuestring, length);
        text += length;
    }
    v->knows_functions = true;
    return 0;
}

/* The whole text is one value; NULL when it is not. */
static cJSON *parse_whole(const char *text, size_t n)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, n, &end, false);

    while (json && end < text + n && *end && strchr(" \t\r\n", *end))
        end++;
    if (json && end == text + n)
        return json;
    cJSON_Delete(json);
    return NULL;
}

int etcd_value_read(struct etcd_value *v, const char *text, size_t n, char err[P2P_ERRLEN])
{
    cJSON *json = n <= ETCD_MOST_VALUE ? parse_whole(text, n) : NULL;
    int rc = -1;

    memset(v, 0, sizeof(*v));
    if (n > ETCD_MOST_VALUE)
        snprintf(err, P2P_ERRLEN, "its value has %zu bytes; at most %d are read", n,
                 ETCD_MOST_VALUE);
    else if (!cJSON_IsObject(json))
        snprintf(err, P2P_ERRLEN, "its value is no JSON object");
    else if (read_label(json, "id", false, v->id, sizeof(v->id), err) == 0 &&
             read_label(json, "group", true, v->group, sizeof(v->group), err) == 0 &&
             read_label(json, "version", true, v->version, sizeof(v->version), err) == 0 &&
             read_address(json, &v->endpoint, err) == 0 && read_slots(json, &v->slots, err) == 0)
        rc = read_functions(json, v, err);
    cJSON_Delete(json);
    if (rc)
        etcd_value_release(v);
    return rc;
}

void etcd_value_release(struct etcd_value *v)
{
    free(v->functions);
    memset(v, 0, sizeof(*v));
}
