/* Wants more slots than it declares. */
#include "tests/check/bad/bad.h"

static uint32_t probes(const void *self)
{
    (void)self;
    return 9;
}

BAD_SCHEDULER(.decide = stay, .probes = probes, .max_probes = 8);
