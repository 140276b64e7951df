#include "remote_text.h"

#include <string.h>

/* ---- to the learner ---- */

size_t remote_write_state(char *out, const float *state, uint32_t n)
{
    size_t at = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        double v = (double)state[i];

        if (i)
            out[at++] = ',';
        if (v > -1e12 && v < 1e12) /* as the original, while that has its width */
            at += (size_t)snprintf(out + at, REMOTE_NUMBER, "%f", v);
        else
            at += (size_t)snprintf(out + at, REMOTE_NUMBER, "%.9g", v);
    }
    return at;
}

size_t remote_write_transition(char *out, size_t size, const struct p2p_transition *t,
                               uint32_t n_dims)
{
    size_t at = (size_t)snprintf(out, size, "{\"eid\":\"%llu\",\"state\":\"",
                                 (unsigned long long)t->episode);

    at += remote_write_state(out + at, t->state, n_dims);
    at += (size_t)snprintf(out + at, size - at, "\",\"action\":\"%u.0\",\"reward\":%.9g}",
                           t->action, (double)t->reward);
    return at;
}

/* ---- from the learner ---- */

static bool read_number(const char *text, size_t len, double *out)
{
    char copy[64];
    int end = 0;

    if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return sscanf(copy, "%lf %n", out, &end) == 1 && copy[end] == '\0';
}

bool remote_read_action(const void *body, uint64_t len, uint32_t *action)
{
    double value;

    /* Also false for what is no number. */
    if (!read_number(body, (size_t)len, &value) || !(value >= 0 && value < 64))
        return false;
    *action = (uint32_t)value;
    return value <= (double)*action;
}

static bool begins(const char *line, const char *name)
{
    for (; *name; line++, name++)
        if ((*line >= 'A' && *line <= 'Z' ? *line + ('a' - 'A') : *line) != *name)
            return false;
    return true;
}

float remote_read_epsilon(const char *headers)
{
    static const char name[] = "x-p2pfaas-eps:";

    for (const char *line = headers; *line;) {
        size_t len = strcspn(line, "\r\n");
        double value;

        if (begins(line, name)) {
            const char *from = line + sizeof(name) - 1;

            return read_number(from, len - (sizeof(name) - 1), &value) && value >= 0 && value <= 1
                       ? (float)value
                       : 0;
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return 0;
}

/* ---- where it is ---- */

int remote_read_url(const char *url, char *out, size_t size, char err[P2P_ERRLEN])
{
    static const char scheme[] = "http://";
    const char *host = url + sizeof(scheme) - 1;
    size_t len = strlen(url), n;

    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        goto bad;
    n = *host == '[' ? strspn(host, "[0123456789abcdefABCDEF:.]") : strspn(host, "0123456789.");
    if (n == 0 || (host[n] && !strchr(":/", host[n])) || strpbrk(url, " ?#\t\r\n"))
        goto bad;
    while (len && url[len - 1] == '/')
        len--;
    if (len >= size)
        goto bad;
    memcpy(out, url, len);
    out[len] = '\0';
    return 0;
bad:
    snprintf(err, P2P_ERRLEN,
             "url is '%.120s'; allowed: http:// and a numeric address, as in "
             "http://127.0.0.1:19020 or http://[::1]:19020",
             url);
    return -1;
}
