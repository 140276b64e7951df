/*
 * needs_newer.c - a plugin that needs a newer minor ABI.
 */
#include <p2pfaas/plugin.h>

extern P2P_PUBLIC const struct p2p_module p2p_plugin;
const struct p2p_module p2p_plugin = {.magic = P2P_ABI_MAGIC,
                                      .abi_major = P2P_ABI_MAJOR,
                                      .abi_minor = P2P_ABI_MINOR + 1,
                                      .size = sizeof(p2p_plugin),
                                      .needs_minor = P2P_ABI_MINOR + 1};
