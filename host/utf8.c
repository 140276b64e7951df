#include "host/utf8.h"

#include <string.h>

/* The length of the character there, 0 when it is none: RFC 3629, 4. */
static size_t length(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    unsigned char least = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char most = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
    size_t n = c[0] < 0x80                    ? 1
               : c[0] >= 0xc2 && c[0] <= 0xdf ? 2
               : c[0] >= 0xe0 && c[0] <= 0xef ? 3
               : c[0] >= 0xf0 && c[0] <= 0xf4 ? 4
                                              : 0;

    if (n > 1 && (c[1] < least || c[1] > most))
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

void utf8_clean(char *out, size_t size, const char *text)
{
    size_t at = 0;

    while (*text) {
        size_t n = length(text);

        if (at + (n ? n : 1) >= size)
            break;
        if (n)
            memcpy(out + at, text, n);
        else
            out[at] = '?';
        at += n ? n : 1;
        text += n ? n : 1;
    }
    out[at] = '\0';
}
