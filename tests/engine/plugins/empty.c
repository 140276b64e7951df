/*
 * empty.c - a module with nothing inside.
 */
#include <p2pfaas/plugin.h>

extern P2P_PUBLIC const struct p2p_module p2p_plugin;
const struct p2p_module p2p_plugin = {.magic = P2P_ABI_MAGIC,
                                      .abi_major = P2P_ABI_MAJOR,
                                      .abi_minor = P2P_ABI_MINOR,
                                      .size = sizeof(p2p_plugin),
                                      .needs_minor = P2P_ABI_MINOR};
