#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report_private.h"

enum { NAME = 120, LONG = 4000, WHOLE = 1 << 20, PLACES = 32 };

static void name(FILE *f, const char *text)
{
    if (text && text[0])
        report_html_text(f, text, NAME);
    else
        fputs("–", f);
}

/* ---- figures ---- */

/* 1234567 as "1 234 567", the blanks narrow and not broken. */
static void count(FILE *f, uint64_t n)
{
    char digits[PLACES];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

    for (int i = 0; i < len; i++)
        fprintf(f, "%s%c", i && (len - i) % 3 == 0 ? "\u202f" : "", digits[i]);
}

static void share(FILE *f, uint64_t part, uint64_t all)
{
    if (all)
        fprintf(f, "%.*f %%", part == 0 || part == all ? 0 : 2, 100 * (double)part / (double)all);
    else
        fputs("–", f);
}

static void quantile(FILE *f, const struct histogram *h, double p)
{
    char text[PLACES];

    report_seconds(text, sizeof(text), histogram_quantile(h, p) / 1e9);
    fputs(text, f);
}

static void duration(FILE *f, double seconds)
{
    char text[PLACES];

    report_seconds(text, sizeof(text), seconds);
    fputs(text, f);
}

/* ---- the head ---- */

static void marks(FILE *f, const struct report_data *d)
{
    const char *behind = d->about[REPORT_BEHIND], *complete = d->about[REPORT_COMPLETE];
    bool incomplete = !complete || strcmp(complete, "1") != 0;

    if (incomplete)
        fputs("<div class=\"mark\" role=\"alert\"><strong>⚠ This run is incomplete.</strong>"
              "It was ended before its time; what is here is of the part that ran.</div>\n",
              f);
    if (behind && behind[0]) {
        fputs("<div class=\"mark\" role=\"alert\"><strong>⚠ The load was not as asked for."
              "</strong>",
              f);
        report_html_text(f, behind, LONG);
        fputs(". Do not compare these figures with those of a run without this mark.</div>\n", f);
    }
}

static void head(FILE *f, const struct report_data *d)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'\">\n<title>",
          f);
    name(f, d->about[REPORT_NAME]);
    fprintf(f, " – benchmark</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n<header>\n",
            report_style);
    fputs("<p class=\"soft\">P2PFaaS benchmark</p>\n<h1>", f);
    name(f, d->about[REPORT_NAME]);
    fputs("</h1>\n", f);
    if (d->about[REPORT_SUMMARY] && d->about[REPORT_SUMMARY][0]) {
        fputs("<p>", f);
        report_html_text(f, d->about[REPORT_SUMMARY], LONG);
        fputs("</p>\n", f);
    }
    fputs("<p class=\"soft\">Begun ", f);
    name(f, d->about[REPORT_STARTED]);
    fputs(" · ", f);
    name(f, d->about[REPORT_DURATION]);
    fprintf(f, " s after a warm-up of %g s", d->warm_up);
    fputs(" · seed ", f);
    name(f, d->about[REPORT_SEED]);
    fputs(" · P2PFaaS ", f);
    name(f, d->about[REPORT_VERSION]);
    fputs("</p>\n</header>\n", f);
}

static void key_count(FILE *f, const char *title, uint64_t n, uint64_t of, const char *of_what)
{
    fprintf(f, "<div><dt>%s</dt><dd>", title);
    count(f, n);
    fputs(" <small>", f);
    if (of_what) {
        share(f, n, of);
        fprintf(f, " of %s", of_what);
    } else {
        fputs("calls planned", f);
    }
    fputs("</small></dd></div>\n", f);
}

static void key_quantile(FILE *f, const char *title, const struct report_tally *t, double p)
{
    fprintf(f, "<div><dt>%s</dt><dd>", title);
    quantile(f, &t->corrected, p);
    fputs(" <small>uncorrected ", f);
    quantile(f, &t->uncorrected, p);
    fputs("</small></dd></div>\n", f);
}

static void key_figures(FILE *f, const struct report_data *d)
{
    const struct report_tally *t = &d->all;

    fputs("<h2>Key figures</h2>\n<p class=\"soft\">Of the calls that were planned after the "
          "warm-up; offered are those that were sent while the load ran.</p>\n<dl class=\"key\">\n",
          f);
    key_count(f, "asked", t->asked, 0, NULL);
    key_count(f, "offered", t->offered, t->asked, "the asked");
    key_count(f, "answered", t->answered, t->asked, "the asked");
    if (t->deadlines)
        key_count(f, "in deadline", t->in_deadline, t->deadlines, "those with one");
    else
        fputs("<div><dt>in deadline</dt><dd>– <small>no call had one</small></dd></div>\n", f);
    key_count(f, "refused", t->refused, t->asked, "the asked");
    key_count(f, "failed", t->failed, t->asked, "the asked");
    key_quantile(f, "latency p50, corrected", t, 0.5);
    key_quantile(f, "latency p99, corrected", t, 0.99);
    fputs("</dl>\n", f);
}

