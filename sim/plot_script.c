#include "sim/plot.h"

#include <math.h>
#include <string.h>

/* Okabe and Ito's colours, which people who are blind to some colours can tell apart, without
 * the yellow, which nobody sees on white. */
static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#E69F00", "#56B4E9", "#000000"};
static const unsigned points[] = {7, 5, 9, 11, 13, 4, 6, 8};
enum {
    COLOURS = sizeof(colours) / sizeof(colours[0]),
    POINTS = sizeof(points) / sizeof(points[0]),
    THEORY_STEPS = 200,
    WIDE_LABEL = 24, /* a legend with one goes below the figure */
};
static const double wide_range = 50; /* of x, from which on it is drawn by powers */

struct axis_scale {
    double factor;
    const char *unit; /* "" or " (ms)" */
};

struct frame {
    const struct plot_data *d;
    const struct plot_options *o;
    enum metric y;
    struct axis_scale x_scale, y_scale;
    double x_min, x_max; /* not scaled */
    bool x_log;
    bool bars;                      /* some interval is known */
    double run;                     /* mean run time, seconds: what theory counts in */
    bool has_theory[PLOT_THEORIES]; /* it says something of this metric */
    unsigned n_theories;            /* that do */
};

const char *const plot_format[PLOT_FORMATS] = {"png", "svg", "pdf"};

static struct axis_scale time_scale(double largest)
{
    if (largest >= 1)
        return (struct axis_scale){1, " (s)"};
    if (largest >= 1e-3)
        return (struct axis_scale){1e3, " (ms)"};
    return (struct axis_scale){1e6, " (µs)"};
}

static void measure(struct frame *f)
{
    const struct plot_data *d = f->d;
    double largest = 0, runs = 0;

    f->x_min = INFINITY;
    f->x_max = -INFINITY;
    for (unsigned i = 0; i < d->n_rows; i++) {
        f->x_min = fmin(f->x_min, d->row[i].x);
        f->x_max = fmax(f->x_max, d->row[i].x);
        largest = fmax(largest, d->row[i].value[f->y]);
        f->bars |= d->row[i].half[f->y] > 0;
        if (!isnan(d->row[i].value[METRIC_RUN])) {
            f->run += d->row[i].value[METRIC_RUN];
            runs++;
        }
    }
    f->run /= runs > 0 ? runs : 1;
    f->x_scale = d->x_kind == PLOT_DURATIONS ? time_scale(f->x_max) : (struct axis_scale){1, ""};
    f->x_log = d->x_kind != PLOT_CATEGORIES && f->x_min > 0 && f->x_max / f->x_min >= wide_range &&
               !strstr(d->axis[d->x], "time");
    switch (metric_info[f->y].unit) {
    case UNIT_SHARE:
        f->y_scale = (struct axis_scale){100, " (%)"};
        break;
    case UNIT_SECONDS:
        f->y_scale = time_scale(largest);
        break;
    case UNIT_RATE:
        f->y_scale = (struct axis_scale){1, " (jobs/s)"};
        break;
    default:
        f->y_scale = (struct axis_scale){1, ""};
    }
}

/* In double quotes; what gnuplot would take for its own is escaped, and a backquote, in which
 * it would run a command, becomes another quote. */
static void quoted(FILE *f, const char *text)
{
    putc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', f);
        putc(*text == '`' ? '\'' : *text == '\n' || *text == '\r' ? ' ' : *text, f);
    }
    putc('"', f);
}

/* A scheduler with its parameters is a map in the scenario, "{plugin: a, parameters: {b: 1}}":
 * shown as "a (b: 1)". */
static void shown(FILE *f, const char *text)
{
    static const char plugin[] = "{plugin: ", parameters[] = ", parameters: {";
    const char *more = strstr(text, parameters);
    size_t len = strlen(text);
    char out[256];

    if (strncmp(text, plugin, strlen(plugin)) != 0 || !more || strcmp(text + len - 2, "}}") != 0) {
        quoted(f, text);
        return;
    }
    text += strlen(plugin);
    more += strlen(parameters);
    snprintf(out, sizeof(out), "%.*s (%.*s)", (int)(more - strlen(parameters) - text), text,
             (int)strlen(more) - 2, more);
    quoted(f, out);
}

