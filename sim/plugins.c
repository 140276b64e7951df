#include "sim/plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"

/* malloc'ed. */
static char *find(const char *given, const struct scenario *s)
{
    const char *folder = given ? given : s->plugins;
    char *installed = given ? NULL : path_expand("${LIB}/plugins", PATH_MAX);

    if (installed && access(folder, R_OK) && access(installed, R_OK) == 0)
        return installed;
    free(installed);
    return strdup(folder);
}

int sim_plugins_open(struct sim_plugins *p, const char *folder, const struct scenario *s,
                     char err[P2P_ERRLEN])
{
    const char *tmp = getenv("TMPDIR");

    p->catalog = NULL;
    p->copies[0] = '\0';
    p->folder = find(folder, s);
    if (!p->folder) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        return -1;
    }
    snprintf(p->copies, sizeof(p->copies), "%s/p2pfaas-sim-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(p->copies)) {
        snprintf(err, P2P_ERRLEN, "%.200s: cannot be made; set TMPDIR to a folder for it",
                 p->copies);
        p->copies[0] = '\0';
        return -1;
    }
    p->catalog = catalog_new(p->folder, p->copies, err);
    return p->catalog && catalog_scan(p->catalog, NULL, NULL, err) >= 0 ? 0 : -1;
}

void sim_plugins_close(struct sim_plugins *p)
{
    if (p->catalog)
        catalog_free(p->catalog); /* and the folder */
    else if (p->copies[0])
        rmdir(p->copies);
    free(p->folder);
}
