#include "host/runtimes/cgi.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/runtimes/spawn.h"
#include "host/version.h"

enum { ENVIRONMENT_MAX = 256 << 10 };

/* ---- environment ---- */

static int add(struct buf *text, const char *name, const char *value)
{
    return buf_puts(text, name) || buf_puts(text, "=") ||
           buf_append(text, value, strlen(value) + 1);
}

static int add_inherited(struct buf *text)
{
    for (const char *const *name = spawn_inherited; *name; name++) {
        const char *value = getenv(*name);

        if (value && add(text, *name, value))
            return -1;
    }
    return 0;
}

/* "X-Request-Id" as "HTTP_X_REQUEST_ID". */
static void variable_of(const char *header, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "HTTP_");

    for (; *header && n < size - 1; header++)
        out[n++] = isalnum((unsigned char)*header) ? (char)toupper((unsigned char)*header) : '_';
    out[n] = '\0';
}

static bool is_repeated(const struct headers *h, const char *name, size_t before)
{
    const char *other, *value;
    size_t at = 0;

    while (headers_next(h, &at, &other, &value) && at < before)
        if (strcasecmp(other, name) == 0)
            return true;
    return false;
}

/* A field that comes several times is one variable, its values joined. */
static int add_header(struct buf *text, const struct headers *h, const char *name, size_t from)
{
    const char *other, *value;
    const char *comma = "";
    char variable[256];
    size_t at = from;

    variable_of(name, variable, sizeof(variable));
    if (buf_puts(text, variable) || buf_puts(text, "="))
        return -1;
    while (headers_next(h, &at, &other, &value)) {
        if (strcasecmp(other, name) != 0)
            continue;
        if (buf_puts(text, comma) || buf_puts(text, value))
            return -1;
        comma = ", ";
    }
    return buf_append(text, "", 1);
}

static int add_headers(struct buf *text, const struct headers *h)
{
    const char *name, *value;
    size_t at = 0, before = 0;

    while (headers_next(h, &at, &name, &value)) {
        /* HTTP_PROXY would be taken for a setting by many a program (httpoxy);
         * the content's own two have names without HTTP_. */
        bool skip = strcasecmp(name, "Proxy") == 0 || strcasecmp(name, "Content-Type") == 0 ||
                    is_repeated(h, name, at);

        if (!skip && add_header(text, h, name, before))
            return -1;
        before = at;
    }
    return 0;
}

static void decode(char *text)
{
    char *to = text;

    for (; *text; text++) {
        unsigned code;

        if (*text == '%' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2]) &&
            sscanf(text + 1, "%2x", &code) == 1 && code != 0) {
            *to++ = (char)code;
            text += 2;
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

static int add_target(struct buf *text, const struct http_request *rq)
{
    const char *target = rq->target.len ? rq->target.data : "";
    size_t path = strcspn(target, "?");
    char *copy = strndup(target, path);
    int rc;

    if (!copy)
        return -1;
    decode(copy);
    rc = add(text, "PATH_INFO", copy) ||
         add(text, "QUERY_STRING", target[path] ? target + path + 1 : "");
    free(copy);
    return rc;
}

static int add_client(struct buf *text, const struct sockaddr *client)
{
    char address[HTTP_ADDRESS];

    http_address(client, address);
    return add(text, "REMOTE_ADDR", address);
}

static int add_request(struct buf *text, const struct function_config *f,
                       const struct http_request *rq)
{
    const char *type = headers_get(&rq->headers, "Content-Type");
    char script[96], length[32];

    snprintf(script, sizeof(script), "/function/%s", f->name);
    snprintf(length, sizeof(length), "%zu", rq->body.len);
    return add(text, "GATEWAY_INTERFACE", "CGI/1.1") || add(text, "SERVER_PROTOCOL", "HTTP/1.1") ||
           add(text, "SERVER_SOFTWARE", "p2pfaas/" P2PFAAS_VERSION) ||
           add(text, "REQUEST_METHOD", rq->method) || add(text, "SCRIPT_NAME", script) ||
           add(text, "FUNCTION_NAME", f->name) || add_target(text, rq) ||
           (type && add(text, "CONTENT_TYPE", type)) || add(text, "CONTENT_LENGTH", length) ||
           add_client(text, rq->client);
}

int cgi_build(struct cgi_environment *e, const struct function_config *f,
              const struct http_request *rq)
{
    size_t configured;
    char *text;

    buf_init(&e->text, ENVIRONMENT_MAX);
    buf_init(&e->pointers, ENVIRONMENT_MAX);
    if (add_inherited(&e->text) || add_request(&e->text, f, rq) ||
        add_headers(&e->text, &rq->headers))
        goto fail;
    configured = e->text.len;
    for (char **s = f->environment; s && *s; s++)
        if (buf_append(&e->text, *s, strlen(*s) + 1))
            goto fail;
    for (size_t at = 0; at < e->text.len; at += strlen(e->text.data + at) + 1) {
        text = e->text.data + at;
        if (at < configured && spawn_has_variable(f->environment, text))
            continue;
        if (buf_append(&e->pointers, &text, sizeof(text)))
            goto fail;
    }
    text = NULL;
    if (buf_append(&e->pointers, &text, sizeof(text)))
        goto fail;
    return 0;
fail:
    cgi_release(e);
    return -1;
}

const char *const *cgi_list(const struct cgi_environment *e)
{
    return (const char *const *)(const void *)e->pointers.data;
}

void cgi_release(struct cgi_environment *e)
{
    buf_release(&e->text);
    buf_release(&e->pointers);
}

/* ---- the answer's header lines ---- */

static int take_line(struct http_response *r, const char *line, size_t n, char *err)
{
    const char *colon = memchr(line, ':', n);
    const char *value = colon ? colon + 1 : NULL;
    size_t name_len = colon ? (size_t)(colon - line) : 0;

    while (value && value < line + n && (*value == ' ' || *value == '\t'))
        value++;
    if (!value || name_len == 0) {
        snprintf(err, P2P_ERRLEN, "its answer begins with '%.*s', which is no CGI header line",
                 (int)(n < 60 ? n : 60), line);
        return -1;
    }
    if (name_len == 6 && strncasecmp(line, "Status", 6) == 0) {
        int status = 0;

        for (int i = 0; i < 3 && value + i < line + n && isdigit((unsigned char)value[i]); i++)
            status = status * 10 + value[i] - '0';

        if (status < 200 || status > 599) {
            snprintf(err, P2P_ERRLEN, "its Status is not from 200 to 599");
            return -1;
        }
        r->status = status;
        return 0;
    }
    if (header_is_hop_by_hop(line, name_len))
        return 0;
    if (headers_addn(&r->headers, line, name_len, value, n - (size_t)(value - line))) {
        snprintf(err, P2P_ERRLEN, "its headers are too large or have control characters");
        return -1;
    }
    return 0;
}

int cgi_parse(struct http_response *r, char err[P2P_ERRLEN])
{
    const char *data = r->body.data;
    size_t at = 0;

    r->status = 200;
    for (;;) {
        const char *line = data + at;
        const char *end = at < r->body.len ? memchr(line, '\n', r->body.len - at) : NULL;
        size_t n;

        if (!end) {
            snprintf(err, P2P_ERRLEN, "its answer has no empty line after the CGI headers");
            return -1;
        }
        n = (size_t)(end - line);
        at += n + 1;
        n -= n > 0 && line[n - 1] == '\r';
        if (n == 0)
            break;
        if (take_line(r, line, n, err))
            return -1;
    }
    memmove(r->body.data, r->body.data + at, r->body.len - at);
    r->body.len -= at;
    return 0;
}
