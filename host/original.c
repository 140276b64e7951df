#include "host/original.h"

#include <cjson/cJSON.h>
#include <gnutls/gnutls.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/utf8.h"

enum { TEXT_MOST = 4096, MOST_HOPS = 1000000, REFUSED = 400, REJECTED = 401 };
static const double MOST_SECONDS = 1e9;

size_t original_limit(size_t n)
{
    return n / 3 * 4 + ORIGINAL_SLACK;
}

/* ---- base64 ---- */

/* In pieces, so that no second copy of the whole is made; their length leaves padding
 * to the last. */
static int put_base64(struct buf *out, const struct buf *bytes)
{
    enum { PIECE = 48 << 10 };

    for (size_t at = 0; at < bytes->len; at += PIECE) {
        size_t n = bytes->len - at < PIECE ? bytes->len - at : PIECE;
        gnutls_datum_t in = {(unsigned char *)bytes->data + at, (unsigned)n}, text;
        int rc = gnutls_base64_encode2(&in, &text);

        if (rc)
            return -1;
        rc = buf_append(out, text.data, text.size);
        gnutls_free(text.data);
        if (rc)
            return -1;
    }
    return 0;
}

static int digit(unsigned char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* The last group, of two or three digits and as many pads as it lacks; returns where it
 * ends, or NULL when it is none. */
static const char *take_tail(struct buf *out, uint32_t group, unsigned have, const char *text)
{
    unsigned missing = 4 - have, found = 0;

    for (; found < missing && *text && strchr("=\r\n", *text); text++)
        found += *text == '=';
    if (have < 2 || found < missing)
        return NULL;
    group <<= 6 * missing;
    out->data[out->len++] = (char)(group >> 16);
    if (have == 3)
        out->data[out->len++] = (char)(group >> 8);
    return text;
}

/* Appends what whole groups of four say up to the first that is wrong; *clean tells
 * whether that was the end.  Line ends are skipped.  -1 past the limit. */
static int take_base64(struct buf *out, const char *text, bool *clean)
{
    size_t n = strlen(text), pads = 0;
    uint32_t group = 0;
    unsigned have = 0;

    *clean = false;
    if (n > 0 && n % 4 == 0)
        pads = (text[n - 1] == '=') + (text[n - 2] == '=');
    if (buf_reserve(out, n / 4 * 3 - pads))
        return -1;
    for (; *text && *text != '='; text++) {
        int d = digit((unsigned char)*text);

        if (*text == '\r' || *text == '\n')
            continue;
        if (d < 0)
            return 0;
        group = group << 6 | (uint32_t)d;
        if (++have == 4) {
            out->data[out->len++] = (char)(group >> 16);
            out->data[out->len++] = (char)(group >> 8);
            out->data[out->len++] = (char)group;
            have = 0;
        }
    }
    if (have)
        text = take_tail(out, group, have, text);
    *clean = text && text[strspn(text, "\r\n")] == '\0';
    return 0;
}

/* ---- JSON ---- */

static cJSON *parse(const struct buf *json)
{
    const char *end = NULL;
    cJSON *root = json->len ? cJSON_ParseWithLengthOpts(json->data, json->len, &end, false) : NULL;

    if (!root)
        return NULL;
    while (end < json->data + json->len && strchr(" \t\r\n", *end) && *end)
        end++;
    if (end != json->data + json->len) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

/* NULL when it is not there or null, which are the same. */
static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItem(object, name);

    return cJSON_IsNull(value) ? NULL : value;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);

    return value ? value->valuestring : "";
}

static int put_string(struct buf *out, const char *text)
{
    char clean[TEXT_MOST];
    cJSON *string;
    char *quoted;
    int rc = -1;

    utf8_clean(clean, sizeof(clean), text);
    string = cJSON_CreateStringReference(clean);
    quoted = string ? cJSON_PrintUnformatted(string) : NULL;
    if (quoted)
        rc = buf_puts(out, quoted);
    cJSON_free(quoted);
    cJSON_Delete(string);
    return rc;
}

