/*
 * fuzz_auth.c - any bytes as a proof's header and as a datagram.  The first byte says
 * what is made of the rest.  Nothing is taken but what was signed, and that once; what
 * is parsed stays inside its bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1000000, SKEW = 30000 };

static void must(int condition)
{
    if (!condition)
        abort();
}

static struct auth *node(uint64_t session)
{
    const struct auth_settings s = {
        .skew_ms = SKEW, .start_ms = NOW - SKEW, .session = session, .sessions = 4};
    struct auth *a = auth_new("a secret of the fuzzer", &s);

    must(a != NULL);
    return a;
}

static struct auth *sender, *receiver;

/* A real header with these bytes over a part of it, and these bytes alone. */
static void try_header(const uint8_t *data, size_t size)
{
    const struct auth_field field = {.data = "f", .len = 1};
    struct auth_finding f;
    struct auth_proof p;
    char text[AUTH_TEXT], why[P2P_ERRLEN], *alone = malloc(size + 1);
    size_t at = size ? data[0] % AUTH_TEXT : 0;
    char real[AUTH_TEXT];

    must(alone != NULL);
    memcpy(alone, data, size);
    alone[size] = '\0';
    must(auth_check(receiver, AUTH_REQUEST, &field, 1, alone, NOW, &f) == AUTH_FORGED);
    auth_explain(receiver, &f, why);
    free(alone);
    must(auth_sign(sender, AUTH_REQUEST, &field, 1, data, size, NOW, real, &p) == 0);
    memcpy(text, real, sizeof(text));
    for (size_t i = 1; i < size && at + i - 1 < AUTH_TEXT - 1; i++)
        text[at + i - 1] = (char)data[i];
    if (strcmp(text, real) != 0)
        must(auth_check(receiver, AUTH_REQUEST, &field, 1, text, NOW, &f) == AUTH_FORGED);
    must(auth_check(receiver, AUTH_REQUEST, &field, 1, real, NOW, &f) == AUTH_OK);
    must(auth_body_is(&f.proof, data, size));
    must(auth_check(receiver, AUTH_REQUEST, &field, 1, real, NOW, &f) == AUTH_REPLAYED);
}

static void try_datagram(const uint8_t *data, size_t size)
{
    unsigned char *sealed = malloc(size + AUTH_ROOM), *alone = malloc(size ? size : 1);
    struct auth_finding f;

    must(sealed && alone);
    memcpy(alone, data, size);
    must(auth_open(receiver, "r", alone, size, NOW, &f) == -1);
    must(f.verdict == AUTH_UNSIGNED || f.verdict == AUTH_FORGED);
    memcpy(sealed, data, size);
    must(auth_seal(sender, "r", sealed, size, size + AUTH_ROOM, NOW) == size + AUTH_ROOM);
    must(auth_open(receiver, "r", sealed, size + AUTH_ROOM, NOW, &f) == (ssize_t)size);
    must(memcmp(sealed, data, size) == 0);
    must(auth_open(receiver, "r", sealed, size + AUTH_ROOM, NOW, &f) == -1);
    free(sealed);
    free(alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!sender) {
        sender = node(1);
        receiver = node(2);
    }
    if (size == 0)
        return 0;
    if (data[0] & 1)
        try_header(data + 1, size - 1);
    else
        try_datagram(data + 1, size - 1);
    return 0;
}
