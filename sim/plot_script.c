#include "sim/plot.h"

#include <math.h>
#include <string.h>

#include "sim/plot_legend.h"

/* Okabe and Ito's colours, which people who are blind to some colours can tell apart, without
 * the yellow, which nobody sees on white. */
static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#E69F00", "#56B4E9", "#000000"};
static const unsigned points[] = {7, 5, 9, 11, 13, 4, 6, 8};
enum {
    COLOURS = sizeof(colours) / sizeof(colours[0]),
    POINTS = sizeof(points) / sizeof(points[0]),
    THEORY_STEPS = 200,
    DASHES = 4,      /* of theory: from there on in grey */
    ASLANT = 30,     /* most characters of a category that is written so */
    MOST_WHOLE = 15, /* of x that are each written */
};
static const double wide_range = 50; /* of x, from which on it is drawn by powers */
#define STEEP 1.5     /* theory that goes above so many times what is simulated is cut there */
#define FEW_POWERS 20 /* of y: from which on whole powers of ten are shown */

struct axis_scale {
    double factor;
    const char *unit; /* "" or " (ms)" */
};

struct frame {
    const struct plot_data *d;
    const struct plot_options *o;
    enum metric y;
    struct axis_scale x_scale, y_scale;
    double x_min, x_max;            /* not scaled */
    bool x_log, x_whole;            /* numbers of powers; whole ones only */
    bool aslant;                    /* texts of categories */
    unsigned tic_room, tic_lines;   /* characters that each has, and lines that they take */
    bool bars;                      /* some interval is known */
    double run;                     /* mean run time, seconds: what theory counts in */
    bool has_theory[PLOT_THEORIES]; /* it says something of this metric */
    struct plot_legend legend;
    bool y_known;        /* something is drawn: */
    double y_min, y_max; /* of what is simulated, with its intervals, scaled; of --log above 0 */
    double theory_max;   /* scaled */
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

    f->x_whole = d->x_kind == PLOT_NUMBERS;
    f->x_min = INFINITY;
    f->x_max = -INFINITY;
    for (unsigned i = 0; i < d->n_rows; i++) {
        f->x_min = fmin(f->x_min, d->row[i].x);
        f->x_whole &= d->row[i].x == floor(d->row[i].x);
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

/* For double quotes: what gnuplot would take for its own is escaped, and a backquote, in which
 * it would run a command, becomes another quote. */
static void escaped(FILE *f, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            putc('\\', f);
        putc(text[i] == '`' ? '\'' : text[i] == '\n' || text[i] == '\r' ? ' ' : text[i], f);
    }
}

static void quoted(FILE *f, const char *text)
{
    putc('"', f);
    escaped(f, text, strlen(text));
    putc('"', f);
}

/* The text of a tic is a format for its number. */
static void escaped_format(FILE *f, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        escaped(f, text + i, 1);
        if (text[i] == '%')
            putc('%', f);
    }
}

/* Wide texts go below the figure, where gnuplot makes as many columns as fit. */
static void legend(FILE *f, const struct frame *fr)
{
    if (fr->legend.n_entries < 2) {
        fputs("set key off\n", f);
        return;
    }
    fprintf(f, "set key outside %s Left reverse samplen 2 spacing 1.2\n",
            fr->legend.below ? "bottom center horizontal" : "right top vertical");
    if (fr->legend.title[0]) {
        fputs("set key title ", f);
        quoted(f, fr->legend.title);
        fputs(" left\n", f);
    }
}

/* Each below its boxes, on as many lines as it takes; or, where a word is too long for that,
 * aslant. */