/* ---- a job ---- */

static bool is_whole(const cJSON *v)
{
    return cJSON_IsNumber(v) && isfinite(v->valuedouble) && v->valuedouble == floor(v->valuedouble);
}

static bool is_id(const cJSON *v)
{
    return is_whole(v) && v->valuedouble >= 0;
}

static bool is_text(const cJSON *v)
{
    return cJSON_IsString(v);
}

static bool is_list(const cJSON *v)
{
    return cJSON_IsArray(v);
}

static bool is_map(const cJSON *v)
{
    return cJSON_IsObject(v) || cJSON_IsArray(v);
}

static bool has_right_types(const cJSON *root)
{
    static const struct {
        const char *name;
        bool (*is_right)(const cJSON *v);
    } fields[] = {{"service_id_request", is_id}, {"service_id_tracing", is_text},
                  {"function_name", is_text},    {"hops", is_whole},
                  {"peers_list", is_list},       {"payload", is_text},
                  {"content_type", is_text},     {"headers", is_map}};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const cJSON *value = member(root, fields[i].name);

        if (value && !fields[i].is_right(value))
            return false;
    }
    return true;
}

enum original_result original_read_call(const struct buf *json, struct original_call *out,
                                        struct buf *payload)
{
    cJSON *root = parse(json);
    enum original_result result = ORIGINAL_MALFORMED;
    const cJSON *hops;
    const char *type;
    bool clean;

    *out = (struct original_call){.tracing_id = "", .function = "", .hops = 1};
    if (!cJSON_IsObject(root) && !cJSON_IsNull(root))
        goto end;
    if (!has_right_types(root))
        goto end;
    type = text_of(root, "content_type");
    if (strlen(type) >= sizeof(out->content_type))
        goto end;
    snprintf(out->content_type, sizeof(out->content_type), "%s", type);
    hops = member(root, "hops");
    if (hops && hops->valuedouble > 1)
        out->hops = hops->valuedouble < MOST_HOPS ? (uint32_t)hops->valuedouble : MOST_HOPS;
    result =
        take_base64(payload, text_of(root, "payload"), &clean) ? ORIGINAL_TOO_LARGE : ORIGINAL_OK;
end:
    cJSON_Delete(root);
    return result;
}

int original_write_call(struct buf *json, const struct original_call *call,
                        const struct buf *payload)
{
    if (buf_printf(json, "{\"service_id_request\":%llu,\"service_id_tracing\":",
                   (unsigned long long)call->id) ||
        put_string(json, call->tracing_id) || buf_puts(json, ",\"function_name\":") ||
        put_string(json, call->function) ||
        buf_printf(json, ",\"hops\":%u,\"peers_list\":null,\"payload\":\"", call->hops) ||
        put_base64(json, payload) || buf_puts(json, "\",\"content_type\":") ||
        put_string(json, call->content_type) || buf_puts(json, ",\"headers\":null}"))
        return -1;
    return 0;
}

/* ---- its answer ---- */

static double seconds_of(const cJSON *times, const char *name)
{
    const cJSON *value = member(times, name);

    return cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble < MOST_SECONDS
               ? value->valuedouble
               : -1;
}

static bool read_peer(const cJSON *from, struct original_peer *to)
{
    const cJSON *id = member(from, "machine_id"), *ip = member(from, "machine_ip");
    const cJSON *times = member(from, "timings");

    if (!cJSON_IsObject(from) || (id && !cJSON_IsString(id)) || (ip && !cJSON_IsString(ip)) ||
        (times && !cJSON_IsObject(times)))
        return false;
    utf8_clean(to->id, sizeof(to->id), id ? id->valuestring : "");
    utf8_clean(to->ip, sizeof(to->ip), ip ? ip->valuestring : "");
    to->times = (struct original_times){.execution = seconds_of(times, "execution_time"),
                                        .total = seconds_of(times, "total_time"),
                                        .scheduling = seconds_of(times, "scheduling_time"),
                                        .probing = seconds_of(times, "probing_time")};
    return true;
}

