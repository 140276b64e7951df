/*
 * fuzz_openfaas.c - any bytes as the list of functions of an OpenFaaS gateway.  What is taken
 * from them must be in order, not too much, and fit to be the name of a function.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/runtimes/openfaas_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct openfaas_list l;
    char err[P2P_ERRLEN] = "";

    if (openfaas_read_list(&l, (const char *)data, size, "openfaas-fn", err)) {
        must(err[0] && l.n == 0 && !l.entry);
        return 0;
    }
    must(l.n <= OPENFAAS_MOST);
    for (unsigned i = 0; i < l.n; i++) {
        must(config_is_function_name(l.entry[i].name));
        must(i == 0 || strcmp(l.entry[i - 1].name, l.entry[i].name) < 0);
        must(openfaas_list_find(&l, l.entry[i].name) == &l.entry[i]);
        must(strlen(l.entry[i].settings) < SETTINGS_HASH);
    }
    openfaas_list_release(&l);
    return 0;
}