static unsigned widest_label(const struct frame *fr)
{
    size_t widest = strlen(fr->d->series_title);

    for (unsigned s = 0; s < fr->d->n_series; s++)
        widest = strlen(fr->d->series[s]) > widest ? strlen(fr->d->series[s]) : widest;
    for (unsigned t = 0; t < fr->o->n_theories; t++)
        if (fr->has_theory[t] && strlen(fr->o->theory[t].label) > widest)
            widest = strlen(fr->o->theory[t].label);
    return (unsigned)widest;
}

static void legend(FILE *f, const struct frame *fr)
{
    const struct plot_data *d = fr->d;

    if (d->n_series + fr->n_theories < 2) {
        fputs("set key off\n", f);
        return;
    }
    fprintf(f, "set key outside %s Left reverse samplen 2 spacing 1.2\n",
            widest_label(fr) > WIDE_LABEL ? "bottom center vertical maxrows 4"
                                          : "right top vertical");
    if (d->series_title[0]) {
        fputs("set key title ", f);
        quoted(f, d->series_title);
        fputs(" left\n", f);
    }
}

static void x_axis(FILE *f, const struct frame *fr)
{
    const struct plot_data *d = fr->d;
    double low = fr->x_min * fr->x_scale.factor, high = fr->x_max * fr->x_scale.factor;
    double margin = (high - low) * 0.03;
    char label[160];

    snprintf(label, sizeof(label), "%s%s", d->axis[d->x], fr->x_scale.unit);
    fputs("set xlabel ", f);
    quoted(f, label);
    fputs(" offset 0,0.5\n", f);
    if (d->x_kind == PLOT_CATEGORIES) {
        size_t widest = 0;

        fputs("set xtics (", f);
        for (unsigned c = 0; c < d->n_categories; c++) {
            fputs(c ? ", " : "", f);
            shown(f, d->category[c]);
            fprintf(f, " %u", c);
            widest = strlen(d->category[c]) > widest ? strlen(d->category[c]) : widest;
        }
        fputs(")\n", f);
        if (widest * d->n_categories > 80)
            fputs("set xtics rotate by -30\n", f);
        fprintf(f, "set xrange [-0.6:%g]\n", d->n_categories - 0.4);
    } else if (fr->x_log) {
        fprintf(f, "set logscale x\nset xrange [%g:%g]\n", low / 1.15, high * 1.15);
    } else if (high > low) {
        fprintf(f, "set xrange [%.10g:%.10g]\n", low - margin, high + margin);
    }
}

static void y_axis(FILE *f, const struct frame *fr)
{
    const struct metric_info *m = &metric_info[fr->y];
    char label[120];

    snprintf(label, sizeof(label), "%s%s", m->title, fr->y_scale.unit);
    fputs("set ylabel ", f);
    quoted(f, label);
    putc('\n', f);
    if (fr->o->log)
        fputs("set logscale y\nset format y \"%g\"\n", f);
    else
        fputs(m->unit == UNIT_INDEX ? "set yrange [0:1.05]\n" : "set yrange [0:*]\n", f);
}

static double shifted(const struct frame *fr, const struct plot_row *r)
{
    double step = 0.8 / fr->d->n_series;

    if (fr->d->x_kind != PLOT_CATEGORIES)
        return r->x * fr->x_scale.factor;
    return r->x + ((double)r->series - (fr->d->n_series - 1) / 2.0) * step;
}

/* x, y, and the ends of the interval. */
static void series_data(FILE *f, const struct frame *fr, unsigned series)
{
    fprintf(f, "$series%u << EOD\n", series);
    for (unsigned i = 0; i < fr->d->n_rows; i++) {
        const struct plot_row *r = &fr->d->row[i];
        double y = r->value[fr->y] * fr->y_scale.factor, half = r->half[fr->y] * fr->y_scale.factor;
        double low;

        if (r->series != series || isnan(y) || (fr->o->log && y <= 0))
            continue;
        half = isnan(half) ? 0 : half;
        low = fr->o->log ? fmax(y - half, y / 100) : y - half;
        fprintf(f, "%.10g %.6g %.6g %.6g\n", shifted(fr, r), y, low, y + half);
    }
    fputs("EOD\n", f);
}

/* Where a curve is drawn: evenly on the axis as it is. */
static double step_x(const struct frame *fr, unsigned i)
{
    double at = (double)i / THEORY_STEPS;

    if (fr->x_log)
        return fr->x_min * pow(fr->x_max / fr->x_min, at);
    return fr->x_min + (fr->x_max - fr->x_min) * at;
}