static const char *read_peers(const cJSON *list, struct original_reply *out)
{
    const cJSON *entry;

    if (!cJSON_IsArray(list) || !list->child)
        return "its answer has no peers_list";
    cJSON_ArrayForEach(entry, list)
    {
        if (out->n_peers == ORIGINAL_PEERS)
            return "the peers_list of its answer is longer than any way of a job";
        if (!read_peer(entry, &out->peer[out->n_peers++]))
            return "the peers_list of its answer has something else than nodes";
    }
    return NULL;
}

int original_read_reply(const struct buf *json, struct original_reply *out, struct buf *body,
                        char err[P2P_ERRLEN])
{
    cJSON *root = parse(json);
    const char *wrong = "its answer is not JSON, or cut";
    const cJSON *encoded;
    bool clean;

    out->n_peers = 0;
    if (!root)
        goto end;
    wrong = read_peers(member(root, "peers_list"), out);
    if (wrong)
        goto end;
    encoded = member(root, "body");
    if (encoded && !cJSON_IsString(encoded))
        wrong = "the body of its answer is no text";
    else if (take_base64(body, encoded ? encoded->valuestring : "", &clean))
        wrong = "the body of its answer is larger than the limit";
    else if (!clean)
        wrong = "the body of its answer is not base64";
end:
    cJSON_Delete(root);
    if (wrong)
        snprintf(err, P2P_ERRLEN, "%s", wrong);
    return wrong ? -1 : 0;
}

void original_seconds(char out[32], double seconds)
{
    int n = snprintf(out, 32, "%.9f", seconds < MOST_SECONDS ? seconds : MOST_SECONDS);

    while (n > 1 && out[n - 1] == '0')
        n--;
    if (n > 1 && out[n - 1] == '.')
        n--;
    out[n] = '\0';
}

static int put_seconds(struct buf *out, const char *name, double seconds, bool *first)
{
    char text[32];

    if (seconds < 0)
        return 0;
    original_seconds(text, seconds);
    if (buf_printf(out, "%s\"%s\":%s", *first ? "" : ",", name, text))
        return -1;
    *first = false;
    return 0;
}

static int put_peer(struct buf *out, const struct original_peer *p)
{
    const struct original_times *t = &p->times;
    bool first = true;

    return buf_puts(out, "{\"machine_id\":") || put_string(out, p->id) ||
                   buf_puts(out, ",\"machine_ip\":") || put_string(out, p->ip) ||
                   buf_puts(out, ",\"timings\":{") ||
                   put_seconds(out, "execution_time", t->execution, &first) ||
                   put_seconds(out, "total_time", t->total, &first) ||
                   put_seconds(out, "scheduling_time", t->scheduling, &first) ||
                   put_seconds(out, "probing_time", t->probing, &first) || buf_puts(out, "}}")
               ? -1
               : 0;
}

int original_write_reply(struct buf *json, const struct original_reply *reply,
                         const struct buf *body, int status)
{
    if (buf_puts(json, "{\"peers_list\":["))
        return -1;
    for (unsigned i = 0; i < reply->n_peers; i++)
        if ((i && buf_puts(json, ",")) || put_peer(json, &reply->peer[i]))
            return -1;
    return buf_puts(json, "],\"body\":\"") || put_base64(json, body) ||
                   buf_printf(json, "\",\"status_code\":%d}", status)
               ? -1
               : 0;
}

bool original_is_refusal(const struct original_reply *reply, const struct buf *body)
{
    cJSON *root;
    const cJSON *code;
    bool is;

    for (unsigned i = 0; i < reply->n_peers; i++)
        if (reply->peer[i].times.execution >= 0)
            return false;
    root = parse(body);
    code = member(root, "code");
    is = cJSON_IsNumber(code) && (code->valuedouble == REFUSED || code->valuedouble == REJECTED);
    cJSON_Delete(root);
    return is;
}
