/* Takes the number of entries from the message. */
#include <string.h>

#include "tests/check/bad/bad.h"

struct bad {
    uint32_t loads[8];
};

static void heard(void *self, const struct p2p_request *rq, const void *message, uint32_t len)
{
    struct bad *b = self;
    uint32_t n = *(const uint8_t *)message;

    (void)rq;
    (void)len;
    memcpy(b->loads, (const char *)message + 1, n);
}

BAD_SCHEDULER(.decide = stay, .heard = heard, .instance_size = sizeof(struct bad));
