/*
 * deployments_file.c - deployments in files, one a function.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/whole_file.h"
#include "host/deployments.h"
#include "host/log.h"

#define SUFFIX ".json"

/* Controls become six bytes each in JSON. */
enum { MOST_FILE = 4 * DEPLOYMENT_MOST, DATES = 256 };

static char *path_of(const struct deployments *d, const char *name, const char *suffix)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s%s", d->folder, name, suffix) < 0 ? NULL : path;
}

int deployments_write(const struct deployments *d, const char *name, const struct shared_config *c,
                      char err[P2P_ERRLEN])
{
    char *path = path_of(d, name, SUFFIX), *text = c ? cJSON_PrintUnformatted(c->deployment) : NULL;
    int rc = -1;

    if (!path || (c && !text)) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        goto end;
    }
    if (!c)
        rc = whole_file_remove(path, err);
    else if (whole_file_folder(d->folder, err) == 0)
        rc = whole_file_write(path, text, strlen(text), 0600, err);
end:
    cJSON_free(text);
    free(path);
    return rc;
}

bool deployments_fit(const struct shared_config *c, char err[P2P_ERRLEN])
{
    char *text = cJSON_PrintUnformatted(c->deployment);
    size_t n = text ? strlen(text) : 0;

    cJSON_free(text);
    if (!text)
        snprintf(err, P2P_ERRLEN, "out of memory");
    else if (n > MOST_FILE - DATES)
        snprintf(err, P2P_ERRLEN, "the deployment becomes %zu bytes of JSON; allowed: %d", n,
                 MOST_FILE - DATES);
    return text && n <= MOST_FILE - DATES;
}

static struct shared_config *parse(const char *text, size_t size, const char *name,
                                   const struct deployment_place *at, char err[P2P_ERRLEN])
{
    cJSON *json = cJSON_ParseWithLength(text, size);
    struct shared_config *c = NULL;

    if (json)
        c = deployment_kept(json, at, err);
    else
        snprintf(err, P2P_ERRLEN, "it is not JSON");
    cJSON_Delete(json);
    if (!c || strcmp(c->config.function[0].name, name) == 0)
        return c;
    snprintf(err, P2P_ERRLEN, "its service is '%s', not as the file is called",
             c->config.function[0].name);
    shared_config_unref(c);
    return NULL;
}

/* NULL when it is wrong, and then it is kept aside; or when it cannot be read now. */
static struct shared_config *read_one(const struct deployments *d, const char *name,
                                      const struct deployment_place *at)
{
    char *path = path_of(d, name, SUFFIX), *aside = path_of(d, name, SUFFIX ".bad");
    char *text = NULL, err[P2P_ERRLEN] = "out of memory";
    struct shared_config *c = NULL;
    bool is_wrong = false;
    size_t size;

    if (path && !config_is_function_name(name)) {
        snprintf(err, sizeof(err), "its name is none of a function");
        is_wrong = true;
    } else if (path && (text = whole_file_read(path, MOST_FILE, &size, err))) {
        errno = 0;
        c = parse(text, size, name, at, err);
        is_wrong = !c && errno != ENOMEM;
    }
    free(text);
    if (!c)
        log_event(LOG_ERROR, "a deployed function cannot be read", LOG_STR("function", name),
                  LOG_STR("why", err),
                  LOG_STR("kept", is_wrong && aside && rename(path, aside) == 0 ? aside : ""));
    free(path);
    free(aside);
    return c;
}

/* The part of a file's name before the suffix; NULL when it has another one. */
static char *stem_of(const char *file, const char *suffix)
{
    size_t n = strlen(file), end = strlen(suffix);

    return n > end && strcmp(file + n - end, suffix) == 0 ? strndup(file, n - end) : NULL;
}

static void remove_unfinished(const struct deployments *d, const char *file)
{
    char *stem = stem_of(file, SUFFIX WHOLE_FILE_ASIDE);
    char *path = stem ? path_of(d, file, "") : NULL;

    if (path)
        unlink(path);
    free(path);
    free(stem);
}

int deployments_load(const struct deployments *d, const struct deployment_place *at,
                     struct function_offers *out, char err[P2P_ERRLEN])
{
    struct dirent **files;
    int n = d->folder ? scandir(d->folder, &files, NULL, alphasort) : -1, rc = 0;

    if (!d->folder || (n < 0 && errno == ENOENT))
        return 0; /* nothing was deployed yet */
    if (n < 0) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", d->folder, strerror(errno));
        return -1;
    }
    out->list = calloc((size_t)n, sizeof(struct shared_config *));
    if (!out->list) {
        snprintf(err, P2P_ERRLEN, "%.180s: out of memory", d->folder);
        rc = -1;
    }
    for (int i = 0; i < n; i++) {
        char *name = stem_of(files[i]->d_name, SUFFIX);
        struct shared_config *c = name && rc == 0 ? read_one(d, name, at) : NULL;

        if (c)
            out->list[out->n++] = c;
        if (!name)
            remove_unfinished(d, files[i]->d_name);
        free(name);
        free(files[i]);
    }
    free(files);
    return rc;
}
