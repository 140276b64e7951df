#include "tests/host/async/support_store.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

char folder[32] = "/tmp/p2p-store-XXXXXX";
struct async_store *store;
struct headers headers;
struct buf body;
char err[P2P_ERRLEN];

void open_store(void)
{
    bool aside;

    store = store_open(folder, &aside, err);
    if (!store)
        fail_msg("%s", err);
    assert_false(aside);
}

void reopen(void)
{
    store_close(store);
    open_store();
}

int setup(void **state)
{
    (void)state;
    memset(folder + strlen(folder) - 6, 'X', 6);
    if (!mkdtemp(folder))
        return -1;
    headers_init(&headers, 8192);
    buf_init(&body, 1 << 20);
    headers_add(&headers, "X-One", "1");
    headers_add(&headers, "X-Two", "");
    buf_puts(&body, "hello");
    open_store();
    return 0;
}

int teardown(void **state)
{
    char path[512];
    const struct dirent *e;
    DIR *list;

    (void)state;
    store_close(store);
    store = NULL;
    list = opendir(folder);
    while (list && (e = readdir(list))) {
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (list)
        closedir(list);
    rmdir(folder);
    headers_release(&headers);
    buf_release(&body);
    return 0;
}

static void count_open(void *ctx, const struct store_open_call *c)
{
    (void)c;
    ++*(unsigned *)ctx;
}

unsigned n_open(void)
{
    unsigned n = 0;

    assert_int_equal(store_each_open(store, count_open, &n), 0);
    return n;
}

struct store_found found(const char *id)
{
    struct store_found f;
    bool there;

    assert_int_equal(store_find(store, id, &f, NULL, &there), 0);
    assert_true(there);
    return f;
}
