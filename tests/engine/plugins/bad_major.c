/*
 * bad_major.c - a plugin of the next major ABI.
 */
#include <p2pfaas/plugin.h>

extern P2P_PUBLIC const struct p2p_module p2p_plugin;
const struct p2p_module p2p_plugin = {.magic = P2P_ABI_MAGIC,
                                      .abi_major = P2P_ABI_MAJOR + 1,
                                      .abi_minor = 0,
                                      .size = sizeof(p2p_plugin),
                                      .needs_minor = 0};
