#include "rl_names.h"

#include <string.h>

enum { STATE_VERSION = 1 };

static bool put_text(struct p2p_stream *out, const char *text)
{
    unsigned char length = (unsigned char)strlen(text);

    return p2p_put(out, &length, 1) && p2p_put(out, text, length);
}

static bool get_text(struct p2p_stream *in, char text[256])
{
    unsigned char length;

    if (!p2p_get(in, &length, 1) || !p2p_get(in, text, length))
        return false;
    text[length] = '\0';
    return strlen(text) == length;
}

bool rl_names_save(struct p2p_stream *out, const struct rl_peers *peers, const struct rl_book *book)
{
    unsigned char version = STATE_VERSION, n_peers = (unsigned char)peers->n;
    unsigned char functions = (unsigned char)book->n_named;

    if (!p2p_put(out, &version, 1) || !p2p_put(out, &n_peers, 1))
        return false;
    for (uint32_t i = 0; i < peers->n; i++)
        if (!put_text(out, peers->peer[i].address))
            return false;
    if (!p2p_put(out, &functions, 1))
        return false;
    for (uint32_t i = 0; i < book->n_named; i++)
        if (!put_text(out, book->function[i].name))
            return false;
    return true;
}

static bool get_peers(struct p2p_stream *in, struct rl_peers *peers)
{
    unsigned char n;
    char text[256];

    if (!p2p_get(in, &n, 1))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!get_text(in, text) || !rl_peers_restore(peers, text))
            return false;
    if (peers->n > peers->most)
        peers->n = peers->most;
    return true;
}

static bool get_functions(struct p2p_stream *in, char (*name)[RL_NAME], unsigned *n)
{
    unsigned char count;
    char text[256];

    if (!p2p_get(in, &count, 1) || count > RL_TYPES)
        return false;
    for (*n = 0; *n < count; ++*n) {
        if (!get_text(in, text) || !text[0] || strlen(text) >= RL_NAME)
            return false;
        memcpy(name[*n], text, strlen(text) + 1);
    }
    return true;
}

bool rl_names_load(struct p2p_stream *in, struct rl_peers *peers, struct rl_book *book)
{
    struct rl_peers read = {.most = peers->most};
    char name[RL_TYPES][RL_NAME];
    unsigned char version, more;
    unsigned n;

    if (!p2p_get(in, &version, 1) || version != STATE_VERSION || !get_peers(in, &read) ||
        !get_functions(in, name, &n) || in->read(in, &more, 1) != 0)
        return false;
    *peers = read;
    for (unsigned i = 0; i < n; i++)
        rl_book_name(book, name[i]);
    return true;
}