static bool theory_data(FILE *f, const struct frame *fr, unsigned t)
{
    double factor = fr->y_scale.factor;
    bool any = false;

    if (metric_info[fr->y].unit == UNIT_SECONDS)
        factor *= fr->run;
    fprintf(f, "$theory%u << EOD\n", t);
    for (unsigned i = 0; i <= THEORY_STEPS; i++) {
        double y = theory_value(&fr->o->theory[t], fr->y, step_x(fr, i)) * factor;

        if (isnan(y) || (fr->o->log && y <= 0))
            continue;
        fprintf(f, "%.10g %.6g\n", step_x(fr, i), y);
        any = true;
    }
    fputs("EOD\n", f);
    return any;
}

/* The interval lies under the point of a curve. */
static void series_curve(FILE *f, const struct frame *fr, unsigned s)
{
    const char *colour = colours[s % COLOURS];

    if (fr->d->x_kind == PLOT_CATEGORIES)
        fprintf(f,
                "$series%u using 1:2:3:4:(%g) with boxerrorbars fs solid 0.75 border lc rgb "
                "\"#303030\" lc rgb \"%s\" title ",
                s, 0.72 / fr->d->n_series, colour);
    else
        fprintf(
            f,
            "$series%u using 1:2:3:4 with yerrorbars lc rgb \"%s\" lw 1.5 pt 7 ps 0 notitle, \\\n"
            "     $series%u using 1:2 with linespoints lc rgb \"%s\" lw 2 dt %u pt %u ps 1.2 "
            "title ",
            s, colour, s, colour, s / COLOURS + 1, points[s % POINTS]);
    shown(f, fr->d->series[s]);
}

/* Theory comes last: broken lines over whole ones show both. */
static void curves(FILE *f, const struct frame *fr)
{
    const char *between = "plot ";

    for (unsigned s = 0; s < fr->d->n_series; s++) {
        fputs(between, f);
        series_curve(f, fr, s);
        between = ", \\\n     ";
    }
    for (unsigned t = 0; t < fr->o->n_theories; t++) {
        if (!fr->has_theory[t])
            continue;
        fprintf(f, "%s$theory%u using 1:2 with lines lc rgb \"#303030\" lw 1.5 dt %u title ",
                between, t, t % 4 + 2);
        quoted(f, fr->o->theory[t].label);
    }
    putc('\n', f);
}

static void terminals(FILE *f, const struct frame *fr, const char *stem)
{
    static const char *const settings[PLOT_FORMATS] = {
        "pngcairo noenhanced size 1200,750 font \"Sans,15\"",
        "svg noenhanced size 900,560 dynamic font \"Sans,13\" background \"white\"",
        "pdfcairo noenhanced size 16cm,10cm font \"Sans,11\"",
    };
    bool first = true;

    for (unsigned i = 0; i < PLOT_FORMATS; i++) {
        char name[512];

        if (!fr->o->format[i])
            continue;
        snprintf(name, sizeof(name), "%s.%s", stem, plot_format[i]);
        fprintf(f, "set terminal %s\nset output ", settings[i]);
        quoted(f, name);
        putc('\n', f);
        if (first)
            curves(f, fr);
        else
            fputs("replot\n", f);
        fputs("unset output\n", f);
        first = false;
    }
}

void plot_script(FILE *f, const struct plot_data *d, const struct plot_options *o, enum metric y,
                 const char *stem)
{
    struct frame fr = {.d = d, .o = o, .y = y};

    measure(&fr);
    for (unsigned s = 0; s < d->n_series; s++)
        series_data(f, &fr, s);
    for (unsigned t = 0; t < o->n_theories; t++) {
        fr.has_theory[t] = theory_data(f, &fr, t);
        fr.n_theories += fr.has_theory[t];
    }
    fputs("set encoding utf8\nset border 3 lc rgb \"#404040\"\nset tics nomirror out\n"
          "set grid ytics lt 1 lc rgb \"#e0e0e0\" lw 1\nset errorbars 0.7\n",
          f);
    x_axis(f, &fr);
    y_axis(f, &fr);
    legend(f, &fr);
    if (fr.bars)
        fprintf(f,
                "set title \"bars: %g %% intervals\" font \",11\" tc rgb \"#707070\" "
                "offset 0,-0.5\n",
                d->level * 100);
    terminals(f, &fr, stem);
}
