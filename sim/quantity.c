#include "sim/quantity.h"

#include <math.h>

enum { MOST_DECIMALS = 6, MOST_DIGITS = 6 };

struct scale {
    double factor;
    const char *unit;
};

static struct scale scale_of(double value, enum metric_unit unit)
{
    static const struct scale times[] = {{1, "s"}, {1e3, "ms"}, {1e6, "µs"}, {1e9, "ns"}};
    unsigned i = 0;

    switch (unit) {
    case UNIT_SHARE:
        return (struct scale){100, "%"};
    case UNIT_RATE:
        return (struct scale){1, "/s"};
    case UNIT_SECONDS:
        /* 999.96 ms would be rounded to 1000. */
        while (i < 3 && value != 0 && fabs(value) * times[i].factor < 0.9999)
            i++;
        return times[i];
    default:
        return (struct scale){1, ""};
    }
}

/* Decimals with which the leading digit of x is followed by `more`. */
static int decimals(double x, int more)
{
    int d = x != 0 ? more - (int)floor(log10(fabs(x))) : 0;

    return d < 0 ? 0 : d > MOST_DECIMALS ? MOST_DECIMALS : d;
}

struct quantity quantity_of(const struct estimate *e, enum metric_unit unit)
{
    struct quantity q = {"-", "", ""};
    struct scale s = scale_of(e->value, unit);
    double value = e->value * s.factor, half = e->half_width * s.factor;
    int digits;

    if (!isfinite(value))
        return q;
    digits = decimals(value, 3);
    if (isfinite(half) && half > 0) {
        int most = decimals(value, MOST_DIGITS - 1);

        digits = decimals(half, 1);
        if (value != 0 && digits > most)
            digits = most;
    }
    snprintf(q.value, sizeof(q.value), "%.*f", digits, value);
    if (isfinite(half))
        snprintf(q.half, sizeof(q.half), "%.*f", half > 0 ? digits : 0, half);
    snprintf(q.unit, sizeof(q.unit), "%s", s.unit);
    return q;
}

void quantity_print(char *out, size_t size, double value, enum metric_unit unit)
{
    struct estimate e = {value, NAN, 0};
    struct quantity q = quantity_of(&e, unit);

    snprintf(out, size, "%s%s%s", q.value, q.unit[0] ? " " : "", q.unit);
}

void quantity_duration(char *out, size_t size, double seconds)
{
    if (seconds >= 7200)
        snprintf(out, size, "%.4g h", seconds / 3600);
    else if (seconds >= 600)
        snprintf(out, size, "%.4g min", seconds / 60);
    else if (seconds >= 1 || seconds == 0)
        snprintf(out, size, "%.4g s", seconds);
    else
        snprintf(out, size, "%.4g ms", seconds * 1e3);
}

void quantity_pad(FILE *f, const char *text, unsigned width, int right)
{
    unsigned places = 0;

    for (const char *c = text; *c; c++)
        places += ((unsigned char)*c & 0xc0) != 0x80;
    if (!right)
        fputs(text, f);
    for (; places < width; places++)
        putc(' ', f);
    if (right)
        fputs(text, f);
}
