/*
 * crashes_at_load.c - no plugin, and whoever opens it is done for.
 */
__attribute__((constructor)) static void crash(void)
{
    __builtin_trap();
}