/* ---- tables ---- */

static void open_table(FILE *f, const char *caption)
{
    fprintf(f,
            "<div class=\"wide\" role=\"region\" aria-label=\"%s\" tabindex=\"0\"><table>\n"
            "<caption>%s</caption>\n",
            caption, caption);
}

static void close_table(FILE *f)
{
    fputs("</table></div>\n", f);
}

static void tally_head(FILE *f, const char *first)
{
    fprintf(f,
            "<thead><tr><th scope=\"col\">%s</th><th scope=\"col\">asked</th><th scope=\"col\">"
            "offered</th><th scope=\"col\">answered</th><th scope=\"col\">in deadline</th>"
            "<th scope=\"col\">forwarded</th><th scope=\"col\">refused</th><th scope=\"col\">"
            "failed</th><th scope=\"col\">p50</th><th scope=\"col\">p95</th><th scope=\"col\">"
            "p99</th></tr></thead>\n",
            first);
}

static void tally_cells(FILE *f, const struct report_tally *t)
{
    static const double p[] = {0.5, 0.95, 0.99};
    const uint64_t before[] = {t->asked, t->offered, t->answered},
                   after[] = {t->forwarded, t->refused, t->failed};

    for (unsigned i = 0; i < 3; i++) {
        fputs("<td>", f);
        count(f, before[i]);
        fputs("</td>", f);
    }
    fputs("<td>", f);
    share(f, t->in_deadline, t->deadlines);
    fputs("</td>", f);
    for (unsigned i = 0; i < 3; i++) {
        fputs("<td>", f);
        count(f, after[i]);
        fputs("</td>", f);
    }
    for (unsigned i = 0; i < 3; i++) {
        fputs("<td>", f);
        quantile(f, &t->corrected, p[i]);
        fputs("</td>", f);
    }
    fputs("</tr>\n", f);
}

static void tally_foot(FILE *f, const struct report_data *d)
{
    fputs("<tfoot><tr><th scope=\"row\">all</th>", f);
    tally_cells(f, &d->all);
    fputs("</tfoot>\n", f);
}

static void by_node(FILE *f, const struct report_data *d)
{
    fputs("<h2>Nodes</h2>\n", f);
    open_table(f, "Calls by the node that they came to; latency corrected");
    tally_head(f, "node");
    fputs("<tbody>\n", f);
    for (unsigned i = 0; i < d->n_nodes; i++) {
        fputs("<tr><th scope=\"row\">", f);
        name(f, d->node[i].name);
        fputs("</th>", f);
        tally_cells(f, &d->node[i].tally);
    }
    fputs("</tbody>\n", f);
    tally_foot(f, d);
    close_table(f);
}

static void by_type(FILE *f, const struct report_data *d)
{
    fputs("<h2>Types of task</h2>\n", f);
    if (d->n_types == 0) {
        fputs("<p>No call was planned.</p>\n", f);
        return;
    }
    open_table(f, "Calls by their type; latency corrected");
    tally_head(f, "type");
    fputs("<tbody>\n", f);
    for (unsigned i = 0; i < d->n_types; i++) {
        fprintf(f, "<tr><th scope=\"row\">%lld", (long long)d->type[i].id);
        if (d->type[i].deadline > 0) {
            fputs(" <span class=\"soft\">in ", f);
            duration(f, d->type[i].deadline);
            fputs("</span>", f);
        }
        fputs("</th>", f);
        tally_cells(f, &d->type[i].tally);
    }
    fputs("</tbody>\n", f);
    tally_foot(f, d);
    close_table(f);
}

static void percentiles(FILE *f, const struct report_data *d)
{
    static const double p[] = {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};

    if (d->all.answered == 0)
        return;
    open_table(f, "Latency of all answered calls");
    fputs("<thead><tr><th scope=\"col\">percentile</th><th scope=\"col\">corrected</th>"
          "<th scope=\"col\">uncorrected</th></tr></thead>\n<tbody>\n",
          f);
    for (unsigned i = 0; i < sizeof(p) / sizeof(p[0]); i++) {
        fputs("<tr><th scope=\"row\">", f);
        if (i == 0)
            fputs("least", f);
        else if (p[i] >= 1)
            fputs("most", f);
        else
            fprintf(f, "%g", 100 * p[i]);
        fputs("</th><td>", f);
        quantile(f, &d->all.corrected, p[i]);
        fputs("</td><td>", f);
        quantile(f, &d->all.uncorrected, p[i]);
        fputs("</td></tr>\n", f);
    }
    fputs("</tbody>\n", f);
    close_table(f);
}