static void categories(FILE *f, const struct frame *fr)
{
    const struct plot_data *d = fr->d;

    fputs("set xtics (", f);
    for (unsigned c = 0; c < d->n_categories; c++) {
        char text[PLOT_LABEL];
        size_t len;

        plot_shown(text, d->category[c]);
        if (fr->aslant)
            plot_cut(text, ASLANT);
        fputs(c ? ", \"" : "\"", f);
        for (const char *line = text; *line; line += len + (line[len] == ' ')) {
            len = fr->aslant ? strlen(line) : plot_line(line, fr->tic_room);
            fputs(line == text ? "" : "\\n", f);
            escaped_format(f, line, len);
        }
        fprintf(f, "\" %u", c);
    }
    fputs(fr->aslant ? ")\nset xtics rotate by -30\n" : ")\n", f);
    fprintf(f, "set xrange [-0.6:%g]\n", d->n_categories - 0.4);
}

/* How much room the texts of categories have, and need. */
static void measure_categories(struct frame *fr, unsigned room)
{
    fr->tic_room = room / (fr->d->n_categories ? fr->d->n_categories : 1);
    for (unsigned c = 0; c < fr->d->n_categories; c++) {
        char text[PLOT_LABEL];
        unsigned lines = 0;
        size_t len;

        plot_shown(text, fr->d->category[c]);
        for (const char *line = text; *line; line += len + (line[len] == ' ')) {
            len = plot_line(line, fr->tic_room);
            fr->aslant |= plot_characters(line, len) > fr->tic_room;
            lines++;
        }
        fr->tic_lines = lines > fr->tic_lines ? lines : fr->tic_lines;
    }
    if (fr->aslant)
        fr->tic_lines = ASLANT / 3;
}

static void x_axis(FILE *f, const struct frame *fr)
{
    const struct plot_data *d = fr->d;
    double low = fr->x_min * fr->x_scale.factor, high = fr->x_max * fr->x_scale.factor;
    double margin = (high - low) * 0.03;
    char label[160];

    snprintf(label, sizeof(label), "%s%s", d->axis[d->x], fr->x_scale.unit);
    fputs("set xlabel \"", f);
    /* gnuplot keeps clear the height of a label, but not that of texts at tics. */
    for (unsigned i = 1; i < fr->tic_lines && !fr->aslant; i++)
        fputs("\\n", f);
    escaped(f, label, strlen(label));
    fputs("\" offset 0,0.5\n", f);
    if (d->x_kind == PLOT_CATEGORIES) {
        categories(f, fr);
    } else if (fr->x_log) {
        fprintf(f, "set logscale x\nset xrange [%g:%g]\n", low / 1.15, high * 1.15);
    } else if (high > low) {
        fprintf(f, "set xrange [%.10g:%.10g]\n", low - margin, high + margin);
        if (fr->x_whole && high - low <= MOST_WHOLE)
            fputs("set xtics 1\n", f);
    }
}

/* From what is simulated: theory goes down to what no run would ever show. */
static void log_range(FILE *f, const struct frame *fr)
{
    /* A point may lie on the frame, a box needs a height. */
    double room = fr->d->x_kind == PLOT_CATEGORIES ? 1.2 : 1 - 1e-9;
    double low = fr->y_min / 1.2, high = fr->y_max * 1.2;

    fputs("set logscale y\nset format y \"%g\"\n", f);
    if (!fr->y_known)
        return;
    if (high / low > FEW_POWERS) {
        low = pow(10, floor(log10(fr->y_min / room)));
        high = pow(10, ceil(log10(fr->y_max * room)));
    }
    fprintf(f, "set yrange [%g:%g]\n", low, high);
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
        log_range(f, fr);
    else if (m->unit == UNIT_INDEX)
        fputs("set yrange [0:1.05]\n", f);
    else if (fr->y_max <= 0 && fr->theory_max <= 0)
        fputs("set yrange [0:1]\n", f); /* gnuplot warns of one of no height */
    else if (fr->y_max > 0 && fr->theory_max > STEEP * fr->y_max)
        fprintf(f, "set yrange [0:%g]\n", STEEP * fr->y_max);
    else
        fputs("set yrange [0:*]\n", f);
}

static double shifted(const struct frame *fr, const struct plot_row *r)
{
    double step = 0.8 / fr->d->n_series;

    if (fr->d->x_kind != PLOT_CATEGORIES)
        return r->x * fr->x_scale.factor;
    return r->x + ((double)r->series - (fr->d->n_series - 1) / 2.0) * step;
}

