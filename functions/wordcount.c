/* wordcount - lines, words and bytes of a text, and the words it has most of: JSON. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "functions/serve.h"

enum { TOP = 5, MOST_LETTERS = 48 };

struct word {
    char text[MOST_LETTERS];
    unsigned count;
    UT_hash_handle hh;
};

static int by_count(const struct word *a, const struct word *b)
{
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->text, b->text);
}

static void count_word(struct word **words, const char *text, size_t n)
{
    char key[MOST_LETTERS] = "";
    struct word *w;

    if (n >= sizeof(key))
        n = sizeof(key) - 1;
    for (size_t i = 0; i < n; i++)
        key[i] = (char)tolower((unsigned char)text[i]);
    HASH_FIND_STR(*words, key, w);
    if (!w) {
        w = calloc(1, sizeof(*w));
        if (!w)
            return;
        memcpy(w->text, key, sizeof(key));
        HASH_ADD_STR(*words, text, w);
    }
    w->count++;
}

static void handle(struct invocation *in)
{
    struct word *words = NULL, *w, *next;
    unsigned long lines = 0, n_words = 0;
    cJSON *json = cJSON_CreateObject(), *top;
    int left = TOP;

    for (size_t i = 0; i < in->len;) {
        size_t n = 0;

        while (i + n < in->len && isalnum((unsigned char)in->body[i + n]))
            n++;
        if (n) {
            count_word(&words, in->body + i, n);
            n_words++;
            i += n;
        } else {
            lines += in->body[i++] == '\n';
        }
    }
    HASH_SORT(words, by_count);
    cJSON_AddNumberToObject(json, "lines", (double)lines);
    cJSON_AddNumberToObject(json, "words", (double)n_words);
    cJSON_AddNumberToObject(json, "bytes", (double)in->len);
    top = cJSON_AddObjectToObject(json, "top");
    HASH_ITER(hh, words, w, next)
    {
        if (left-- > 0)
            cJSON_AddNumberToObject(top, w->text, w->count);
        HASH_DEL(words, w); /* NOLINT(clang-analyzer-unix.Malloc): it loses track in uthash */
        free(w);
    }
    in->out = cJSON_PrintUnformatted(json);
    in->out_len = in->out ? strlen(in->out) : 0;
    in->content_type = "application/json";
    cJSON_Delete(json);
}

int main(void)
{
    return serve(handle);
}
