#include "host/subcommand.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz-"

enum { FOLDER = 4096 };

struct subcommand {
    const char *name, *program;
    bool keeps_name; /* as the program's first argument */
    const char *help;
};

static const struct subcommand all[] = {
    {"sim", "p2pfaas-sim", true, "simulate a cluster with these schedulers, in virtual time"},
    {"plot", "p2pfaas-sim", true, "draw what simulations found"},
    {"bench", "p2pfaas-bench", false, "put nodes under load and measure what their clients get"},
    {"check", "p2pfaas-check", false, "try a plugin for what it must not do"},
};
enum { SUBCOMMANDS = sizeof(all) / sizeof(all[0]) };

bool subcommand_is_asked(char *const *argv)
{
    return argv[0] && argv[1] && argv[1][0] != '-';
}

static const struct subcommand *find(const char *name, char err[P2P_ERRLEN])
{
    const char *names[SUBCOMMANDS + 1] = {NULL};
    char why[P2P_ERRLEN / 2];

    for (unsigned i = 0; i < SUBCOMMANDS; i++) {
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
        names[i] = all[i].name;
    }
    if (name[0] == '\0' || name[strspn(name, LETTERS)] != '\0') {
        snprintf(err, P2P_ERRLEN,
                 "'%.60s' is neither an option nor a subcommand; see p2pfaas --help", name);
        return NULL;
    }
    suggest_unknown(why, sizeof(why), name, names);
    snprintf(err, P2P_ERRLEN, "subcommand '%.60s': %s", name, why);
    return NULL;
}

/* With a slash at its end; "" when there is no room for it. */
static void own_folder(char out[FOLDER])
{
    ssize_t n = readlink("/proc/self/exe", out, FOLDER);
    const char *slash = n > 0 && n < FOLDER ? memrchr(out, '/', (size_t)n) : NULL;

    out[slash ? slash - out + 1 : 0] = '\0';
}

void subcommand_run(char **argv, char err[P2P_ERRLEN])
{
    const struct subcommand *s = find(argv[1], err);
    char path[FOLDER + 32], folder[FOLDER], program[32];
    char **from = argv + 1;

    if (!s)
        return;
    own_folder(folder);
    snprintf(path, sizeof(path), "%s%s", folder, s->program);
    if (s->keeps_name)
        from = argv;
    snprintf(program, sizeof(program), "%s", s->program);
    from[0] = program;
    execv(path, from);
    snprintf(err, P2P_ERRLEN, "%s: cannot run %.160s: %s; it comes with p2pfaas", s->name, path,
             strerror(errno));
}

void subcommand_list(FILE *out)
{
    for (unsigned i = 0; i < SUBCOMMANDS; i++)
        fprintf(out, "  %-8s %s\n", all[i].name, all[i].help);
}
