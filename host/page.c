#include "host/page.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

bool page_asks(const struct page_fields *f)
{
    return f->origin || f->site;
}

bool page_is_of_other_site(const struct page_fields *f)
{
    const char *named = f->origin ? strstr(f->origin, "://") : NULL;

    if (f->site && strcmp(f->site, "same-origin") != 0 && strcmp(f->site, "none") != 0)
        return true;
    return f->origin && !(named && f->host && strcasecmp(named + 3, f->host) == 0);
}

bool page_host_is_address(const char *host)
{
    char name[INET6_ADDRSTRLEN];
    bool is_v6 = host && host[0] == '[';
    size_t n = host ? strcspn(host + is_v6, is_v6 ? "]" : ":") : 0;
    const char *port = host ? host + is_v6 + n : "";
    unsigned char address[sizeof(struct in6_addr)];

    if (is_v6 && *port++ != ']')
        return false;
    if (n == 0 || n >= sizeof(name) ||
        (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")])))
        return false;
    memcpy(name, host + is_v6, n);
    name[n] = '\0';
    return is_v6 ? inet_pton(AF_INET6, name, address) == 1
                 : strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1;
}
