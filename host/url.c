#include "host/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/http.h"

/* 0, or -1 when it is not there or does not fit. */
static int get(CURLU *from, CURLUPart part, unsigned flags, char *out, size_t size)
{
    char *text = NULL;
    int n = -1;

    if (curl_url_get(from, part, &text, flags) == CURLUE_OK)
        n = snprintf(out, size, "%s", text);
    curl_free(text);
    return n >= 0 && (size_t)n < size ? 0 : -1;
}

static bool has(CURLU *from, CURLUPart part)
{
    char *text = NULL;
    bool is_there = curl_url_get(from, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return is_there;
}

static void set_authority(struct url *u)
{
    const char *open = strchr(u->host, ':') ? "[" : "", *close = open[0] ? "]" : "";

    if (u->port == (u->tls ? 443 : 80))
        snprintf(u->authority, sizeof(u->authority), "%s%s%s", open, u->host, close);
    else
        snprintf(u->authority, sizeof(u->authority), "%s%s%s:%u", open, u->host, close, u->port);
}

/* What is wrong, or NULL. */
static const char *read_parts(CURLU *from, struct url *u)
{
    char scheme[16], port[8];
    size_t n;

    if (get(from, CURLUPART_SCHEME, 0, scheme, sizeof(scheme)) ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return "it does not begin with http:// or https://";
    if (has(from, CURLUPART_USER) || has(from, CURLUPART_PASSWORD))
        return "it has a user or a password";
    if (has(from, CURLUPART_QUERY) || has(from, CURLUPART_FRAGMENT))
        return "it has a query or a fragment";
    if (has(from, CURLUPART_ZONEID))
        return "it has a zone";
    u->tls = scheme[4] == 's';
    if (get(from, CURLUPART_HOST, 0, u->host, sizeof(u->host)) || !u->host[0])
        return "it has no host, or one that is too long";
    if (get(from, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof(port)) ||
        !(u->port = (uint16_t)strtoul(port, NULL, 10)))
        return "it has no port from 1 to 65535";
    if (get(from, CURLUPART_PATH, 0, u->path, sizeof(u->path)) ||
        !http_is_target(u->path, strlen(u->path)))
        return "its path is longer than 1023 bytes, or has blanks";
    n = strlen(u->host);
    if (u->host[0] == '[') {
        memmove(u->host, u->host + 1, n - 2);
        u->host[n - 2] = '\0';
    }
    set_authority(u);
    return NULL;
}

int url_parse(struct url *u, const char *text, char err[P2P_ERRLEN])
{
    CURLU *parsed = curl_url();
    const char *why = "out of memory";
    CURLUcode code;

    memset(u, 0, sizeof(*u));
    if (parsed) {
        code = curl_url_set(parsed, CURLUPART_URL, text, CURLU_PATH_AS_IS);
        why = code == CURLUE_OK ? read_parts(parsed, u) : curl_url_strerror(code);
    }
    curl_url_cleanup(parsed);
    if (!why)
        return 0;
    snprintf(err, P2P_ERRLEN, "'%.80s': %s; allowed: as in http://10.0.0.3:8080/path", text, why);
    return -1;
}
