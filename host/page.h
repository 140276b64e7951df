/*
 * page.h - does the page of a site ask, and of which, by what its browser says.
 *
 * Only browsers send Origin and Sec-Fetch-Site, and pages cannot set them; a GET of a page may
 * come without both.  Host is as the page chose it: the owner of a name can have it lead to any
 * address (DNS rebinding), and his page is then of the same site as what is there.
 */
#ifndef HOST_PAGE_H
#define HOST_PAGE_H

#include <stdbool.h>

/* Fields of a request; NULL = it is not there. */
struct page_fields {
    const char *origin; /* Origin */
    const char *site;   /* Sec-Fetch-Site */
    const char *host;   /* Host */
};

bool page_asks(const struct page_fields *f);
/* Of a page of another site than that of Host. */
bool page_is_of_other_site(const struct page_fields *f);
/* Is it a numeric address or "localhost", with or without a port?  NULL is none. */
bool page_host_is_address(const char *host);

#endif
