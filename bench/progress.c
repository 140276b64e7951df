#include "bench/progress.h"

#include <math.h>
#include <string.h>

enum { TIME_TEXT = 16 };

/* "1.234 ms", "-" when there is none. */
static const char *time_text(double ns, char out[TIME_TEXT])
{
    if (isnan(ns))
        snprintf(out, TIME_TEXT, "-");
    else if (ns < 1e9)
        snprintf(out, TIME_TEXT, "%.3f ms", ns / 1e6);
    else
        snprintf(out, TIME_TEXT, "%.3f s", ns / 1e9);
    return out;
}

static const char *quantile(const struct histogram *h, double p, char out[TIME_TEXT])
{
    return time_text(histogram_quantile(h, p), out);
}

/* ---- while it runs ---- */

void progress_head(FILE *out)
{
    fprintf(out, "%6s %9s %9s %9s %11s %11s %9s %8s %8s %7s\n", "second", "asked/s", "offered/s",
            "answered", "p50", "p99", "in time", "rejected", "failed", "open");
}

void progress_line(FILE *out, struct measures *m, unsigned second, unsigned open)
{
    struct second s = measures_second(m, second);
    char p50[TIME_TEXT], p99[TIME_TEXT];

    fprintf(out, "%6u %9u %9u %9u %11s %11s %9u %8u %8u %7u%s\n", second + 1, s.planned, s.sent,
            s.answered, quantile(&m->recent, 0.5, p50), quantile(&m->recent, 0.99, p99),
            s.in_deadline, s.rejected, s.failed, open,
            (second + 1) * 1e9 <= (double)m->warm_up_ns ? "  warm-up" : "");
    histogram_release(&m->recent);
}

/* ---- at its end ---- */

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_node(FILE *out, const char *name, const struct totals *t, double seconds)
{
    char p50[TIME_TEXT], p99[TIME_TEXT], max[TIME_TEXT];

    fprintf(out, "%-*s %9.1f %9.1f %9llu %7.2f%% %7.2f%% %8llu %8llu %11s %11s %11s\n",
            EXPERIMENT_MAX_NAME, name, (double)t->planned / seconds, (double)t->in_time / seconds,
            (unsigned long long)t->answered, percent(t->ok, t->planned),
            percent(t->in_deadline, t->planned), (unsigned long long)t->rejected,
            (unsigned long long)t->failed, quantile(&t->corrected, 0.5, p50),
            quantile(&t->corrected, 0.99, p99), quantile(&t->corrected, 1, max));
}

static void print_percentiles(FILE *out, const struct totals *all)
{
    static const double p[] = {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};

    fprintf(out, "\nlatency  %14s %14s\n", "corrected", "uncorrected");
    for (size_t i = 0; i < sizeof(p) / sizeof(p[0]); i++) {
        char corrected[TIME_TEXT], uncorrected[TIME_TEXT], name[16];

        snprintf(name, sizeof(name), "p%.6g", p[i] * 100);
        fprintf(out, "  %-6s %14s %14s\n",
                p[i] == 0   ? "least"
                : p[i] == 1 ? "most"
                            : name,
                quantile(&all->corrected, p[i], corrected),
                quantile(&all->uncorrected, p[i], uncorrected));
    }
    fputs("corrected: from the planned time of a call; uncorrected: from when it was sent\n", out);
}

static void print_marks(FILE *out, const struct results *r, const struct totals *all)
{
    const struct rewards_outcome *w = &r->outcome->rewards;
    char late[TIME_TEXT];

    fprintf(out, "\ncalls were taken up at most %s after their time (99 %% of them)\n",
            quantile(&r->measures->late, 0.99, late));
    if (all->waited)
        fprintf(out, "%llu calls waited for one of %d connections\n",
                (unsigned long long)all->waited, (int)r->experiment->connections);
    if (all->unanswered)
        fprintf(out, "%llu calls have no answer and are in no percentile\n",
                (unsigned long long)all->unanswered);
    if (w->told + w->lost)
        fprintf(out, "rewards: %llu told, %llu lost%s%s\n", (unsigned long long)w->told,
                (unsigned long long)w->lost, w->lost ? ", the first: " : "", w->why);
    if (r->behind[0])
        fprintf(out, "MARKED: %s\n", r->behind);
    if (r->outcome->interrupted)
        fprintf(out, "ENDED EARLY: by a signal after %.1f s; what there was until then is kept\n",
                (double)r->outcome->ended_ns / 1e9);
}

void progress_summary(FILE *out, const struct results *r)
{
    const struct experiment *e = r->experiment;
    double seconds = (double)e->duration / 1e9;
    double until = ((double)r->outcome->ended_ns - (double)e->warm_up) / 1e9;
    struct totals all;

    if (r->outcome->interrupted && until < seconds)
        seconds = until > 0.001 ? until : 0.001;
    if (!measures_sum(r->measures, &all)) {
        fputs("out of memory for the summary\n", out);
        return;
    }
    fprintf(out, "%-*s %9s %9s %9s %8s %8s %8s %8s %11s %11s %11s\n", EXPERIMENT_MAX_NAME, "node",
            "asked/s", "offered/s", "answered", "ok", "in time", "rejected", "failed", "p50", "p99",
            "most");
    for (unsigned i = 0; i < e->n_nodes; i++)
        print_node(out, e->node[i].name, &r->measures->node[i].totals, seconds);
    if (e->n_nodes > 1)
        print_node(out, "all", &all, seconds);
    print_percentiles(out, &all);
    print_marks(out, r, &all);
    totals_release(&all);
}
