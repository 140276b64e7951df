/*
 * no_symbol.c - a shared object that is no plugin.
 */
#include <p2pfaas/plugin.h>

extern P2P_PUBLIC const int p2p_test_not_a_plugin;
const int p2p_test_not_a_plugin = 1;
