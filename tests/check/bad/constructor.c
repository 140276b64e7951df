/* Something runs when it is loaded. */
#include "tests/check/bad/bad.h"

static int started;

__attribute__((constructor)) static void start(void)
{
    started = 1;
}

BAD_SCHEDULER(.decide = stay);
