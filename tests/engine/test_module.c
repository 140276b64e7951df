#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/module.h"

static char folder[64], run_dir[80], file[80];
static const char *plugins;

static int make_folders(void **state)
{
    (void)state;
    plugins = getenv("P2P_TEST_PLUGINS");
    if (!plugins) {
        fprintf(stderr, "P2P_TEST_PLUGINS must name the folder of the test plugins\n");
        return -1;
    }
    snprintf(folder, sizeof(folder), "/tmp/p2p_module_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(run_dir, sizeof(run_dir), "%s/run", folder);
    snprintf(file, sizeof(file), "%s/x.so", folder);
    return mkdir(run_dir, 0700);
}

/* rmdir fails when a private copy was left behind. */
static int remove_folders(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(run_dir) || rmdir(folder) ? -1 : 0;
}

static char *content_of(const char *name, size_t *size)
{
    char path[4096];
    struct stat st;
    char *data;
    int fd;

    snprintf(path, sizeof(path), "%s/%s.so", plugins, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        fail_msg("%s: %s", path, strerror(errno));
    *size = (size_t)st.st_size;
    data = malloc(*size);
    assert_non_null(data);
    assert_int_equal(read(fd, data, *size), (ssize_t)*size);
    close(fd);
    return data;
}

static void put_file(const char *data, size_t size)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static struct module *open_plugin(const char *name)
{
    char path[4096], err[P2P_ERRLEN] = "";
    struct module *m;

    snprintf(path, sizeof(path), "%s/%s.so", plugins, name);
    m = module_open(path, run_dir, err);
    if (!m)
        fail_msg("%s was refused: %s", name, err);
    return m;
}

/* Must be refused, by a message that begins with the file as it was named, has
 * `said` in it and nothing of the private copy, and leaves nothing behind. */
static void refused(const char *path, const char *said)
{
    unsigned before = module_count();
    char err[P2P_ERRLEN] = "";

    assert_null(module_open(path, run_dir, err));
    if (strncmp(err, path, strlen(path)) != 0 || strstr(err, run_dir) || !strstr(err, said))
        fail_msg("expected '%s' in: %s", said, err);
    assert_int_equal(module_count(), before);
}

static void bad_plugins_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"bad_magic", "p2p_plugin"},
        {"bad_major", "ABI 2.0, this host speaks 1.2; rebuild it against sdk/"},
        {"needs_newer", "ABI 1.3"},
        {"no_symbol", "p2p_plugin"},
        {"crashes_at_load", "does not export p2p_plugin"},
        {"empty", "no scheduler and no learner"},
        {"no_learn", "learn()"},
        {"no_decide", "decide"},
        {"cut_struct", "decide"},
        {"bad_name", "Bad name"},
        {"twice", "twice"},
        {"overlap", "'b'"},
        {"bad_alias", "BadAlias"},
        {"greedy", "decision_size 4097"},
        {"many_probes", "max_probes 65"},
        {"huge", "instance_size 1048577"},
        {"thread_local", "thread-local"},
        {"undefined", "p2p_test_nobody_has_this"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s.so", plugins, bad[i][0]);
        refused(path, bad[i][1]);
    }
}

static void a_good_plugin_opens(void **state)
{
    struct module *m = open_plugin("good");
    char hash[MODULE_HASH_LEN], err[P2P_ERRLEN], path[4096];

    (void)state;
    assert_string_equal(m->entry->schedulers[0]->name, "good");
    assert_null(m->entry->schedulers[1]);
    assert_int_equal(m->entry->schedulers[0]->decide(NULL, NULL).a, 418);
    assert_int_equal(module_count(), 1);
    snprintf(path, sizeof(path), "%s/good.so", plugins);
    assert_string_equal(m->file, path);
    assert_int_equal(strncmp(m->copy, run_dir, strlen(run_dir)), 0);
    assert_int_equal(module_hash(path, hash, err), 0);
    assert_string_equal(m->hash, hash);
    assert_int_equal(module_hash(m->copy, hash, err), 0);
    assert_string_equal(m->hash, hash);
    module_unref(m);
    assert_int_equal(module_count(), 0);
}

