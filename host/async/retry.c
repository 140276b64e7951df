#include "host/async/retry.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t MOST_RETRY_AFTER_NS = UINT64_C(3600000000000);

int retry_codes_read(struct retry_codes *codes, const char *text, char err[P2P_ERRLEN])
{
    const char *at = text;

    memset(codes, 0, sizeof(*codes));
    while (*at) {
        size_t n = strspn(at, "0123456789");
        unsigned long code = n == 3 ? strtoul(at, NULL, 10) : 0;

        if (code < RETRY_LEAST_CODE || code > RETRY_MOST_CODE || (at[n] && at[n] != ','))
            goto fail;
        codes->bits[code / 64] |= UINT64_C(1) << code % 64;
        at += n;
        if (*at == ',' && !*++at)
            goto fail;
    }
    return 0;
fail:
    snprintf(err, P2P_ERRLEN,
             "'%.64s' is no list of HTTP statuses; allowed: as in 429,503, each from %d to %d",
             text, RETRY_LEAST_CODE, RETRY_MOST_CODE);
    return -1;
}

bool retry_codes_have(const struct retry_codes *codes, int status)
{
    return status >= RETRY_LEAST_CODE && status <= RETRY_MOST_CODE &&
           codes->bits[status / 64] & UINT64_C(1) << status % 64;
}

void retry_rules_merge(struct retry_rules *rules, const struct retry_own *own)
{
    struct retry_policy *p = &rules->policy;

    if (own->policy.attempts)
        p->attempts = own->policy.attempts;
    if (own->policy.min_wait_ns)
        p->min_wait_ns = own->policy.min_wait_ns;
    if (own->policy.max_wait_ns)
        p->max_wait_ns = own->policy.max_wait_ns;
    else if (p->max_wait_ns < own->policy.min_wait_ns)
        p->max_wait_ns = own->policy.min_wait_ns;
    if (own->has_codes)
        rules->codes = own->codes;
}

uint64_t retry_wait_ns(const struct retry_policy *p, unsigned made, double unit)
{
    uint64_t most = p->min_wait_ns;

    for (unsigned i = 1; i < made && most < p->max_wait_ns; i++)
        most *= 2; /* below twice max_wait, which is far from the end of the numbers */
    if (most > p->max_wait_ns)
        most = p->max_wait_ns;
    return (uint64_t)(unit * (double)most);
}

uint64_t retry_longest_ns(const struct retry_policy *p)
{
    return p->max_wait_ns > MOST_RETRY_AFTER_NS ? p->max_wait_ns : MOST_RETRY_AFTER_NS;
}

bool retry_after_ns(const char *text, time_t now, uint64_t *wait_ns)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t seconds;

    if (digits && !text[digits]) {
        errno = 0;
        seconds = strtoull(text, NULL, 10);
        if (errno)
            seconds = UINT64_MAX;
    } else {
        time_t until = curl_getdate(text, NULL);

        if (until < 0)
            return false;
        seconds = until > now ? (uint64_t)(until - now) : 0;
    }
    *wait_ns =
        seconds < MOST_RETRY_AFTER_NS / 1000000000 ? seconds * 1000000000 : MOST_RETRY_AFTER_NS;
    return true;
}
