#include <math.h>
#include <string.h>

#include "bench/report_private.h"

/* Okabe and Ito's colours; whatever differs in colour differs in its line or pattern too. */
#define BLUE "#0072B2"
#define VERMILION "#D55E00"
#define GREEN "#009E73"
enum { LABEL = 18, SWATCHES = REPORT_ACTIONS + 1, BODY = 400, TAIL_A_DECADE = 60, WIDE_CELLS = 8 };

static const struct {
    const char *colour, *fill;
} swatches[SWATCHES] = {
    {BLUE, "solid 1"},        {"#E69F00", "pattern 4"}, {VERMILION, "pattern 2"},
    {"#B4B8BE", "solid 1"},   {GREEN, "pattern 5"},     {"#CC79A7", "solid 1"},
    {"#56B4E9", "pattern 7"}, {"#8A6D00", "pattern 1"}, {"#888888", "pattern 6"}};

/* ---- what there is to draw ---- */

static const char *lacks_latency(const struct report_data *d)
{
    return d->all.answered ? NULL : "No call was answered after the warm-up.";
}

static const char *lacks_calls(const struct report_data *d)
{
    for (unsigned i = 0; i < d->n_bins; i++)
        if (d->bin[i].asked)
            return NULL;
    return "No call was planned.";
}

static const char *lacks_deadlines(const struct report_data *d)
{
    for (unsigned i = 0; i < d->n_bins; i++)
        if (d->bin[i].deadlines)
            return NULL;
    return "No call had a deadline.";
}

static const char *lacks_matrix(const struct report_data *d)
{
    if (d->n_nodes > REPORT_MATRIX)
        return "There are too many nodes for a matrix; results.sqlite has where each call ran.";
    if (d->all.answered == d->all.refused)
        return "No call ran after the warm-up.";
    return d->n_places > 1 ? NULL : "There is one node, and all calls ran on it.";
}

static const char *lacks_actions(const struct report_data *d)
{
    return d->n_actions ? NULL : "No answer names an action of a learner.";
}

static const char *lacks_rewards(const struct report_data *d)
{
    return d->rewards ? NULL : "No rewards were given: no learner took part.";
}

static const char *lacks_epsilon(const struct report_data *d)
{
    return d->epsilons ? NULL : "No answer names an epsilon: no learner that explores took part.";
}

/* ---- latency ---- */

static void curve(FILE *f, const char *name, const struct histogram *h, bool tail)
{
    double n = (double)h->n;

    fprintf(f, "$%s << EOD\n", name);
    for (unsigned i = 0; i <= BODY; i++) {
        double p = (double)i / BODY;

        if (!tail || (p < 0.9 && p < 1 - 1 / n))
            fprintf(f, "%.6g %.6g\n", histogram_quantile(h, p) / 1e9, tail ? 1 - p : 100 * p);
    }
    for (unsigned i = TAIL_A_DECADE; tail; i++) {
        double rest = pow(10, -(double)i / TAIL_A_DECADE);

        if (rest * n < 1)
            break;
        fprintf(f, "%.6g %.6g\n", histogram_quantile(h, 1 - rest) / 1e9, rest);
    }
    if (tail)
        fprintf(f, "%.6g %.6g\n", (double)h->max / 1e9, 1 / n);
    fputs("EOD\n", f);
}

static void latency_axis(FILE *f, const struct report_data *d)
{
    const struct histogram *c = &d->all.corrected, *u = &d->all.uncorrected;
    double min = fmax(1e-7, (double)(u->n && u->min < c->min ? u->min : c->min) / 1e9);
    double max = fmax((double)(c->max > u->max ? c->max : u->max) / 1e9, min);
    int first = (int)floor(log10(min)), last = (int)ceil(log10(max));

    if (last == first)
        last++;
    fputs("set logscale x\nset xtics (", f);
    for (int e = first; e <= last; e++) {
        char text[32];

        if (e >= 0)
            snprintf(text, sizeof(text), "%.0f s", pow(10, e));
        else
            snprintf(text, sizeof(text), "%.*f %s", e < -6 ? 1 : 0, pow(10, e + (e < -3 ? 6 : 3)),
                     e < -3 ? "µs" : "ms");
        fprintf(f, "%s\"%s\" 1e%d", e > first ? ", " : "", text, e);
        for (int k = 2; k < 10 && e < last; k++)
            fprintf(f, ", \"\" %de%d 1", k, e);
    }
    fprintf(f, ")\nset xrange [%g:%g]\nset xlabel \"latency\"\n", fmax(pow(10, first), min / 1.3),
            fmin(pow(10, last), max * 1.3));
}

