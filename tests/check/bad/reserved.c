/* A word that has no meaning yet is used. */
#include "tests/check/bad/bad.h"

static const struct p2p_scheduler ops = {BAD_TEXTS, .decide = stay};
static const struct p2p_scheduler *const all[] = {&ops, NULL};

extern P2P_PUBLIC const struct p2p_module p2p_plugin;
const struct p2p_module p2p_plugin = {.magic = P2P_ABI_MAGIC,
                                      .abi_major = P2P_ABI_MAJOR,
                                      .abi_minor = P2P_ABI_MINOR,
                                      .size = sizeof(p2p_plugin),
                                      .needs_minor = P2P_NEEDS_MINOR,
                                      .reserved = 7,
                                      .schedulers = all};
