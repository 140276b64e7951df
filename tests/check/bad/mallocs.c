/* Memory that the host does not know of. */
#include <stdlib.h>

#include "tests/check/bad/bad.h"

static void fini(void *self)
{
    free(*(void **)self);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    (void)host;
    (void)err;
    *(void **)self = malloc(16);
    return 0;
}

BAD_SCHEDULER(.decide = stay, .init = init, .fini = fini, .instance_size = sizeof(void *));
