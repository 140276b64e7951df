/* Two parameters in one field. */
#include "tests/check/bad/bad.h"

struct bad {
    int64_t a, b;
};

static const struct p2p_param params[] = {P2P_PARAM_INT(struct bad, a, 1, 0, 9, "the first"),
                                          P2P_PARAM_INT(struct bad, b, 1, 0, 9, "the second"),
                                          {"c",
                                           "the third, in the field of the second",
                                           P2P_INT,
                                           0,
                                           offsetof(struct bad, b),
                                           0,
                                           1,
                                           0,
                                           9,
                                           NULL,
                                           NULL,
                                           {0, 0}},
                                          P2P_PARAM_END};

BAD_SCHEDULER(.decide = stay, .params = params, .instance_size = sizeof(struct bad));
