#include <stdlib.h>
#include <string.h>

#include "engine/elf_check.h"
#include "sdk/check/check.h"

/* ---- words in a table ---- */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static bool starts_with_one_of(const char *name, const char *const *starts)
{
    for (; *starts; starts++)
        if (starts_with(name, *starts))
            return true;
    return false;
}

/* "a, b, c", as many as fit. */
static void list(char *out, size_t size, const char *name)
{
    size_t at = strlen(out);

    if (at + strlen(name) + 8 < size)
        snprintf(out + at, size - at, "%s%s", at ? ", " : "", name);
    else if (at > 3 && at + 5 < size && strcmp(out + at - 3, "...") != 0)
        snprintf(out + at, size - at, ", ...");
}

/* ---- sanitizers ---- */

static void look_for_sanitizers(void *ctx, const struct elf_item *item)
{
    static const char *const theirs[] = {"__asan_",      "__tsan_", "__ubsan_",    "__msan_",
                                         "__sanitizer_", "__gcov_", "__llvm_prof", NULL};

    /* That of coverage is linked in, and imports nothing. */
    if ((item->kind == ELF_IMPORT || item->kind == ELF_MUTABLE) &&
        starts_with_one_of(item->name, theirs))
        *(bool *)ctx = true;
}

bool is_instrumented(const struct check *c)
{
    bool found = false;

    elf_each(c->data, c->size, look_for_sanitizers, &found);
    return found;
}

void case_file(struct check *c)
{
    const char *fault = elf_check(c->data, c->size, "p2p_plugin", is_instrumented(c));

    if (fault)
        check_fail(c, "", "%s", fault);
    check_note(c, "%zu bytes%s", c->size, is_instrumented(c) ? ", with a sanitizer's code" : "");
}

/* What instruments a file brings its own code along. */
static void skip_instrumented(struct check *c)
{
    if (is_instrumented(c))
        check_skip(c, "what a sanitizer or coverage needs is among it; check the plain build");
}

/* ---- exports ---- */

static void look_for_exports(void *ctx, const struct elf_item *item)
{
    /* Old linkers export these of every object, sanitizers some of their own. */
    static const char *const linkers[] = {"p2p_plugin", "_init",       "_fini", "_edata",
                                          "_end",       "__bss_start", NULL};
    static const char *const sanitizers[] = {"__odr_asan", "__asan_", "__llvm_", "__gcov_", NULL};
    char *found = ctx;

    if (item->kind == ELF_EXPORT && !is_one_of(item->name, linkers) &&
        !starts_with_one_of(item->name, sanitizers))
        list(found, CHECK_TEXT / 2, item->name);
}

void case_exports(struct check *c)
{
    char found[CHECK_TEXT / 2] = "";

    elf_each(c->data, c->size, look_for_exports, found);
    if (found[0])
        skip_instrumented(c);
    if (found[0])
        check_fail(c,
                   "p2p_plugin alone: declare functions and tables static, or build with "
                   "-fvisibility=hidden",
                   "exports %s", found);
}

/* ---- imports ---- */

/* Of the C library what computes and does nothing else; a function that is not listed
 * keeps memory, time, files or threads. */
static const char *const pure[] = {"memcpy",
                                   "memmove",
                                   "memset",
                                   "memcmp",
                                   "memchr",
                                   "memrchr",
                                   "memmem",
                                   "mempcpy",
                                   "memccpy",
                                   "bcmp",
                                   "bzero",
                                   "strlen",
                                   "strnlen",
                                   "strcmp",
                                   "strncmp",
                                   "strcasecmp",
                                   "strncasecmp",
                                   "strchr",
                                   "strrchr",
                                   "strchrnul",
                                   "strstr",
                                   "strcasestr",
                                   "strspn",
                                   "strcspn",
                                   "strpbrk",
                                   "strcpy",
                                   "stpcpy",
                                   "strncpy",
                                   "stpncpy",
                                   "strcat",
                                   "strncat",
                                   "strlcpy",
                                   "strlcat",
                                   "strtok_r",
                                   "strsep",
                                   "rawmemchr",
                                   "snprintf",
                                   "vsnprintf",
                                   "sscanf",
                                   "vsscanf",
                                   "strtol",
                                   "strtoll",
                                   "strtoul",
                                   "strtoull",
                                   "strtof",
                                   "strtod",
                                   "strtold",
                                   "strtoimax",
                                   "strtoumax",
                                   "atoi",
                                   "atol",
                                   "atoll",
                                   "atof",
                                   "abs",
                                   "labs",
                                   "llabs",
                                   "imaxabs",
                                   "div",
                                   "ldiv",
                                   "lldiv",
                                   "ffs",
                                   "ffsl",
                                   "ffsll",
                                   "qsort",
                                   "qsort_r",
                                   "bsearch",
                                   "isalnum",
                                   "isalpha",
                                   "isdigit",
                                   "isxdigit",
                                   "isspace",
                                   "isupper",
                                   "islower",
                                   "ispunct",
                                   "isprint",
                                   "iscntrl",
                                   "isgraph",
                                   "tolower",
                                   "toupper",
                                   "__ctype_b_loc",
                                   "__ctype_tolower_loc",
                                   "__ctype_toupper_loc",
                                   "__stack_chk_fail",
                                   NULL};

