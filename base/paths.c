#include "base/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of the running program. */
static void own_folder(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    char *slash;

    out[n > 0 ? n : 0] = '\0';
    slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
    else
        snprintf(out, size, ".");
}

char *path_expand(const char *text, size_t most)
{
    static const struct {
        const char *name, *tail;
    } known[] = {{"${BIN}", ""}, {"${LIB}", "/../lib/p2pfaas"}};
    enum { N = sizeof(known) / sizeof(known[0]) };
    char folder[2048], *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);

    if (!f)
        return NULL;
    own_folder(folder, sizeof(folder));
    while (*text && ftell(f) <= (long)most) {
        unsigned k = 0;

        while (k < N && strncmp(text, known[k].name, strlen(known[k].name)) != 0)
            k++;
        if (k == N) {
            fputc(*text++, f);
        } else {
            fprintf(f, "%s%s", folder, known[k].tail);
            text += strlen(known[k].name);
        }
    }
    if (fclose(f) || size > most) {
        free(out);
        return NULL;
    }
    return out;
}

char *path_beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    char *out;

    if (path[0] == '/' || !slash)
        return strdup(path);
    return asprintf(&out, "%.*s/%s", (int)(slash - file), file, path) < 0 ? NULL : out;
}
