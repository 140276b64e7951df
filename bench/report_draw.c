#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report_private.h"
#include "sim/plot.h"

enum { WIDTH = 760 };

static const char style[] = "set border 3 lc rgb \"#8a8f98\"\n"
                            "set tics nomirror out textcolor rgb \"black\"\n"
                            "set grid lt 1 lw 0.5 lc rgb \"#c4c8ce\"\n"
                            "set key outside top left horizontal Left reverse samplen 3\n"
                            "set tmargin 2\n";

static int write_script(const char *path, const struct report_data *d, const struct report_chart *c,
                        char err[P2P_ERRLEN])
{
    FILE *f = fopen(path, "we");
    unsigned height = report_chart_height(d, c);
    bool bad;

    if (f) {
        fprintf(f,
                "set encoding utf8\n"
                "set terminal svg size %u,%u dynamic noenhanced font \"sans-serif,13\"\n"
                "set output \"%s.svg\"\n%s",
                WIDTH, height, c->stem, style);
        c->script(f, d);
        fprintf(f,
                "set terminal pngcairo size %u,%u noenhanced font \"sans,13\" fontscale 2 "
                "linewidth 2 pointscale 2\nset output \"%s.png\"\nreplot\n",
                2 * WIDTH, 2 * height, c->stem);
    }
    bad = !f || ferror(f);
    if ((f && fclose(f)) || bad) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", path, strerror(errno));
        return -1;
    }
    return 0;
}

int report_chart_draw(const char *folder, const struct report_data *d, const struct report_chart *c,
                      char err[P2P_ERRLEN])
{
    char figures[4096], script[64], path[4200];

    snprintf(figures, sizeof(figures), "%s/figures", folder);
    if (mkdir(figures, 0777) && errno != EEXIST) {
        snprintf(err, P2P_ERRLEN, "%.180s: %s", figures, strerror(errno));
        return -1;
    }
    snprintf(script, sizeof(script), "%s.gp", c->stem);
    snprintf(path, sizeof(path), "%s/%s", figures, script);
    return write_script(path, d, c, err) || plot_run(figures, script, err) ? -1 : 0;
}

void report_charts_clear(const char *folder)
{
    static const char *const kinds[] = {"gp", "svg", "png"};
    char path[4200];

    for (unsigned i = 0; i < report_n_charts; i++)
        for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            snprintf(path, sizeof(path), "%s/figures/%s.%s", folder, report_charts[i].stem,
                     kinds[k]);
            unlink(path);
        }
}