static void note_range(struct frame *fr, double y, double high)
{
    fr->y_min = fr->y_known ? fmin(fr->y_min, y) : y;
    fr->y_max = fr->y_known ? fmax(fr->y_max, high) : high;
    fr->y_known = true;
}

/* x, y, and the ends of the interval. */
static void series_data(FILE *f, struct frame *fr, unsigned series)
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
        note_range(fr, y, y + half);
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

static bool theory_data(FILE *f, struct frame *fr, unsigned t)
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
        fr->theory_max = fmax(fr->theory_max, y);
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
    quoted(f, fr->legend.label[s]);
}

/* Theory comes last: broken lines over whole ones show both. */
static void curves(FILE *f, const struct frame *fr)
{
    const char *between = "plot ";
    unsigned entry = fr->d->n_series;

    for (unsigned s = 0; s < fr->d->n_series; s++) {
        fputs(between, f);
        series_curve(f, fr, s);
        between = ", \\\n     ";
    }
    for (unsigned t = 0; t < fr->o->n_theories; t++) {
        if (!fr->has_theory[t])
            continue;
        fprintf(f, "%s$theory%u using 1:2 with lines lc rgb \"%s\" lw 1.5 dt %u title ", between, t,
                t / DASHES % 2 ? "#909090" : "#303030", t % DASHES + 2);
        quoted(f, fr->legend.label[entry++]);
    }
    putc('\n', f);
}

/* Sizes of the pictures; of a row more in the legend; and how many characters go into the
 * width. */
static const struct {
    const char *before, *unit, *after;
    double width, height, row;
    unsigned room;
} terminal[PLOT_FORMATS] = {
    {"pngcairo noenhanced", "", "font \"Sans,15\"", 1200, 750, 28, 95},
    {"svg noenhanced", "", "dynamic font \"Sans,13\" background \"white\"", 900, 560, 21, 82},
    {"pdfcairo noenhanced", "cm", "font \"Sans,9\"", 16, 10, 0.6, 58},
};

/* Of the narrowest picture. */
static unsigned room_of(const struct plot_options *o)
{
    unsigned room = PLOT_LABEL;

    for (unsigned i = 0; i < PLOT_FORMATS; i++)
        if (o->format[i] && terminal[i].room < room)
            room = terminal[i].room;
    return room;
}

static void set_terminal(FILE *f, const struct frame *fr, unsigned i)
{
    unsigned rows = plot_legend_rows(&fr->legend, terminal[i].room) +
                    (fr->tic_lines > 1 ? fr->tic_lines - 1 : 0);

    fprintf(f, "set terminal %s size %g%s,%g%s %s\n", terminal[i].before, terminal[i].width,
            terminal[i].unit, terminal[i].height + rows * terminal[i].row, terminal[i].unit,
            terminal[i].after);
}

static void terminals(FILE *f, const struct frame *fr, const char *stem)
{
    bool first = true;

    for (unsigned i = 0; i < PLOT_FORMATS; i++) {
        char name[512];

        if (!fr->o->format[i])
            continue;
        snprintf(name, sizeof(name), "%s.%s", stem, plot_format[i]);
        set_terminal(f, fr, i);
        fputs("set output ", f);
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

int plot_script(FILE *f, const struct plot_data *d, const struct plot_options *o, enum metric y,
                const char *stem)
{
    struct frame fr = {.d = d, .o = o, .y = y};

    measure(&fr);
    for (unsigned s = 0; s < d->n_series; s++)
        series_data(f, &fr, s);
    for (unsigned t = 0; t < o->n_theories; t++)
        fr.has_theory[t] = theory_data(f, &fr, t);
    if (plot_legend_make(&fr.legend, d, o, fr.has_theory, room_of(o)))
        return -1;
    measure_categories(&fr, room_of(o));
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
    plot_legend_release(&fr.legend);
    return 0;
}
