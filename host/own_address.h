/*
 * own_address.h - the address of this machine that others are likely to reach it by.
 */
#ifndef HOST_OWN_ADDRESS_H
#define HOST_OWN_ADDRESS_H

#include <netinet/in.h>
#include <p2pfaas/plugin.h>

/* The one from which it would reach another network: that of the default route's interface.
 * Without such a route, its only one besides loopback.  IPv4 before IPv6.  Numeric; 0, or -1
 * with a reason when there is none or several could be meant.  Sends nothing.  [any thread] */
int own_address(char out[INET6_ADDRSTRLEN], char err[P2P_ERRLEN]);

#endif
