#include "bench/report_private.h"

#include <math.h>
#include <string.h>

enum { REPLACEMENT = 0xfffd };

/* The next character; what is none, and what controls how others are shown, is replaced. */
static uint32_t next(const unsigned char **at)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *s = *at;
    unsigned more = s[0] < 0x80 ? 0 : s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : 1;
    uint32_t c = more == 0 ? s[0] : s[0] & (0x3fu >> more);

    *at = s + 1;
    if (more > 0 && (s[0] < 0xc2 || s[0] > 0xf4))
        return REPLACEMENT;
    for (unsigned i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (s[i] & 0x3f);
    }
    *at = s + more + 1;
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
        (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) ||
        (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || (c & 0xfffe) == 0xfffe)
        return REPLACEMENT;
    return c;
}

static void put(FILE *f, uint32_t c)
{
    if (c < 0x80) {
        putc((int)c, f);
        return;
    }
    if (c < 0x800)
        putc((int)(0xc0 | c >> 6), f);
    else if (c < 0x10000)
        fprintf(f, "%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3f)));
    else
        fprintf(f, "%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 0x3f)),
                (int)(0x80 | (c >> 6 & 0x3f)));
    putc((int)(0x80 | (c & 0x3f)), f);
}

void report_html_text(FILE *f, const char *text, size_t most)
{
    const unsigned char *at = (const unsigned char *)text;

    for (size_t n = 0; *at; n++) {
        uint32_t c = next(&at);

        if (n == most) {
            fputs("…", f);
            return;
        }
        if (c == '&')
            fputs("&amp;", f);
        else if (c == '<')
            fputs("&lt;", f);
        else if (c == '>')
            fputs("&gt;", f);
        else if (c == '"')
            fputs("&quot;", f);
        else if (c == '\'')
            fputs("&#39;", f);
        else
            put(f, c);
    }
}

void report_gnuplot_text(FILE *f, const char *text, size_t most, bool tic)
{
    const unsigned char *at = (const unsigned char *)text;

    for (size_t n = 0; *at; n++) {
        uint32_t c = next(&at);

        if (n == most) {
            fputs("…", f);
            return;
        }
        if (c == '"' || c == '\\')
            putc('\\', f);
        if (c == '%' && tic)
            putc('%', f);
        put(f, c == '`' ? '\'' : c == '\n' || c == '\t' ? ' ' : c); /* between ` it runs commands */
    }
}

void report_seconds(char *out, size_t size, double seconds)
{
    static const struct {
        double factor;
        const char *unit;
    } units[] = {{1, "s"}, {1e3, "ms"}, {1e6, "µs"}};
    unsigned u = seconds >= 1 || seconds <= 0 ? 0 : seconds >= 1e-3 ? 1 : 2;
    double shown = seconds * units[u].factor;

    if (isnan(seconds))
        snprintf(out, size, "–");
    else
        snprintf(out, size, "%.*f %s",
                 shown >= 100 || shown <= 0 ? 0
                 : shown >= 10              ? 1
                                            : 2,
                 shown, units[u].unit);
}
