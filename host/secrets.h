/*
 * secrets.h - what functions have to know and nobody else: node.data_dir/secrets/NAME, a file
 * a secret.  Only this user can enter the folder; in it everybody may read, since the user
 * of a container, for whom a file is mounted, is another one.
 */
#ifndef HOST_SECRETS_H
#define HOST_SECRETS_H

#include "host/config.h"

enum { SECRET_MOST = 1 << 20 /* bytes of one */ };

struct secrets {
    char *folder; /* absolute; NULL = none can be kept, for want of node.data_dir */
};

int secrets_init(struct secrets *s, const struct config *c, char err[P2P_ERRLEN]);
void secrets_release(struct secrets *s);

/* The rest is for the clerk; `folder` is not NULL, names are checked. */
/* May it be the name of one?  As those of functions. */
bool secret_is_name(const char *name);
bool secret_exists(const struct secrets *s, const char *name);
/* Each 0, or -1 with a reason. */
int secret_write(const struct secrets *s, const char *name, const void *value, size_t n,
                 char err[P2P_ERRLEN]);
int secret_remove(const struct secrets *s, const char *name, char err[P2P_ERRLEN]);
/* In the order of their names; a folder that is not there has none. */
int secrets_each(const struct secrets *s, void (*each)(void *ctx, const char *name), void *ctx,
                 char err[P2P_ERRLEN]);

#endif
