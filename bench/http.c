/* http.c - one HTTP call, blocking: libcurl. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench/cluster.h"

struct sink {
    char **text;
    size_t *len, cap;
};

static size_t collect(char *data, size_t size, size_t count, void *arg)
{
    struct sink *s = arg;
    size_t n = size * count;

    if (*s->len + n + 1 > s->cap) {
        size_t cap = 2 * (*s->len + n + 1);
        char *grown = realloc(*s->text, cap);

        if (!grown)
            return 0;
        *s->text = grown;
        s->cap = cap;
    }
    memcpy(*s->text + *s->len, data, n);
    *s->len += n;
    (*s->text)[*s->len] = '\0';
    return n;
}

void http_call(const struct request *rq, struct reply *out)
{
    size_t headers_len = 0;
    struct sink body = {&out->body, &out->len, 0}, headers = {&out->headers, &headers_len, 0};
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    CURL *easy = curl_easy_init();

    memset(out, 0, sizeof(*out));
    for (const char *const *h = rq->headers; h && *h; h++)
        list = curl_slist_append(list, *h);
    curl_easy_setopt(easy, CURLOPT_URL, rq->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((rq->timeout > 0 ? rq->timeout : 30) * 1e3));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, out->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &headers);
    if (rq->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, rq->body);
    }
    if (rq->method)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, rq->method);
    if (curl_easy_perform(easy) == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &out->status);
    curl_easy_cleanup(easy);
    curl_slist_free_all(list);
    if (!out->body)
        out->body = calloc(1, 1);
    if (!out->headers)
        out->headers = calloc(1, 1);
}

bool reply_header(const struct reply *r, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);

    for (const char *line = r->headers; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            const char *value = line + n + 1;

            value += strspn(value, " \t");
            snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value);
            return true;
        }
    }
    return false;
}

void reply_free(struct reply *r)
{
    free(r->body);
    free(r->headers);
    memset(r, 0, sizeof(*r));
}
