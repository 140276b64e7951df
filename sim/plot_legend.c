#include "sim/plot_legend.h"

#include <stdlib.h>
#include <string.h>

enum {
    WIDE = 24,  /* characters: a legend with a wider text goes below the figure */
    LONG = 16,  /* entries: so does one of more */
    SAMPLE = 7, /* characters that a line and the space around a text take */
    WORTH = 6   /* characters: what begins like all others with so many is shortened */
};
#define GAP "…"

void plot_shown(char out[PLOT_LABEL], const char *text)
{
    static const char plugin[] = "{plugin: ", parameters[] = ", parameters: {";
    const char *more = strstr(text, parameters);
    size_t len = strlen(text);

    snprintf(out, PLOT_LABEL, "%s", text);
    if (len < sizeof(plugin) || strncmp(text, plugin, sizeof(plugin) - 1) != 0 ||
        text[len - 1] != '}')
        return;
    text += sizeof(plugin) - 1;
    len -= sizeof(plugin) - 1;
    if (!more) {
        snprintf(out, PLOT_LABEL, "%.*s", (int)len - 1, text);
    } else if (strcmp(text + len - 2, "}}") == 0) {
        int name = (int)(more - text);

        more += sizeof(parameters) - 1;
        snprintf(out, PLOT_LABEL, "%.*s (%.*s)", name, text, (int)strlen(more) - 2, more);
    }
}

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

unsigned plot_characters(const char *text, size_t len)
{
    unsigned n = 0;

    for (size_t i = 0; i < len; i++)
        n += begins_character(text[i]);
    return n;
}

static unsigned characters(const char *text)
{
    return plot_characters(text, strlen(text));
}

size_t plot_line(const char *text, unsigned room)
{
    size_t fits = 0, end = 0;

    do {
        do
            end += strcspn(text + end, " ");
        while (end && text[end] && text[end - 1] == ':' && ++end);
        if (fits && plot_characters(text, end) > room)
            return fits;
        fits = end;
    } while (text[end++]);
    return fits;
}

/* Where character n begins. */
static size_t place_of(const char *text, unsigned n)
{
    size_t i = 0;

    for (; text[i]; i++)
        if (begins_character(text[i]) && n-- == 0)
            break;
    return i;
}

/* ---- shorter texts ---- */

static bool parts_words(char c)
{
    return c == ' ' || c == '(' || c == '/';
}

/* What all n begin with, up to the end of a word. */
static size_t common_begin(char (*label)[PLOT_LABEL], unsigned n)
{
    size_t common = 0, words = 0;

    for (;; common++) {
        char c = label[0][common];

        for (unsigned i = 0; i < n; i++)
            if (label[i][common] != c || c == '\0')
                return words;
        if (parts_words(c))
            words = common + 1;
    }
}

/* What all n end with, from the end of a word on, behind their first `begin` bytes. */
static size_t common_end(char (*label)[PLOT_LABEL], unsigned n, size_t begin)
{
    size_t words = 0, len0 = strlen(label[0]);

    for (size_t common = 1;; common++) {
        for (unsigned i = 0; i < n; i++) {
            size_t len = strlen(label[i]);

            if (len < begin + common || label[i][len - common] != label[0][len0 - common])
                return words;
        }
        if (label[0][len0 - common] == ',')
            words = common;
    }
}

/* The title says once what is the same in all. */
static void drop_what_is_common(struct plot_legend *l, unsigned n)
{
    size_t begin = n > 1 ? common_begin(l->label, n) : 0;
    size_t end = n > 1 ? common_end(l->label, n, begin) : 0, len = strlen(l->label[0]);
    char text[2 * PLOT_LABEL];

    begin = begin < WORTH ? 0 : begin;
    end = end < WORTH ? 0 : end;
    if (!begin && !end)
        return;
    snprintf(text, sizeof(text), "%s: %.*s" GAP "%s", l->title, (int)begin, l->label[0],
             l->label[0] + len - end);
    snprintf(l->title, PLOT_LABEL, "%.*s", PLOT_LABEL - 1, text);
    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%s%.*s%s", begin ? GAP : "",
                 (int)(strlen(l->label[i]) - begin - end), l->label[i] + begin, end ? GAP : "");
        snprintf(l->label[i], PLOT_LABEL, "%.*s", PLOT_LABEL - 1, text);
    }
}

/* "nodes.edge.slots, run.length" is "slots, length". */
static void drop_paths(char title[PLOT_LABEL], const char *text)
{
    size_t at = 0;

    while (*text) {
        size_t word = strcspn(text, ","), path = word;

        while (path > 0 && text[path - 1] != '.')
            path--;
        at += (size_t)snprintf(title + at, PLOT_LABEL - at, "%s%.*s", at ? ", " : "",
                               (int)(word - path), text + path);
        text += word;
        text += strspn(text, ", ");
        if (at >= PLOT_LABEL)
            return;
    }
}

void plot_cut(char text[PLOT_LABEL], unsigned room)
{
    unsigned n = characters(text), head = (room - 1) / 2;
    char whole[PLOT_LABEL];

    if (n <= room)
        return;
    snprintf(whole, sizeof(whole), "%s", text);
    snprintf(text, PLOT_LABEL, "%.*s" GAP "%s", (int)place_of(whole, head), whole,
             whole + place_of(whole, n - (room - 1 - head)));
}

/* ---- the legend ---- */

static unsigned widest_label(const struct plot_legend *l, unsigned n)
{
    unsigned widest = 0;

    for (unsigned i = 0; i < n; i++)
        widest = characters(l->label[i]) > widest ? characters(l->label[i]) : widest;
    return widest;
}

int plot_legend_make(struct plot_legend *l, const struct plot_data *d, const struct plot_options *o,
                     const bool *shows, unsigned room)
{
    *l = (struct plot_legend){.title = ""};
    l->label = calloc((size_t)d->n_series + o->n_theories + 1, sizeof(*l->label));
    if (!l->label)
        return -1;
    for (unsigned s = 0; s < d->n_series; s++)
        plot_shown(l->label[l->n_entries++], d->series[s]);
    for (unsigned t = 0; t < o->n_theories; t++)
        if (shows[t])
            snprintf(l->label[l->n_entries++], PLOT_LABEL, "%s", o->theory[t].label);
    if (d->n_series == 1 && !l->label[0][0])
        snprintf(l->label[0], PLOT_LABEL, "simulated");
    snprintf(l->title, PLOT_LABEL, "%s", d->series_title);
    if (characters(l->title) > WIDE)
        drop_paths(l->title, d->series_title);
    if (widest_label(l, d->n_series) > WIDE)
        drop_what_is_common(l, d->n_series);
    plot_cut(l->title, room);
    for (unsigned i = 0; i < l->n_entries; i++)
        plot_cut(l->label[i], room - SAMPLE);
    l->below =
        widest_label(l, l->n_entries) > WIDE || characters(l->title) > WIDE || l->n_entries > LONG;
    return 0;
}

void plot_legend_release(struct plot_legend *l)
{
    free(l->label);
}

unsigned plot_legend_rows(const struct plot_legend *l, unsigned room)
{
    unsigned columns = room / (widest_label(l, l->n_entries) + SAMPLE);

    if (!l->below || l->n_entries < 2)
        return 0;
    columns = columns ? columns : 1;
    return (l->n_entries + columns - 1) / columns + (l->title[0] != '\0');
}