static void what_ran(FILE *f, const struct report_data *d)
{
    fputs("<h2>What ran</h2>\n", f);
    if (d->n_nodes == 0)
        fputs("<p>The results name no node.</p>\n", f);
    else
        open_table(f, "Nodes as they were when the load began");
    if (d->n_nodes)
        fputs("<thead><tr><th scope=\"col\">node</th><th scope=\"col\" class=\"text\">address</th>"
              "<th scope=\"col\">asked rate</th><th scope=\"col\" class=\"text\">arrivals</th>"
              "<th scope=\"col\" class=\"text\">scheduler</th><th scope=\"col\" class=\"text\">"
              "learner</th></tr></thead>\n<tbody>\n",
              f);
    for (unsigned i = 0; i < d->n_nodes; i++) {
        const struct report_node *n = &d->node[i];
        const char *const texts[] = {n->arrivals, n->scheduler, n->learner};

        fputs("<tr><th scope=\"row\">", f);
        name(f, n->name);
        fputs("</th><td class=\"text\">", f);
        name(f, n->address);
        if (isnan(n->rate))
            fputs("</td><td>varies</td>", f);
        else
            fprintf(f, "</td><td>%g/s</td>", n->rate);
        for (unsigned k = 0; k < 3; k++) {
            fputs("<td class=\"text\">", f);
            name(f, texts[k]);
            fputs("</td>", f);
        }
        fputs("</tr>\n", f);
    }
    if (d->n_nodes) {
        fputs("</tbody>\n", f);
        close_table(f);
    }
    if (d->about[REPORT_YAML] && d->about[REPORT_YAML][0]) {
        fputs("<details><summary>The experiment, as YAML</summary>\n<pre tabindex=\"0\">", f);
        report_html_text(f, d->about[REPORT_YAML], WHOLE);
        fputs("</pre></details>\n", f);
    }
}

/* ---- charts ---- */

/* gnuplot gives the same ids to the marks and patterns of every picture. */
static void embed_line(FILE *f, const char *line, const char *stem)
{
    static const char *const ids[] = {"id='", "id=\"", "'#", "url(#"};

    while (*line) {
        bool found = false;

        for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]) && !found; i++) {
            size_t len = strlen(ids[i]);

            if (strncmp(line, ids[i], len) == 0) {
                fprintf(f, "%s%s-", ids[i], stem);
                line += len;
                found = true;
            }
        }
        if (!found)
            putc(*line++, f);
    }
}

static int embed(FILE *f, const char *folder, const struct report_chart *c)
{
    char path[4096], *line = NULL;
    size_t room = 0;
    bool in = false;
    FILE *svg;

    snprintf(path, sizeof(path), "%s/figures/%s.svg", folder, c->stem);
    svg = fopen(path, "re");
    if (!svg)
        return -1;
    while (getline(&line, &room, svg) > 0) {
        if (!in && strncmp(line, "<svg", 4) == 0) {
            in = true;
            fprintf(f, "<svg role=\"img\" aria-label=\"%s\"", c->title);
            embed_line(f, line + 4, c->stem);
        } else if (in && strncmp(line, "<title>", 7) != 0 && strncmp(line, "<desc>", 6) != 0) {
            embed_line(f, line, c->stem);
        }
    }
    free(line);
    fclose(svg);
    return in ? 0 : -1;
}

static void chart(FILE *f, const char *folder, const struct report_data *d,
                  const struct report_chart *c, const char *failed)
{
    const char *lacks = c->lacks(d);

    fprintf(f, "<figure id=\"%s\">\n<h3>%s</h3>\n", c->stem, c->title);
    if (lacks) {
        fprintf(f, "<p>Not measured. %s</p>\n", lacks);
    } else if (failed[0]) {
        fputs("<p>Not drawn: ", f);
        report_html_text(f, failed, LONG);
        fputs("</p>\n", f);
    } else {
        fprintf(f,
                "<div class=\"chart\" role=\"region\" aria-label=\"%s, chart\" tabindex=\"0\">\n",
                c->title);
        if (embed(f, folder, c))
            fprintf(f, "<p>Not drawn: figures/%s.svg cannot be read.</p>\n", c->stem);
        fprintf(f, "</div>\n<figcaption>%s</figcaption>\n", c->shows);
    }
    fputs("</figure>\n", f);
}

void report_page(FILE *f, const char *folder, const struct report_data *d,
                 char failed[][P2P_ERRLEN])
{
    head(f, d);
    marks(f, d);
    key_figures(f, d);
    fputs("<h2>Latency</h2>\n", f);
    percentiles(f, d);
    for (unsigned i = 0; i < report_n_charts; i++) {
        if (i == 2)
            fprintf(f, "<h2>Over time</h2>\n<p class=\"soft\">In pieces of %g s%s.</p>\n",
                    d->bin_width, d->warm_up > 0 ? "; the warm-up is shaded" : "");
        chart(f, folder, d, &report_charts[i], failed[i]);
    }
    by_node(f, d);
    by_type(f, d);
    what_ran(f, d);
    fputs("</main>\n</body>\n</html>\n", f);
}