/* Of libm; each also with f or l at its end. */
static const char *const mathematics[] = {
    "acos",      "acosh",         "asin",      "asinh",     "atan",
    "atan2",     "atanh",         "cbrt",      "ceil",      "copysign",
    "cos",       "cosh",          "erf",       "erfc",      "exp",
    "exp10",     "exp2",          "expm1",     "fabs",      "fdim",
    "floor",     "fma",           "fmax",      "fmin",      "fmod",
    "frexp",     "hypot",         "ilogb",     "j0",        "j1",
    "jn",        "ldexp",         "lgamma_r",  "llrint",    "llround",
    "log",       "log10",         "log1p",     "log2",      "logb",
    "lrint",     "lround",        "modf",      "nan",       "nearbyint",
    "nextafter", "nexttoward",    "pow",       "remainder", "remquo",
    "rint",      "round",         "roundeven", "scalbln",   "scalbn",
    "sin",       "sincos",        "sinh",      "sqrt",      "tan",
    "tanh",      "tgamma",        "trunc",     "y0",        "y1",
    "yn",        "__isnan",       "__isinf",   "__finite",  "__fpclassify",
    "__signbit", "__issignaling", "isnan",     "isinf",     "finite",
    NULL};

/* What compilers ask for by themselves. */
static const char *const compilers[] = {"__cxa_finalize",
                                        "__gmon_start__",
                                        "_ITM_",
                                        "__aeabi_",
                                        "__stack_chk_guard",
                                        "__gxx_personality",
                                        "_Unwind_",
                                        "__gcc_personality",
                                        "_ZTVN10__cxxabiv1",
                                        "__cxa_pure_virtual",
                                        "__asan_",
                                        "__tsan_",
                                        "__ubsan_",
                                        "__msan_",
                                        "__sanitizer_",
                                        "__gcov_",
                                        "__llvm_",
                                        "__cxa_atexit",
                                        NULL};

static bool is_mathematics(const char *name)
{
    char base[32];
    size_t n = strlen(name);

    if (n >= sizeof(base) || n == 0)
        return false;
    if (is_one_of(name, mathematics))
        return true;
    snprintf(base, sizeof(base), "%.*s", (int)n - 1, name);
    return (name[n - 1] == 'f' || name[n - 1] == 'l') && is_one_of(base, mathematics);
}

static bool is_allowed(const char *name)
{
    static const char *const variants[] = {"__isoc99_", "__isoc23_", "__"};
    char base[64];
    size_t n;

    if (starts_with_one_of(name, compilers) || is_one_of(name, pure) || is_mathematics(name))
        return true;
    /* __memcpy_chk of _FORTIFY_SOURCE, __isoc23_strtol, __log_finite of -ffast-math */
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        if (!starts_with(name, variants[i]))
            continue;
        snprintf(base, sizeof(base), "%s", name + strlen(variants[i]));
        n = strlen(base);
        if (n > 4 && strcmp(base + n - 4, "_chk") == 0)
            base[n - 4] = '\0';
        else if (n > 7 && strcmp(base + n - 7, "_finite") == 0)
            base[n - 7] = '\0';
        else if (i == 2)
            continue;
        return is_one_of(base, pure) || is_mathematics(base);
    }
    return false;
}

