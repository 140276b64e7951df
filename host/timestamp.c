#include "host/timestamp.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int64_t SECOND = 1000000000;

int64_t timestamp_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

void timestamp_format(int64_t ns, unsigned digits, char out[TIMESTAMP])
{
    time_t seconds = (time_t)(ns / SECOND);
    char fraction[16] = "";
    struct tm parts;
    size_t n;

    if (digits)
        snprintf(fraction, sizeof(fraction), ".%09d", (int)(ns % SECOND));
    gmtime_r(&seconds, &parts);
    n = strftime(out, TIMESTAMP, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + n, TIMESTAMP - n, "%.*sZ", (int)digits + 1, fraction);
}

/* Does the text begin in that form, where 0 stands for any digit? */
static bool has_form(const char *text, const char *form)
{
    for (; *form; form++, text++)
        if (*form == '0' ? !isdigit((unsigned char)*text) : toupper((unsigned char)*text) != *form)
            return false;
    return true;
}

static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + text[1] - '0';
}

/* Seconds east of UTC; false when there is no offset. */
static bool read_offset(const char *text, int *offset, size_t *len)
{
    *offset = 0;
    *len = 1;
    if (has_form(text, "Z"))
        return true;
    if (!has_form(text, "+00:00") && !has_form(text, "-00:00"))
        return false;
    *offset = two_digits(text + 1) * 3600 + two_digits(text + 4) * 60;
    *offset = text[0] == '-' ? -*offset : *offset;
    *len = 6;
    return two_digits(text + 1) < 24 && two_digits(text + 4) < 60;
}

size_t timestamp_parse(const char *text, int64_t *ns)
{
    struct tm parts = {0};
    int64_t fraction = 0, digit = SECOND / 10;
    int offset, day;
    size_t at = 19, n;
    time_t seconds;

    if (!has_form(text, "0000-00-00T00:00:00"))
        return 0;
    parts.tm_year = two_digits(text) * 100 + two_digits(text + 2) - 1900;
    parts.tm_mon = two_digits(text + 5) - 1;
    parts.tm_mday = day = two_digits(text + 8);
    parts.tm_hour = two_digits(text + 11);
    parts.tm_min = two_digits(text + 14);
    parts.tm_sec = two_digits(text + 17);
    if (parts.tm_year < 70 || parts.tm_year > 361 || parts.tm_mon < 0 || parts.tm_mon > 11 ||
        parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60)
        return 0;
    if (has_form(text + at, ".0"))
        for (at++; isdigit((unsigned char)text[at]); at++, digit /= 10)
            fraction += digit * (text[at] - '0');
    if (!read_offset(text + at, &offset, &n))
        return 0;
    seconds = timegm(&parts);
    /* The 31st of February would have become a day of March; a leap second may move on. */
    if (parts.tm_mday != day && !(text[17] == '6' && parts.tm_sec == 0))
        return 0;
    *ns = ((int64_t)seconds - offset) * SECOND + fraction;
    return at + n;
}
