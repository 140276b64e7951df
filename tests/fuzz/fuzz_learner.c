/*
 * fuzz_learner.c - any bytes as a body of /train_batch, or, after an 's', as the text of a
 * state: what is read is finite and within its limits, and written again is the same.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/learner_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void state(const char *text)
{
    float out[64];
    int n = learner_read_state(text, out, 64);

    must(n == -1 || (n >= 1 && n <= 64));
    for (int k = 0; k < n; k++) {
        char number[LEARNER_NUMBER];
        float back;

        must(isfinite(out[k]));
        learner_write_number(number, out[k]);
        must(learner_read_state(number, &back, 1) == 1 && back == out[k]);
    }
}

static void batch(const char *json, size_t len)
{
    struct train_batch b;

    train_batch_read(&b, json, len);
    must(b.n <= TRAIN_MOST);
    for (uint32_t i = 0; i < b.n; i++) {
        const struct train_item *item = &b.items[i];

        for (uint32_t k = 0; item->sound && k < item->n_state; k++)
            must(isfinite(item->state[k]));
        must(!item->sound || (isfinite(item->reward) && item->n_state > 0));
    }
    train_batch_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (size && text[0] == 's')
        state(text + 1);
    else
        batch(text, size);
    free(text);
    return 0;
}
