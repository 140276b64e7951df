#include "bench/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report_private.h"

/* The page has its name only when all of it is written. */
static int write_page(const char *folder, const struct report_data *d, char failed[][P2P_ERRLEN],
                      char err[P2P_ERRLEN])
{
    char path[4096], unfinished[4096];
    FILE *f;
    bool bad;

    snprintf(path, sizeof(path), "%s/report.html", folder);
    snprintf(unfinished, sizeof(unfinished), "%s/report.html.part", folder);
    f = fopen(unfinished, "we");
    if (f)
        report_page(f, folder, d, failed);
    bad = !f || ferror(f);
    if ((f && fclose(f)) || bad || rename(unfinished, path)) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
        unlink(unfinished);
        return -1;
    }
    return 0;
}

int report_write(const char *folder, char *err, size_t size)
{
    struct report_data *d = calloc(1, sizeof(*d));
    char(*failed)[P2P_ERRLEN] = calloc(report_n_charts, sizeof(*failed));
    char why[P2P_ERRLEN] = "no memory", first[P2P_ERRLEN] = "";
    int rc = d && failed ? report_read(d, folder, why) : -1;

    if (rc == 0)
        report_charts_clear(folder);
    for (unsigned i = 0; rc == 0 && i < report_n_charts; i++) {
        const struct report_chart *c = &report_charts[i];

        if (!c->lacks(d) && report_chart_draw(folder, d, c, failed[i]) && !first[0])
            memcpy(first, failed[i], sizeof(first));
    }
    if (rc == 0)
        rc = write_page(folder, d, failed, why);
    if (rc == 0 && first[0])
        rc = 1;
    if (rc)
        snprintf(err, size, "%s", rc > 0 ? first : why);
    if (d)
        report_data_release(d);
    free(d);
    free(failed);
    return rc;
}