/* What to use in its place. */
static const char *advice(const char *name)
{
    static const char *const memory[] = {"malloc",        "calloc",         "realloc", "free",
                                         "reallocarray",  "strdup",         "strndup", "mmap",
                                         "aligned_alloc", "posix_memalign", "_Znw",    "_Zna",
                                         "_Zdl",          "_Zda",           NULL};
    static const char *const random[] = {"rand",       "srand",   "random",    "srandom",
                                         "drand48",    "lrand48", "getrandom", "getentropy",
                                         "arc4random", NULL};
    static const char *const time[] = {
        "clock", "time", "gettimeofday", "timespec_get", "localtime", "gmtime", NULL};
    static const char *const output[] = {"printf", "fprintf",      "vprintf",       "vfprintf",
                                         "puts",   "putchar",      "fputs",         "fputc",
                                         "fwrite", "perror",       "stdout",        "stderr",
                                         "syslog", "__printf_chk", "__fprintf_chk", NULL};
    static const char *const ends[] = {"abort", "exit",    "_exit",  "__assert_fail", "raise",
                                       "kill",  "longjmp", "setjmp", "_setjmp",       NULL};

    if (starts_with_one_of(name, memory))
        return "memory is the instance, rq->state, and host->alloc() in init()";
    if (starts_with_one_of(name, random))
        return "randomness is host->rand(): p2p_rand_below(), p2p_rand_unit()";
    if (starts_with_one_of(name, time))
        return "the time is rq->now_ns or host->now(), which a simulator sets";
    if (starts_with_one_of(name, output))
        return "p2p_logf() writes into the node's log";
    if (starts_with_one_of(name, ends))
        return "a plugin does not end the node: p2p_local() is always a legal answer";
    return "a plugin makes no system calls and has no threads; allowed are mem*, str*, snprintf, "
           "strto*, qsort, bsearch and libm";
}

struct imports {
    char bad[CHECK_TEXT / 2], good[200];
    const char *first;
};

static void look_for_imports(void *ctx, const struct elf_item *item)
{
    struct imports *found = ctx;

    if (item->kind != ELF_IMPORT)
        return;
    if (is_allowed(item->name)) {
        if (!starts_with_one_of(item->name, compilers))
            list(found->good, sizeof(found->good), item->name);
        return;
    }
    if (!found->first)
        found->first = item->name;
    list(found->bad, sizeof(found->bad), item->name);
}

void case_imports(struct check *c)
{
    struct imports found = {"", "", NULL};

    elf_each(c->data, c->size, look_for_imports, &found);
    if (found.first)
        skip_instrumented(c);
    if (found.first)
        check_fail(c, advice(found.first), "calls or uses %s", found.bad);
    check_note(c, "%s", found.good[0] ? found.good : "none");
}

static void look_for_libraries(void *ctx, const struct elf_item *item)
{
    static const char *const usual[] = {
        "libc.",    "libm.",    "libgcc_s.", "ld-",      "libstdc++.", "libc++.", "libc++abi.",
        "libasan.", "libtsan.", "libubsan.", "libgcov.", "linux-vdso", NULL};

    if (item->kind == ELF_LIBRARY && !starts_with_one_of(item->name, usual))
        list(ctx, CHECK_TEXT / 2, item->name);
}

void case_libraries(struct check *c)
{
    char found[CHECK_TEXT / 2] = "";

    elf_each(c->data, c->size, look_for_libraries, found);
    if (found[0])
        check_fail(c, "libc and libm only: what else it needs is compiled into it",
                   "is linked with %s", found);
}

/* ---- memory that is written ---- */

struct globals {
    char found[CHECK_TEXT / 2];
    uint64_t bytes; /* of sections that hold more than the compiler's own */
    bool has_names;
};

static void look_for_globals(void *ctx, const struct elf_item *item)
{
    enum { COMPILERS = 8 }; /* __dso_handle, or completed.0 and what aligns it */
    struct globals *g = ctx;

    if (item->kind == ELF_MUTABLE)
        list(g->found, sizeof(g->found), item->name);
    else if (item->kind == ELF_WRITABLE && item->size > COMPILERS)
        g->bytes += item->size;
    else if (item->kind == ELF_NAMES)
        g->has_names = true;
}

void case_globals(struct check *c)
{
    static const char right[] =
        "const, or a field of the instance: hundreds of instances share one module, and what "
        "one leaves there another sees";
    struct globals g = {"", 0, false};

    skip_instrumented(c);
    elf_each(c->data, c->size, look_for_globals, &g);
    if (g.found[0])
        check_fail(c, right, "has global variables that can be written: %s", g.found);
    if (g.has_names)
        return;
    if (g.bytes)
        check_fail(c, right,
                   "has %llu bytes of global variables that can be written; built without -s it "
                   "would say their names",
                   (unsigned long long)g.bytes);
    check_note(c, "stripped: variables of a few bytes cannot be seen");
}