static void latency(FILE *f, const struct report_data *d, bool tail)
{
    curve(f, "corrected", &d->all.corrected, tail);
    curve(f, "uncorrected", &d->all.uncorrected, tail);
    latency_axis(f, d);
    if (tail)
        fputs("set logscale y\nset format y \"10^{%L}\"\nset ytics (\"100 %%\" 1, \"10 %%\" 0.1, "
              "\"1 %%\" 0.01, \"0.1 %%\" 1e-3, \"0.01 %%\" 1e-4, \"0.001 %%\" 1e-5, \"1e-6\" 1e-6, "
              "\"1e-7\" 1e-7, \"1e-8\" 1e-8)\nset yrange [*:1]\n"
              "set ylabel \"share of calls that took longer\"\n",
              f);
    else
        fputs("set yrange [0:100]\nset ylabel \"share of calls (%)\"\n", f);
    fputs("plot $corrected with lines lw 2.2 lc rgb \"" BLUE
          "\" title \"corrected\", $uncorrected with lines lw 2.2 dt 2 lc rgb \"" VERMILION
          "\" title \"uncorrected\"\n",
          f);
}

static void latency_cdf(FILE *f, const struct report_data *d)
{
    latency(f, d, false);
}

static void latency_tail(FILE *f, const struct report_data *d)
{
    latency(f, d, true);
}

/* ---- over time ---- */

static double bin_length(const struct report_data *d, unsigned i)
{
    return i + 1 < d->n_bins ? d->bin_width : d->load_end - i * d->bin_width;
}

static void time_axis(FILE *f, const struct report_data *d)
{
    fprintf(f, "set xrange [0:%g]\nset xlabel \"seconds since the begin\"\n", d->load_end);
    if (d->warm_up > 0)
        fprintf(f,
                "set object rectangle from 0, graph 0 to %g, graph 1 front fc rgb \"#808080\" "
                "fs transparent solid 0.2 noborder\n",
                d->warm_up);
}

static double middle(const struct report_data *d, unsigned i)
{
    return i * d->bin_width + bin_length(d, i) / 2;
}

static void in_deadline(FILE *f, const struct report_data *d)
{
    fputs("$d << EOD\n", f);
    for (unsigned i = 0; i < d->n_bins; i++)
        if (d->bin[i].deadlines)
            fprintf(f, "%.6g %.6g\n", middle(d, i),
                    100 * (double)d->bin[i].in_deadline / (double)d->bin[i].deadlines);
    fputs("EOD\n", f);
    time_axis(f, d);
    fprintf(f,
            "set yrange [0:102]\nset ytics 0,20,100\nset ylabel \"answered in time (%%)\"\n"
            "set key off\nplot $d with %s lw 2.2 lc rgb \"" BLUE "\" notitle\n",
            d->n_bins > 60 ? "lines" : "linespoints pt 7 ps 0.5");
}

static void rates(FILE *f, const struct report_data *d)
{
    fputs("$d << EOD\n", f);
    for (unsigned i = 0; i < d->n_bins; i++) {
        const struct report_bin *b = &d->bin[i];
        double s = bin_length(d, i);

        fprintf(f, "%.6g %.6g %.6g %.6g\n", middle(d, i), (double)b->asked / s, (double)b->sent / s,
                (double)b->answered / s);
    }
    fputs("EOD\n", f);
    time_axis(f, d);
    fputs("set yrange [0:*]\nset ylabel \"calls/s\"\n"
          "plot $d using 1:2 with lines lw 5 lc rgb \"#B4B8BE\" title \"asked\", "
          "$d using 1:3 with lines lw 2 dt 2 lc rgb \"" VERMILION "\" title \"sent\", "
          "$d using 1:4 with lines lw 1.6 lc rgb \"" BLUE "\" title \"answered\"\n",
          f);
}

