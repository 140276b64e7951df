#include "host/own_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Addresses of documentation (RFC 5737, RFC 3849): beyond every network but by the default
 * route.  A datagram socket that is connected only asks for the route. */
static const char *const elsewhere[] = {"192.0.2.1", "2001:db8::1"};
static const int families[] = {AF_INET, AF_INET6};
enum { FAMILIES = 2, PORT = 9 };

static void write_text(const struct sockaddr *a, char out[INET6_ADDRSTRLEN])
{
    const void *ip = a->sa_family == AF_INET
                         ? (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr
                         : &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

    inet_ntop(a->sa_family, ip, out, INET6_ADDRSTRLEN);
}

static bool by_route(int family, const char *to, char out[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
    socklen_t length = sizeof(a);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = false;

    if (fd < 0)
        return false;
    if (family == AF_INET) {
        v4->sin_port = htons(PORT);
        inet_pton(family, to, &v4->sin_addr);
    } else {
        v6->sin6_port = htons(PORT);
        inet_pton(family, to, &v6->sin6_addr);
    }
    if (connect(fd, (struct sockaddr *)&a, length) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &length) == 0) {
        write_text((struct sockaddr *)&a, out);
        found = true;
    }
    close(fd);
    return found;
}

static bool can_be_meant(const struct ifaddrs *i, int family)
{
    if (!i->ifa_addr || i->ifa_addr->sa_family != family || !(i->ifa_flags & IFF_UP) ||
        (i->ifa_flags & IFF_LOOPBACK))
        return false;
    /* Of a link only: it means nothing without the interface. */
    return family != AF_INET6 ||
           !IN6_IS_ADDR_LINKLOCAL(
               &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr);
}

/* How many there are; with the first in `out`, and the second in `other`. */
static unsigned by_interface(int family, char out[INET6_ADDRSTRLEN], char other[INET6_ADDRSTRLEN])
{
    struct ifaddrs *all = NULL;
    unsigned n = 0;

    if (getifaddrs(&all))
        return 0;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        if (can_be_meant(i, family) && n++ < 2)
            write_text(i->ifa_addr, n == 1 ? out : other);
    freeifaddrs(all);
    return n;
}

int own_address(char out[INET6_ADDRSTRLEN], char err[P2P_ERRLEN])
{
    char other[INET6_ADDRSTRLEN] = "";

    for (int i = 0; i < FAMILIES; i++)
        if (by_route(families[i], elsewhere[i], out))
            return 0;
    for (int i = 0; i < FAMILIES; i++) {
        unsigned n = by_interface(families[i], out, other);

        if (n == 1)
            return 0;
        if (n > 1) {
            snprintf(err, P2P_ERRLEN,
                     "there is no default route, and this machine has several addresses; allowed: "
                     "one of them, as in %s or %s",
                     out, other);
            return -1;
        }
    }
    snprintf(err, P2P_ERRLEN, "this machine has no address but loopback; allowed: a numeric one");
    return -1;
}
