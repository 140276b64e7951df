/*
 * test_learner_keep.c - what a learner knows, to a file and back; and all of it at once,
 * from several threads.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/support_learner.h"

static char path[96];

static int setup(void **state)
{
    int rc = pupil_setup(state);

    snprintf(path, sizeof(path), "%s/learner", ((struct fake *)*state)->root);
    return rc;
}

static int teardown(void **state)
{
    char aside[112];

    snprintf(aside, sizeof(aside), "%s.new", path);
    unlink(aside);
    unlink(path);
    return pupil_teardown(state);
}

static void teach(struct fake *f, unsigned n)
{
    while (n-- > 0)
        assert_int_equal(engine_reward(f->engine, pupil_ask(f), 1, NULL, 0, 0), REWARD_TAKEN);
}

static void saves(struct fake *f)
{
    if (engine_learner_save(f->engine, path, f->err))
        fail_msg("%s", f->err);
}

static void refuses(struct fake *f, int (*what)(struct engine *, const char *, char *),
                    const char *said)
{
    uint64_t before = pupil_now(f).generation;

    snprintf(f->err, sizeof(f->err), "no reason");
    assert_int_equal(what(f->engine, path, f->err), -1);
    if (strncmp(f->err, path, strlen(path)) != 0 || !strstr(f->err, said))
        fail_msg("'%s' is not said in: %s", said, f->err);
    assert_true(pupil_now(f).generation == before);
}

static void a_new_process_knows_what_was_saved(void **state)
{
    struct fake *f = *state;
    uint64_t open;

    pupil_select(f, "pupil");
    fake_select(f, "asker");
    teach(f, 3); /* which wait, but are learned before */
    saves(f);
    assert_int_equal(fake_said(f, "knows 3\n"), 1);
    assert_int_equal(engine_select_learner(f->engine, NULL, f->err), 0);
    pupil_select(f, "heir", "action", "2");
    open = pupil_ask(f);
    assert_int_equal(engine_learner_load(f->engine, path, f->err), 0);
    assert_int_equal(fake_said(f, "loaded, knows 3\n"), 1);
    assert_int_equal(fake_said(f, "loaded 8 bytes of state that pupil 1.2 saved\n"), 1);
    assert_string_equal(pupil_now(f).full, "heir(2, 0.5, 8, right, 0, 1, false)");
    /* Its episodes go on. */
    assert_int_equal(engine_reward(f->engine, open, 1, NULL, 0, 0), REWARD_TAKEN);
    assert_int_equal(pupil_stats(f).instances, 1);
    assert_int_equal(pupil_stats(f).selections, 2);
}

static void what_does_not_fit_is_not_loaded(void **state)
{
    struct fake *f = *state;

    refuses(f, engine_learner_load, "No such file");
    pupil_select(f, "pupil");
    fake_select(f, "asker");
    saves(f);
    pupil_select(f, "alien");
    refuses(f, engine_learner_load,
            "pupil saved it in the format 'lessons 1', alien reads 'lessons 2'");
    pupil_select(f, "forgetful");
    refuses(f, engine_learner_load, "forgetful cannot load");
    pupil_select(f, "pupil");
    fake_select(f, "asker", "dims", "3", "actions", "7");
    refuses(f, engine_learner_load,
            "of 2 dimensions and 4 actions, the scheduler's space has 3 and 7");
    fake_select(f, "asker");
    pupil_select(f, "pupil", "way", "loads_not");
    refuses(f, engine_learner_load, "pupil did not load the 8 bytes of state");
    assert_int_equal(engine_select_learner(f->engine, NULL, f->err), 0);
    refuses(f, engine_learner_load, "no learner at work");
    assert_int_equal(truncate(path, 100), 0);
    refuses(f, engine_learner_load, "cut off");
}

static void what_cannot_be_saved_keeps_the_old_file(void **state)
{
    struct fake *f = *state;

    refuses(f, engine_learner_save, "no learner at work");
    pupil_select(f, "pupil");
    refuses(f, engine_learner_save, "no learner at work");
    fake_select(f, "asker");
    teach(f, 2);
    saves(f);
    pupil_select(f, "forgetful");
    refuses(f, engine_learner_save, "cannot save");
    pupil_select(f, "pupil", "way", "saves_not");
    refuses(f, engine_learner_save, "did not save");
    pupil_select(f, "pupil", "bulk", "65MB");
    refuses(f, engine_learner_save, "did not save");
    pupil_select(f, "pupil");
    assert_int_equal(engine_learner_load(f->engine, path, f->err), 0);
    assert_int_equal(fake_said(f, "loaded, knows 2\n"), 1);
}

