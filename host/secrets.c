#include "host/secrets.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/whole_file.h"

int secrets_init(struct secrets *s, const struct config *c, char err[P2P_ERRLEN])
{
    bool failed;

    s->folder = config_data_path(c, "secrets", &failed);
    if (failed)
        snprintf(err, P2P_ERRLEN, "out of memory");
    return failed ? -1 : 0;
}

void secrets_release(struct secrets *s)
{
    free(s->folder);
    s->folder = NULL;
}

/* Names of functions are names of files too.  What is not yet whole is no secret. */
bool secret_is_name(const char *name)
{
    size_t n = strlen(name), end = strlen(WHOLE_FILE_ASIDE);

    return config_is_function_name(name) &&
           !(n >= end && strcmp(name + n - end, WHOLE_FILE_ASIDE) == 0);
}

static char *path_of(const struct secrets *s, const char *name)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", s->folder, name) < 0 ? NULL : path;
}

bool secret_exists(const struct secrets *s, const char *name)
{
    char *path = path_of(s, name);
    bool exists = path && access(path, F_OK) == 0;

    free(path);
    return exists;
}

int secret_write(const struct secrets *s, const char *name, const void *value, size_t n,
                 char err[P2P_ERRLEN])
{
    char *path = path_of(s, name);
    int rc = -1;

    if (!path)
        snprintf(err, P2P_ERRLEN, "out of memory");
    else if (whole_file_folder(s->folder, err) == 0)
        rc = whole_file_write(path, value, n, 0444, err);
    free(path);
    return rc;
}

int secret_remove(const struct secrets *s, const char *name, char err[P2P_ERRLEN])
{
    char *path = path_of(s, name);
    int rc = -1;

    if (path)
        rc = whole_file_remove(path, err);
    else
        snprintf(err, P2P_ERRLEN, "out of memory");
    free(path);
    return rc;
}

int secrets_each(const struct secrets *s, void (*each)(void *ctx, const char *name), void *ctx,
                 char err[P2P_ERRLEN])
{
    struct dirent **files;
    int n = scandir(s->folder, &files, NULL, alphasort);

    if (n < 0 && errno == ENOENT)
        return 0;
    if (n < 0) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", s->folder, strerror(errno));
        return -1;
    }
    for (int i = 0; i < n; i++) {
        if (secret_is_name(files[i]->d_name))
            each(ctx, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    return 0;
}