static void structs_of_other_versions_open(void **state)
{
    struct module *small = open_plugin("small"), *large = open_plugin("large");

    (void)state;
    assert_false(P2P_HAS(small->entry->schedulers[0], outcome));
    assert_true(P2P_HAS(large->entry->schedulers[0], extension));
    module_unref(small);
    module_unref(large);
}

static void the_last_reference_removes_the_copy(void **state)
{
    struct module *m = open_plugin("good");
    char copy[512];

    (void)state;
    snprintf(copy, sizeof(copy), "%s", m->copy);
    assert_ptr_equal(module_ref(m), m);
    module_unref(m);
    assert_int_equal(access(copy, F_OK), 0);
    module_unref(m);
    assert_int_equal(access(copy, F_OK), -1);
    module_unref(NULL);
}

static void generations_are_separate(void **state)
{
    struct module *first = open_plugin("good"), *second = open_plugin("good");

    (void)state;
    assert_string_not_equal(first->copy, second->copy);
    assert_ptr_not_equal(first->entry, second->entry);
    module_unref(first);
    assert_int_equal(second->entry->schedulers[0]->decide(NULL, NULL).a, 418);
    module_unref(second);
}

static void overwriting_the_file_does_not_hurt(void **state)
{
    char err[P2P_ERRLEN];
    struct module *m, *next;
    size_t size, other_size;
    char *data = content_of("good", &size), *other = content_of("other", &other_size);

    (void)state;
    put_file(data, size);
    m = module_open(file, run_dir, err);
    assert_non_null(m);
    put_file(other, other_size);
    next = module_open(file, run_dir, err);
    assert_non_null(next);
    put_file("", 0);
    assert_int_equal(m->entry->schedulers[0]->decide(NULL, NULL).kind, P2P_REJECT);
    assert_string_equal(next->entry->schedulers[0]->name, "other");
    assert_string_not_equal(m->hash, next->hash);
    module_unref(m);
    module_unref(next);
    free(data);
    free(other);
}

static void hash_is_sha256(void **state)
{
    char hash[MODULE_HASH_LEN], err[P2P_ERRLEN];

    (void)state;
    put_file("abc", 3);
    assert_int_equal(module_hash(file, hash, err), 0);
    assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    unlink(file);
    assert_int_equal(module_hash(file, hash, err), -1);
    assert_non_null(strstr(err, file));
}

static void files_cut_off_are_refused(void **state)
{
    Elf64_Ehdr head;
    size_t size, last = 0;
    char *data = content_of("good", &size);

    (void)state;
    memcpy(&head, data, sizeof(head));
    if (head.e_ident[EI_CLASS] != ELFCLASS64)
        skip();
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr s;

        memcpy(&s, data + head.e_phoff + i * sizeof(s), sizeof(s));
        if (s.p_type == PT_LOAD && s.p_offset + s.p_filesz > last)
            last = s.p_offset + s.p_filesz;
    }
    for (size_t n = 0; n < last; n += n < 1024 ? 13 : 509) {
        put_file(data, n);
        refused(file, "");
    }
    put_file(data, last - 1);
    refused(file, "");
    free(data);
}

/* `good` with one byte of its ELF header changed. */
static void spoilt(size_t at, char value, const char *said)
{
    size_t size;
    char *data = content_of("good", &size);

    data[at] = value;
    put_file(data, size);
    refused(file, said);
    free(data);
}

static void headers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    spoilt(0, 'x', "not a");
    spoilt(EI_CLASS, ELFCLASSNONE, "");
    spoilt(EI_DATA, ELFDATANONE, "");
    spoilt(offsetof(Elf64_Ehdr, e_machine), (char)0x7e, "machine");
    spoilt(offsetof(Elf64_Ehdr, e_type), ET_EXEC, "shared object");
    spoilt(offsetof(Elf64_Ehdr, e_phoff) + 6, 0x7f, "");
    spoilt(offsetof(Elf64_Ehdr, e_phentsize), 1, "");
    spoilt(offsetof(Elf64_Ehdr, e_phnum) + 1, 0x7f, "");
}

static void things_that_are_no_files_are_refused(void **state)
{
    (void)state;
    refused("/nonexistent/x.so", "No such file");
    refused(folder, "");
    put_file("", 0);
    refused(file, "");
    put_file("#!/bin/sh\n", 10);
    refused(file, "");
}

