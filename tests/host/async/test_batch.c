/* Changes go to the disk together, or not at all: with a full disk, and over kills. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/host/async/support_store.h"

struct adding {
    struct async_change change;
    const struct store_call *call;
    int64_t row;
    unsigned told, dropped;
};

static int apply(struct async_change *c, struct async_store *s)
{
    struct adding *a = (struct adding *)c;

    return store_add(s, a->call, &a->row);
}

static void told(struct async_change *c, const char *why)
{
    struct adding *a = (struct adding *)c;

    a->told++;
    a->dropped += why != NULL;
}

static const struct store_call plain = {.id = "batched",
                                        .function = "echo",
                                        .target = "/function/echo",
                                        .headers = &headers,
                                        .body = &body,
                                        .accepted_ms = 1};

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_a_full_disk_drops_what_may_be_and_keeps_the_rest(void **state)
{
    struct adding a[4] = {0};
    struct async_batch batch;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    batch_init(&batch);
    for (int i = 0; i < 4; i++) {
        a[i].change = (struct async_change){.apply = apply, .done = told, .may_be_dropped = i % 2};
        a[i].call = &plain;
        batch_add(&batch, &a[i].change);
    }
    limit_files(1000);
    assert_int_equal(batch_commit(&batch, store), -1);
    assert_int_equal(batch_commit(&batch, store), -1);
    assert_true(store_may_recover(store));
    limit_files(RLIM_INFINITY);
    assert_int_equal(batch.n, 2);
    assert_int_equal(n_open(), 0);
    assert_int_equal(batch_commit(&batch, store), 0);
    assert_int_equal(n_open(), 2);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a[i].told, 1);
        assert_int_equal(a[i].dropped, i % 2);
    }
}

/* ---- kills ---- */

/* A process that adds calls and finishes half of them, in batches, and says in shared
 * memory how far it is sure to have come. */
struct progress {
    _Atomic uint32_t added, finished;
};

static void work_until_killed(struct progress *p)
{
    bool aside;

    store = store_open(folder, &aside, err);
    if (!store || aside)
        _exit(1);
    for (uint32_t n = p->added;;) {
        int64_t rows[8], callback_bytes;
        const struct store_result r = {.state = STORE_DONE, .status = 200, .body = &body};
        char id[16];

        if (store_begin(store))
            _exit(1);
        for (int i = 0; i < 8; i++) {
            struct store_call c = plain;

            snprintf(id, sizeof(id), "k%u", n + (uint32_t)i);
            c.id = id;
            if (store_add(store, &c, &rows[i]) ||
                (i % 2 && store_finish(store, rows[i], &r, 100, &callback_bytes)))
                _exit(1);
        }
        if (store_commit(store))
            _exit(1);
        n += 8;
        p->added = n;
    }
}

static void test_nothing_that_was_told_is_lost_by_a_kill(void **state)
{
    enum { KILLS = 8, STEP = 80 };
    struct progress *p =
        mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(p != MAP_FAILED);
    store_close(store);
    for (uint32_t kill_at = STEP; kill_at <= KILLS * STEP; kill_at += STEP) {
        pid_t child = fork();
        int status;

        if (child == 0)
            work_until_killed(p);
        while (p->added < kill_at)
            if (waitpid(child, &status, WNOHANG) == child)
                fail_msg("it ended by itself: %#x", (unsigned)status);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        open_store();
        for (uint32_t i = 0; i < p->added; i++) {
            char id[16];

            snprintf(id, sizeof(id), "k%u", i);
            assert_int_equal(found(id).state, i % 2 ? STORE_DONE : STORE_OPEN);
        }
        store_close(store);
    }
    open_store();
    /* What was under way is there whole or not at all, and may be there twice. */
    assert_in_range(n_open(), p->added / 2, p->added / 2 + 4 * KILLS);
    munmap(p, sizeof(*p));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_full_disk_drops_what_may_be_and_keeps_the_rest),
        TEST(test_nothing_that_was_told_is_lost_by_a_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
