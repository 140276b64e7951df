#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "host/upstream.h"

/* Splits "[host]:port", "host:port", "host" and bare IPv6. -1 when it cannot be. */
static int split(const char *text, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(text, ':'), *end = text + strlen(text);
    const char *from = text;

    *port = NULL;
    if (text[0] == '[') {
        end = strchr(text, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return -1;
        from = text + 1;
        if (end[1] == ':')
            *port = end + 2;
    } else if (colon && strchr(text, ':') == colon) {
        end = colon;
        *port = colon + 1;
    }
    if ((size_t)(end - from) >= size)
        return -1;
    memcpy(host, from, (size_t)(end - from));
    host[end - from] = '\0';
    return 0;
}

static int read_port(const char *text, uint16_t *out)
{
    unsigned long value = 0;

    if (!text)
        return 0;
    if (!*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
        return -1;
    value = strtoul(text, NULL, 10);
    if (value == 0 || value > 65535)
        return -1;
    *out = (uint16_t)value;
    return 0;
}

bool endpoint_is_bare(const char *text)
{
    struct in6_addr address;

    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

/* By its form; a number at its end would be that of an address (RFC 3696). */
static bool is_host_name(const char *host)
{
    static const char digits[] = "0123456789";
    const char *last = strrchr(host, '.');
    size_t n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    last = last ? last + 1 : host;
    return n > 0 && host[n] == '\0' && host[0] != '.' && host[0] != '-' && !strstr(host, "..") &&
           last[strspn(last, digits)] != '\0';
}

int endpoint_split_name(const char *text, uint16_t default_port, char host[ENDPOINT_HOST],
                        uint16_t *port)
{
    const char *port_text;

    *port = default_port;
    return text[0] == '[' || split(text, host, ENDPOINT_HOST, &port_text) ||
                   read_port(port_text, port) || !is_host_name(host)
               ? -1
               : 0;
}

int endpoint_parse(struct endpoint *e, const char *text, uint16_t default_port,
                   char err[P2P_ERRLEN])
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&e->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e->address;
    uint16_t port = default_port;
    char host[INET6_ADDRSTRLEN];
    const char *port_text;

    memset(e, 0, sizeof(*e));
    if (split(text, host, sizeof(host), &port_text) || read_port(port_text, &port))
        goto bad;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        e->length = sizeof(*v4);
        snprintf(e->text, sizeof(e->text), "%s:%u", host, port);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        e->length = sizeof(*v6);
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(e->text, sizeof(e->text), "[%s]:%u", host, port);
        return 0;
    }
bad:
    snprintf(err, P2P_ERRLEN,
             "'%.80s' is not a numeric address; allowed: 127.0.0.2, 127.0.0.2:18080, [::1]:18080",
             text);
    return -1;
}
