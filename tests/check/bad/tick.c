/* Decides a job where there is none. */
#include "tests/check/bad/bad.h"

BAD_SCHEDULER(.decide = stay, .tick_ns = 1000000000);