/* A column a name, each on top of the one before; shares of all, in percent. */
static void stack(FILE *f, const struct report_data *d, const char *const *names, unsigned n,
                  uint64_t (*count)(const struct report_bin *b, unsigned column))
{
    fputs("$d << EOD\n", f);
    for (unsigned i = 0; i < d->n_bins; i++) {
        uint64_t all = 0, below = 0;

        for (unsigned k = 0; k < n; k++)
            all += count(&d->bin[i], k);
        if (all == 0)
            continue;
        fprintf(f, "%.6g %.6g 0", i * d->bin_width, i * d->bin_width + bin_length(d, i));
        for (unsigned k = 0; k < n; k++)
            fprintf(f, " %.6g", 100 * (double)(below += count(&d->bin[i], k)) / (double)all);
        putc('\n', f);
    }
    fputs("EOD\n", f);
    time_axis(f, d);
    fputs("set yrange [0:100]\nset ylabel \"share of calls (%)\"\nset grid front\nplot ", f);
    for (unsigned k = 0; k < n; k++)
        fprintf(f,
                "%s$d using 1:%u:1:2:%u:%u with boxxyerror fs %s noborder lc rgb \"%s\" title "
                "\"%s\"",
                k ? ", " : "", k + 3, k + 3, k + 4, swatches[k].fill, swatches[k].colour, names[k]);
    putc('\n', f);
}

static uint64_t place_count(const struct report_bin *b, unsigned column)
{
    const uint64_t n[] = {b->here, b->forwarded, b->refused, b->unanswered};

    return n[column];
}

static void actions(FILE *f, const struct report_data *d)
{
    static const char *const names[] = {"ran here", "forwarded", "refused", "no answer"};

    stack(f, d, names, 4, place_count);
}

static uint64_t action_count(const struct report_bin *b, unsigned column)
{
    return b->action[column];
}

static void learner_actions(FILE *f, const struct report_data *d)
{
    char text[SWATCHES][32] = {"others"};
    const char *names[SWATCHES];

    for (unsigned k = 0; k < SWATCHES; k++) {
        names[k] = text[k];
        if (k < d->n_actions)
            snprintf(text[k], sizeof(text[k]), "action %g", d->action[k]);
        else
            snprintf(text[k], sizeof(text[k]), "others");
    }
    stack(f, d, names, d->n_actions + d->more_actions, action_count);
}

static void reward(FILE *f, const struct report_data *d)
{
    unsigned window = d->n_bins / 15 > 3 ? d->n_bins / 15 : 3;

    fputs("$d << EOD\n", f);
    for (unsigned i = 0; i < d->n_bins; i++) {
        double sum = 0;
        uint64_t n = 0;

        if (d->bin[i].rewards == 0)
            continue;
        for (unsigned k = i + 1 > window ? i + 1 - window : 0; k <= i; k++) {
            sum += d->bin[k].reward;
            n += d->bin[k].rewards;
        }
        fprintf(f, "%.6g %.6g %.6g\n", middle(d, i), d->bin[i].reward / (double)d->bin[i].rewards,
                sum / (double)n);
    }
    fputs("EOD\n", f);
    time_axis(f, d);
    fprintf(f,
            "set ylabel \"reward of a call\"\n"
            "plot $d using 1:2 with points pt 6 ps 0.5 lc rgb \"#7a7f87\" title \"mean of %g s\", "
            "$d using 1:3 with lines lw 2.4 lc rgb \"" BLUE "\" title \"moving mean of %g s\"\n",
            d->bin_width, window * d->bin_width);
}

static void epsilon(FILE *f, const struct report_data *d)
{
    fputs("$d << EOD\n", f);
    for (unsigned i = 0; i < d->n_bins; i++)
        if (d->bin[i].epsilons)
            fprintf(f, "%.6g %.6g\n", middle(d, i), d->bin[i].epsilon / (double)d->bin[i].epsilons);
    fputs("EOD\n", f);
    time_axis(f, d);
    fputs("set yrange [0:*]\nset ylabel \"epsilon\"\nset key off\n"
          "plot $d with lines lw 2.2 lc rgb \"" GREEN "\" notitle\n",
          f);
}

/* ---- from where to where ---- */

/* White to blue. */
static unsigned shade(double share)
{
    static const unsigned full[] = {0x00, 0x72, 0xb2}, none[] = {0xf4, 0xf7, 0xfa};
    unsigned c = 0;

    for (unsigned i = 0; i < 3; i++)
        c = c << 8 | (unsigned)lround(none[i] + share * ((double)full[i] - none[i]));
    return c;
}

