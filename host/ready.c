#include "host/ready.h"

#include <curl/curl.h>
#include <string.h>

static const long PATIENCE_MS = 3000;

static size_t drop(char *data, size_t size, size_t n, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * n;
}

/* Where a node that listens on this address is reached from here. */
static const char *reached_at(const char *listen)
{
    if (strcmp(listen, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(listen, "::") == 0 ? "::1" : listen;
}

int ready_ask(const struct config *c, char err[P2P_ERRLEN])
{
    struct endpoint at;
    char url[sizeof(at.text) + 32];
    CURL *curl = NULL;
    CURLcode rc;
    long status = 0;
    int result = -1;

    if (endpoint_parse(&at, reached_at(c->node.listen), (uint16_t)c->node.port, err))
        goto end;
    curl = curl_easy_init();
    if (!curl) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        goto end;
    }
    snprintf(url, sizeof(url), "http://%s/readyz", at.text);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, PATIENCE_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (rc)
        snprintf(err, P2P_ERRLEN, "%s: %s", url, curl_easy_strerror(rc));
    else if (status != 200)
        snprintf(err, P2P_ERRLEN, "%s: answered %ld", url, status);
    else
        result = 0;
end:
    curl_easy_cleanup(curl);
    return result;
}