static volatile sig_atomic_t waited;

static void on_alarm(int number)
{
    (void)number;
    waited = 1;
}

/* Opening one for reading waits until somebody writes; the signal ends that. */
static void a_fifo_is_refused_at_once(void **state)
{
    struct sigaction interrupt = {.sa_handler = on_alarm}, before;

    (void)state;
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(sigaction(SIGALRM, &interrupt, &before), 0);
    waited = 0;
    alarm(3);
    refused(file, "");
    alarm(0);
    sigaction(SIGALRM, &before, NULL);
    unlink(file);
    assert_false(waited);
}

static void a_copy_left_by_another_process_is_kept(void **state)
{
    char path[256];
    struct module *m = open_plugin("good");
    unsigned next = m->generation + 1;
    char byte = 0;
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "%s/good.g%u.so", run_dir, next);
    module_unref(m);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    m = open_plugin("good");
    assert_string_not_equal(m->copy, path);
    module_unref(m);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static void a_run_dir_that_is_gone_is_said(void **state)
{
    char path[4096], err[P2P_ERRLEN] = "";

    (void)state;
    snprintf(path, sizeof(path), "%s/good.so", plugins);
    assert_null(module_open(path, "/nonexistent/run", err));
    assert_int_equal(strncmp(err, path, strlen(path)), 0);
    assert_non_null(strstr(err, "run_dir"));
    assert_int_equal(module_count(), 0);
}

static void modules_that_stay_mapped_are_counted(void **state)
{
    struct module *m = open_plugin("good");
    unsigned before = module_pinned_count();
    void *held = dlopen(m->copy, RTLD_NOW | RTLD_NOLOAD);
    bool closes = !getenv("P2P_KEEP_MODULES");

    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    closes = false;
#endif
    assert_non_null(held);
    module_unref(m);
    assert_int_equal(module_count(), 0);
    assert_int_equal(module_pinned_count(), before + (closes ? 1 : 0));
    dlclose(held);
}

static void kept_modules_lose_their_copy_only(void **state)
{
    const struct p2p_scheduler *s;
    struct module *m;

    (void)state;
    setenv("P2P_KEEP_MODULES", "1", 1);
    m = open_plugin("good");
    s = m->entry->schedulers[0];
    module_unref(m);
    unsetenv("P2P_KEEP_MODULES");
    assert_int_equal(module_count(), 0);
    assert_int_equal(s->decide(NULL, NULL).a, 418);
}

enum { THREADS = 4, ROUNDS = 25 };

static void *open_and_close(void *failures)
{
    char path[4096], err[P2P_ERRLEN];

    snprintf(path, sizeof(path), "%s/good.so", plugins);
    for (int i = 0; i < ROUNDS; i++) {
        struct module *m = module_open(path, run_dir, err);

        if (!m || m->entry->schedulers[0]->decide(NULL, NULL).a != 418)
            *(int *)failures = 1;
        module_unref(m);
    }
    return NULL;
}

static void any_thread_may_open(void **state)
{
    int failures[THREADS] = {0};
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &failures[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(failures[i], 0);
    assert_int_equal(module_count(), 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folders, remove_folders)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_good_plugin_opens),
        IN_FOLDER(bad_plugins_are_refused),
        IN_FOLDER(structs_of_other_versions_open),
        IN_FOLDER(the_last_reference_removes_the_copy),
        IN_FOLDER(generations_are_separate),
        IN_FOLDER(overwriting_the_file_does_not_hurt),
        IN_FOLDER(hash_is_sha256),
        IN_FOLDER(files_cut_off_are_refused),
        IN_FOLDER(headers_that_do_not_fit_are_refused),
        IN_FOLDER(things_that_are_no_files_are_refused),
        IN_FOLDER(a_fifo_is_refused_at_once),
        IN_FOLDER(a_copy_left_by_another_process_is_kept),
        IN_FOLDER(a_run_dir_that_is_gone_is_said),
        IN_FOLDER(modules_that_stay_mapped_are_counted),
        IN_FOLDER(kept_modules_lose_their_copy_only),
        IN_FOLDER(any_thread_may_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