static void cell(FILE *f, const struct report_data *d, unsigned row, unsigned column, double all)
{
    uint64_t n = d->matrix[row][column];
    double share = all > 0 ? (double)n / all : 0;

    fprintf(f,
            "set object rectangle from %u-0.48,%u-0.46 to %u+0.48,%u+0.46 fc rgb \"#%06x\" "
            "fs solid noborder behind\n",
            column, row, column, row, shade(share));
    fprintf(f, "set label \"");
    if (d->n_places <= WIDE_CELLS)
        fprintf(f, "%llu\\n%.*f %%", (unsigned long long)n, n && share < 0.1 ? 1 : 0, 100 * share);
    else
        fprintf(f, "%.0f", 100 * share);
    fprintf(f, "\" at %u,%u center %stc rgb \"%s\" front\n", column, row,
            d->n_places <= WIDE_CELLS ? "offset 0,0.5 " : "", share > 0.9 ? "#FFFFFF" : "#101010");
}

static void matrix(FILE *f, const struct report_data *d)
{
    for (unsigned r = 0; r < d->n_nodes; r++) {
        double all = 0;

        for (unsigned c = 0; c < d->n_places; c++)
            all += (double)d->matrix[r][c];
        for (unsigned c = 0; c < d->n_places; c++)
            cell(f, d, r, c, all);
    }
    fputs("unset grid\nset border 0\nset tics scale 0\nset xtics ", f);
    fputs(d->n_places > WIDE_CELLS ? "rotate by 45 right (" : "(", f);
    for (unsigned c = 0; c < d->n_places; c++) {
        fputs(c ? ", \"" : "\"", f);
        report_gnuplot_text(f, d->place[c] ? d->place[c] : "", LABEL, true);
        fprintf(f, "\" %u", c);
    }
    fputs(")\nset ytics (", f);
    for (unsigned r = 0; r < d->n_nodes; r++) {
        fputs(r ? ", \"" : "\"", f);
        report_gnuplot_text(f, d->node[r].name ? d->node[r].name : "", LABEL, true);
        fprintf(f, "\" %u", r);
    }
    fprintf(f,
            ")\nset xrange [-0.5:%u.5]\nset yrange [%u.5:-0.5]\nset key off\n"
            "set xlabel \"ran on\"\nset ylabel \"came to\"\n$d << EOD\n0 0\nEOD\n"
            "plot $d with dots lc rgb \"#808080\" notitle\n",
            d->n_places - 1, d->n_nodes - 1);
}

/* ---- all of them ---- */

const struct report_chart report_charts[] = {
    {"latency-cdf", "Distribution of the latency",
     "The share of answered calls that took no longer than so long, after the warm-up. The "
     "corrected latency counts from when a call was planned, so that a wait before it could be "
     "sent is in it; the uncorrected one from when it was sent.",
     lacks_latency, latency_cdf},
    {"latency-tail", "Its tail",
     "The share of answered calls that took longer than so long, on logarithmic scales.",
     lacks_latency, latency_tail},
    {"in-deadline", "Calls in their deadline",
     "Of the calls with a deadline that were planned in each piece of time: the share that had a "
     "good answer within it.",
     lacks_deadlines, in_deadline},
    {"rates", "Rates", "Calls a second that were planned, that were sent, and that were answered.",
     lacks_calls, rates},
    {"actions", "What became of the calls",
     "Of the calls planned in each piece of time: the share that ran on the node that they came "
     "to, was forwarded, was refused, or had no answer.",
     lacks_calls, actions},
    {"learner-actions", "Actions of the learner",
     "The share of each action, by its number, among the answers that name one.", lacks_actions,
     learner_actions},
    {"forwarding", "Where the calls ran",
     "Calls after the warm-up by the node that they came to (rows) and the one that ran them "
     "(columns): how many, and the share of the row; between many nodes the share alone, in "
     "percent.",
     lacks_matrix, matrix},
    {"reward", "Reward", "The mean reward of the calls planned in each piece of time.",
     lacks_rewards, reward},
    {"epsilon", "Epsilon",
     "The mean epsilon that the answers name: how often the learner tries an action at random.",
     lacks_epsilon, epsilon}};
const unsigned report_n_charts = sizeof(report_charts) / sizeof(report_charts[0]);

unsigned report_chart_height(const struct report_data *d, const struct report_chart *c)
{
    if (c->script == matrix)
        return 110 + (d->n_places <= WIDE_CELLS ? 46 : 30) * d->n_nodes +
               (d->n_places > WIDE_CELLS ? 90 : 0);
    return 330;
}
