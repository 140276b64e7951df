#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/elf_check.h"

/* ---- objects, built here: what counts is what the linker makes of them ---- */

static char folder[64], source[80], object[80];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/p2p_elf_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(source, sizeof(source), "%s/x.c", folder);
    snprintf(object, sizeof(object), "%s/x.so", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(source);
    unlink(object);
    return rmdir(folder);
}

static char *build(const char *flags, const char *text, size_t *size)
{
    char command[300];
    struct stat st;
    char *data;
    FILE *f = fopen(source, "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    snprintf(command, sizeof(command), "cc -shared -fPIC %s -o %s %s", flags, object, source);
    assert_int_equal(system(command), 0);
    f = fopen(object, "re");
    assert_int_equal(fstat(fileno(f), &st), 0);
    *size = (size_t)st.st_size;
    data = malloc(*size);
    assert_int_equal(fread(data, 1, *size, f), *size);
    fclose(f);
    return data;
}

static const char *said(const char *flags, const char *text, bool instrumented)
{
    size_t size;
    char *data = build(flags, text, &size);
    const char *fault = elf_check(data, size, "p2p_plugin", instrumented);

    free(data);
    return fault ? fault : "right";
}

#define PLUGIN "extern const int p2p_plugin, other; const int p2p_plugin = 1, other = 2;\n"

static void says(const char *flags, const char *text, const char *wanted)
{
    const char *fault = said(flags, text, false);

    if (!strstr(fault, wanted))
        fail_msg("%s: \"%s\", wanted \"%s\"", flags, fault, wanted);
}

static void plugins_of_any_linker_are_right(void **state)
{
    (void)state;
    says("", PLUGIN, "right");
    says("-O2 -s", PLUGIN, "right");
    says("-Wl,--hash-style=gnu", PLUGIN, "right");
    says("-Wl,--hash-style=sysv", PLUGIN, "right");
    says("-Wl,--hash-style=both", PLUGIN, "right");
    says("-nostartfiles", PLUGIN, "right");
    says("-fvisibility=hidden", "__attribute__((visibility(\"default\")))" PLUGIN, "right");
}

static void one_among_many_symbols_is_found(void **state)
{
    enum { MANY = 500 };
    char *text = malloc(MANY * 32 + 100);
    size_t at = 0;

    (void)state;
    for (int i = 0; i < MANY; i++)
        at += (size_t)snprintf(text + at, 32, "int p2p_plugin_%d = %d;\n", i, i);
    says("-Wl,--hash-style=gnu", text, "does not export p2p_plugin");
    says("-Wl,--hash-style=sysv", text, "does not export p2p_plugin");
    memcpy(text + at, PLUGIN, sizeof(PLUGIN));
    says("-Wl,--hash-style=gnu", text, "right");
    says("-Wl,--hash-style=sysv", text, "right");
    free(text);
}

static void a_symbol_that_is_not_there_is_told(void **state)
{
    static const char wanted[] = "does not export p2p_plugin; end the file with P2P_SCHEDULER";

    (void)state;
    says("", "int unrelated;\n", wanted);
    says("", "\n", wanted);
    says("-nostartfiles", "static int hidden = 1; int *f(void) { return &hidden; }\n", wanted);
    says("-fvisibility=hidden", PLUGIN, wanted);
    /* Wanted from elsewhere is not exported. */
    says("", "extern int p2p_plugin; int *f(void) { return &p2p_plugin; }\n", wanted);
    says("-Wl,--hash-style=sysv", "extern int p2p_plugin; int *f(void) { return &p2p_plugin; }\n",
         wanted);
}

static void code_that_runs_at_load_is_refused(void **state)
{
    static const char first[] = PLUGIN "__attribute__((constructor)) void f(void) {}\n";
    static const char last[] = PLUGIN "__attribute__((destructor)) void f(void) {}\n";
    static const char wanted[] = "runs code when it is loaded or unloaded";

    (void)state;
    says("", first, wanted);
    says("-O2 -s", first, wanted);
    says("-nostartfiles", first, wanted);
    says("", last, wanted);
    says("-Wl,-init=f", PLUGIN "void f(void) {}\n", wanted);
    says("-nostartfiles", PLUGIN "void _init(void) {}\n", wanted);
    assert_string_equal(said("", first, true), "right");
    says("", "__attribute__((constructor)) void f(void) {}\n", "does not export");
}

/* Whatever is in the file, nothing is read outside it: asan watches. */
/* ---- what is in it ---- */

struct wanted {
    enum elf_kind kind;
    const char *name;
    unsigned found;
};

static void compare(void *ctx, const struct elf_item *item)
{
    struct wanted *w = ctx;

    w->found += item->kind == w->kind && strncmp(item->name, w->name, strlen(w->name)) == 0;
}

static void count(void *ctx, const struct elf_item *item)
{
    *(unsigned *)ctx += strlen(item->name) > 0;
}

static unsigned found(const char *flags, const char *text, enum elf_kind kind, const char *name)
{
    struct wanted w = {kind, name, 0};
    size_t size;
    char *data = build(flags, text, &size);

    elf_each(data, size, compare, &w);
    free(data);
    return w.found;
}

static void what_it_gives_takes_and_keeps_is_listed(void **state)
{
    static const char *const styles[] = {"-Wl,--no-as-needed,--hash-style=gnu -lm",
                                         "-Wl,--no-as-needed,--hash-style=sysv -lm",
                                         "-Wl,--no-as-needed -O2 -s -lm"};
    static const char text[] =
        PLUGIN "extern double sqrt(double); static int kept = 3; static const int fixed = 4;\n"
               "static const int *const table[] = {&fixed};\n"
               "double f(int i); double f(int i) { kept++; return sqrt(kept) + *table[i]; }\n";

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(found(styles[i], text, ELF_EXPORT, "p2p_plugin"), 1);
        assert_int_equal(found(styles[i], text, ELF_EXPORT, "f"), 1);
        assert_int_equal(found(styles[i], text, ELF_IMPORT, "sqrt"), 1);
        assert_int_equal(found(styles[i], text, ELF_LIBRARY, "libm."), 1);
        assert_int_equal(found(styles[i], text, ELF_WRITABLE, ".data"), 1);
        assert_int_equal(found(styles[i], text, ELF_NAMES, ""), i < 2);
        assert_int_equal(found(styles[i], text, ELF_MUTABLE, "kept"), i < 2);
        assert_int_equal(found(styles[i], text, ELF_MUTABLE, "fixed"), 0);
        assert_int_equal(found(styles[i], text, ELF_MUTABLE, "table"), 0);
    }
    assert_int_equal(found("-nostartfiles", "", ELF_EXPORT, ""), 0);
    assert_int_equal(found("", PLUGIN, ELF_MUTABLE, ""), 0);
}

static void damaged_files_are_survived(void **state)
{
    enum { ROUNDS = 3000, SPOTS = 4 };
    static const char *const flags[] = {"-Wl,--hash-style=gnu", "-Wl,--hash-style=sysv"};
    uint32_t x = 12345;
    unsigned counted = 0;

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        size_t size;
        char *data = build(flags[k], PLUGIN, &size);
        char *copy = malloc(size);

        for (int round = 0; round < ROUNDS; round++) {
            memcpy(copy, data, size);
            for (int i = 0; i < SPOTS; i++) {
                x = x * 1664525u + 1013904223u;
                copy[(x >> 8) % size] = (char)(x >> 3);
            }
            elf_check(copy, round % 2 ? size : (x >> 8) % size, "p2p_plugin", false);
            elf_each(copy, round % 2 ? size : (x >> 8) % size, count, &counted);
        }
        free(copy);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugins_of_any_linker_are_right),
        cmocka_unit_test(one_among_many_symbols_is_found),
        cmocka_unit_test(a_symbol_that_is_not_there_is_told),
        cmocka_unit_test(code_that_runs_at_load_is_refused),
        cmocka_unit_test(what_it_gives_takes_and_keeps_is_listed),
        cmocka_unit_test(damaged_files_are_survived),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
