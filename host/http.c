#include "host/http.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { HTTP_KEEP = 4 << 10, HTTP_TARGET_MAX = 64 << 10 };

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

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Eight bytes at a time: this sees every byte of every header. */
static bool is_clean(const char *text, size_t len)
{
    static const uint64_t ones = 0x0101010101010101, high = ones * 0x80;

    for (; len >= 8; text += 8, len -= 8) {
        uint64_t w, below_blank, delete;

        memcpy(&w, text, 8);
        below_blank = (w - ones * 0x20) & ~w & high;
        delete = ((w ^ ones * 0x7f) - ones) & ~(w ^ ones * 0x7f) & high;
        if (!(below_blank | delete))
            continue;
        for (size_t i = 0; i < 8; i++)
            if (is_control((unsigned char)text[i]))
                return false;
    }
    for (size_t i = 0; i < len; i++)
        if (is_control((unsigned char)text[i]))
            return false;
    return true;
}

/* RFC 9110, 5.6.2: what a name may be made of. */
static bool is_token(const char *text, size_t len)
{
    static const bool allowed[256] = {
        ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
        ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
        ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
        ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
        ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
        ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
        ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
        ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
        ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
        ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1};

    for (size_t i = 0; i < len; i++)
        if (!allowed[(unsigned char)text[i]])
            return false;
    return len > 0;
}

int headers_put(struct headers *h, const char *name, size_t name_len, const char *value,
                size_t value_len)
{
    size_t total = name_len + value_len + 2;
    char *at;

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

int headers_addn(struct headers *h, const char *name, size_t name_len, const char *value,
                 size_t value_len)
{
    if (!is_token(name, name_len) || !is_clean(value, value_len))
        return -1;
    return headers_put(h, name, name_len, value, value_len);
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

void headers_remove(struct headers *h, const char *wanted, size_t len)
{
    size_t from = 0, to = 0, at = 0;
    const char *name, *value;

    while (headers_next(h, &at, &name, &value)) {
        bool out = strncasecmp(name, wanted, len) == 0 && name[len] == '\0';

        if (!out && to != from)
            memmove(h->text.data + to, h->text.data + from, at - from);
        if (out)
            h->count--;
        else
            to += at - from;
        from = at;
    }
    h->text.len = to;
}

void headers_remove_nominated(struct headers *h, const char *connection)
{
    static const char between[] = ", \t";

    while (*(connection += strspn(connection, between))) {
        size_t n = strcspn(connection, between);

        headers_remove(h, connection, n);
        connection += n;
    }
}

const char *headers_get(const struct headers *h, const char *wanted)
{
    size_t len = strlen(wanted), at = 0;

    while (at < h->text.len) {
        const char *name = h->text.data + at;
        size_t name_len = strlen(name);
        const char *value = name + name_len + 1;

        if (name_len == len && strcasecmp(name, wanted) == 0)
            return value;
        at += name_len + 1 + strlen(value) + 1;
    }
    return NULL;
}

bool header_is_hop_by_hop(const char *name, size_t len)
{
    static const struct {
        const char *name;
        size_t len;
    } list[] = {
        {"Connection", 10},
        {"Content-Length", 14},
        {"Expect", 6},
        {"Keep-Alive", 10},
        {"Proxy-Authenticate", 18},
        {"Proxy-Authorization", 19},
        {"Proxy-Connection", 16},
        {"TE", 2},
        {"Trailer", 7},
        {"Transfer-Encoding", 17},
        {"Upgrade", 7},
    };

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        if (len == list[i].len && strncasecmp(name, list[i].name, len) == 0)
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
    r->client = NULL;
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

void http_address(const struct sockaddr *client, char out[HTTP_ADDRESS])
{
    out[0] = '\0';
    if (client && client->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)client)->sin_addr, out,
                  HTTP_ADDRESS);
    else if (client && client->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)client)->sin6_addr, out,
                  HTTP_ADDRESS);
}

bool http_is_target(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    return true;
}

const char *const http_methods[HTTP_METHODS] = {"GET", "POST", "PUT", "DELETE", "PATCH"};

const char *http_method(const char *name)
{
    for (size_t i = 0; i < HTTP_METHODS; i++)
        if (strcmp(name, http_methods[i]) == 0)
            return http_methods[i];
    return NULL;
}
