#include "host/http.h"

#include <string.h>
#include <strings.h>

enum { HTTP_KEEP = 64 << 10, HTTP_TARGET_MAX = 64 << 10 };

void headers_init(struct headers *h, size_t limit)
{
    buf_init(&h->text, limit);
    h->count = 0;
}

void headers_clear(struct headers *h)
{
    buf_clear(&h->text);
    h->count = 0;
}

void headers_release(struct headers *h)
{
    buf_release(&h->text);
    h->count = 0;
}

static bool is_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

int headers_addn(struct headers *h, const char *name, size_t name_len, const char *value,
                 size_t value_len)
{
    size_t total = name_len + value_len + 2;
    char *at;

    if (name_len == 0 || !is_clean(name, name_len) || !is_clean(value, value_len))
        return -1;
    if (buf_reserve(&h->text, total))
        return -1;
    at = h->text.data + h->text.len;
    memcpy(at, name, name_len);
    at[name_len] = '\0';
    if (value_len)
        memcpy(at + name_len + 1, value, value_len);
    at[total - 1] = '\0';
    h->text.len += total;
    h->count++;
    return 0;
}

int headers_add(struct headers *h, const char *name, const char *value)
{
    return headers_addn(h, name, strlen(name), value, strlen(value));
}

bool headers_next(const struct headers *h, size_t *at, const char **name, const char **value)
{
    if (*at >= h->text.len)
        return false;
    *name = h->text.data + *at;
    *value = *name + strlen(*name) + 1;
    *at = (size_t)(*value - h->text.data) + strlen(*value) + 1;
    return true;
}

const char *headers_get(const struct headers *h, const char *wanted)
{
    const char *name, *value;
    size_t at = 0;

    while (headers_next(h, &at, &name, &value))
        if (strcasecmp(name, wanted) == 0)
            return value;
    return NULL;
}

bool header_is_hop_by_hop(const char *name, size_t len)
{
    static const char *const list[] = {
        "Connection",
        "Content-Length",
        "Expect",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    };

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        if (strncasecmp(name, list[i], len) == 0 && list[i][len] == '\0')
            return true;
    return false;
}

void http_request_init(struct http_request *r, const struct http_limits *limits)
{
    *r = (struct http_request){.method = "GET"};
    buf_init(&r->target, HTTP_TARGET_MAX);
    headers_init(&r->headers, limits->headers);
    buf_init(&r->body, limits->body);
}

void http_request_clear(struct http_request *r)
{
    r->method = "GET";
    r->client[0] = '\0';
    buf_clear(&r->target);
    headers_clear(&r->headers);
    buf_trim(&r->body, HTTP_KEEP);
    buf_clear(&r->body);
}

void http_request_release(struct http_request *r)
{
    buf_release(&r->target);
    headers_release(&r->headers);
    buf_release(&r->body);
}

void http_response_init(struct http_response *r, const struct http_limits *limits)
{
    r->status = 0;
    headers_init(&r->headers, limits->headers);
    buf_init(&r->body, limits->body);
}

void http_response_clear(struct http_response *r)
{
    r->status = 0;
    headers_clear(&r->headers);
    buf_trim(&r->body, HTTP_KEEP);
    buf_clear(&r->body);
}

void http_response_release(struct http_response *r)
{
    headers_release(&r->headers);
    buf_release(&r->body);
}

const char *http_method(const char *name)
{
    static const char *const list[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        if (strcmp(name, list[i]) == 0)
            return list[i];
    return NULL;
}