/* ---- killed while it saves ---- */

static void save_for_ever(struct fake *f, int ready)
{
    for (unsigned i = 0;; i++) {
        if (engine_learner_save(f->engine, path, f->err))
            _exit(1);
        if (i == 0 && write(ready, "x", 1) != 1)
            _exit(1);
        /* What is saved changes. */
        pupil_ask(f);
        engine_reward(f->engine, pupil_ask(f), 1, NULL, 0, 0);
    }
}

static void a_kill_leaves_a_file_that_loads(void **state)
{
    enum { KILLS = 20 };
    struct fake *f = *state;

    pupil_select(f, "pupil", "bulk", "200000", "quiet", "true");
    fake_select(f, "asker", "quiet", "true");
    for (unsigned i = 0; i < KILLS; i++) {
        int ready[2], status;
        char byte;
        pid_t pid;

        assert_int_equal(pipe(ready), 0);
        pid = fork();
        if (pid == 0)
            save_for_ever(f, ready[1]);
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        for (volatile unsigned spin = 0; spin < i * 50000; spin++)
            ;
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        if (engine_learner_load(f->engine, path, f->err))
            fail_msg("after kill %u: %s", i, f->err);
    }
}

/* ---- from several threads ---- */

enum { REWARDERS = 4, EPISODES = 3000 };

struct crowd {
    struct fake *f;
    _Atomic uint64_t episodes[EPISODES];
    _Atomic unsigned n;
    _Atomic bool over;
    _Atomic uint64_t verdicts[REWARD_VERDICTS];
};

/* Each of them rewards all: one is right, the others are too late. */
static void *reward_all(void *ctx)
{
    static const float next[2] = {1, 2};
    struct crowd *c = ctx;

    for (unsigned i = 0; i < EPISODES; i++) {
        while (i >= c->n && !c->over)
            sched_yield();
        if (i >= c->n)
            break;
        c->verdicts[engine_reward(c->f->engine, c->episodes[i], 1, next, 2, 0)]++;
    }
    return NULL;
}

static void *save_often(void *ctx)
{
    struct crowd *c = ctx;
    char err[P2P_ERRLEN];
    uint64_t saved = 0;

    do /* once at least, though all be over before this thread began */
        saved += engine_learner_save(c->f->engine, path, err) == 0;
    while (!c->over);
    return (void *)(uintptr_t)saved;
}

static void ask_and_swap(struct crowd *c)
{
    struct fake *f = c->f;

    for (unsigned i = 0; i < EPISODES; i++) {
        c->episodes[i] = pupil_ask(f);
        c->n++;
        if (i % 100 == 50)
            pupil_select(f, i % 200 == 50 ? "heir" : "pupil", "quiet", "true");
        if (i % 100 == 99)
            fake_select(f, i % 200 == 99 ? "needy" : "asker", "quiet", "true");
        engine_learn(f->engine);
    }
}

static void rewards_may_come_from_any_thread(void **state)
{
    struct fake *f = *state;
    struct crowd c = {.f = f};
    pthread_t threads[REWARDERS], saver;
    struct learner_stats s;
    void *saved;

    pupil_select(f, "pupil", "quiet", "true");
    fake_select(f, "asker", "quiet", "true");
    for (int i = 0; i < REWARDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reward_all, &c), 0);
    assert_int_equal(pthread_create(&saver, NULL, save_often, &c), 0);
    ask_and_swap(&c);
    for (int i = 0; i < REWARDERS; i++)
        pthread_join(threads[i], NULL);
    c.over = true;
    pthread_join(saver, &saved);
    assert_true((uintptr_t)saved > 0);
    pupil_learn(f);
    s = pupil_stats(f);
    assert_int_equal(c.verdicts[REWARD_TAKEN], EPISODES);
    assert_int_equal(c.verdicts[REWARD_DUPLICATE], (REWARDERS - 1) * EPISODES);
    assert_int_equal(s.transitions, EPISODES);
    assert_int_equal(s.open, 0);
    assert_int_equal(fake_said(f, "twice"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_process_knows_what_was_saved),      TEST(what_does_not_fit_is_not_loaded),
        TEST(what_cannot_be_saved_keeps_the_old_file), TEST(a_kill_leaves_a_file_that_loads),
        TEST(rewards_may_come_from_any_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
