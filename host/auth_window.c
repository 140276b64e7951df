#include "host/auth_window.h"

#include <stdlib.h>
#include <string.h>

int auth_window_init(struct auth_window *w, uint64_t counter, uint64_t now_ms)
{
    *w = (struct auth_window){
        .words = AUTH_WINDOW_FIRST, .newest = counter / 64, .lap = counter / 64, .lap_ms = now_ms};
    w->bits = calloc(w->words, sizeof(*w->bits));
    return w->bits ? 0 : -1;
}

void auth_window_release(struct auth_window *w)
{
    free(w->bits);
    w->bits = NULL;
}

static uint64_t *word_of(struct auth_window *w, uint64_t word)
{
    return &w->bits[word & (w->words - 1)];
}

bool auth_window_take(struct auth_window *w, uint64_t counter)
{
    uint64_t word = counter / 64, bit = (uint64_t)1 << counter % 64;
    uint64_t *at = word_of(w, word);

    if (word > w->newest) {
        uint64_t passed = word - w->newest;

        if (passed >= w->words)
            memset(w->bits, 0, w->words * sizeof(*w->bits));
        else
            while (passed-- > 0)
                *word_of(w, word - passed) = 0;
        w->newest = word;
    } else if (w->newest - word >= w->words) {
        return false;
    }
    if (*at & bit)
        return false;
    *at |= bit;
    return true;
}

uint32_t auth_window_widen(struct auth_window *w, uint64_t now_ms, uint64_t keep_ms, uint64_t spare)
{
    struct auth_window wider = *w;
    bool fast = now_ms - w->lap_ms < keep_ms;

    if (w->newest - w->lap < w->words)
        return 0;
    w->lap = w->newest;
    w->lap_ms = now_ms;
    if (!fast || w->words >= AUTH_WINDOW_MOST || w->words > spare)
        return 0;
    wider.words = w->words * 2;
    wider.bits = malloc(wider.words * sizeof(*wider.bits));
    if (!wider.bits)
        return 0;
    /* What the old ring does not know any more stays seen. */
    memset(wider.bits, 0xff, wider.words * sizeof(*wider.bits));
    for (uint64_t i = 0; i < w->words && i <= w->newest; i++)
        *word_of(&wider, w->newest - i) = *word_of(w, w->newest - i);
    free(w->bits);
    w->bits = wider.bits;
    w->words = wider.words;
    return w->words / 2;
}
