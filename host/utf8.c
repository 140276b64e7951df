#include "host/utf8.h"

#include <string.h>

/* The length of the character there, 0 when it is none. */
static size_t length(const char *text)
{
    unsigned char c = (unsigned char)text[0];
    size_t n = c < 0x80                 ? 1
               : c >= 0xc2 && c <= 0xdf ? 2
               : c >= 0xe0 && c <= 0xef ? 3
               : c >= 0xf0 && c <= 0xf4 ? 4
                                        : 0;

    for (size_t i = 1; i < n; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
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
