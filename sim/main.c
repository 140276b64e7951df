#include <stdio.h>
#include <string.h>

#include "sim/command.h"
#include "sim/plot.h"

int main(int argc, char **argv)
{
    static char sim[] = "p2pfaas sim", plot[] = "p2pfaas plot";
    static const struct {
        const char *name;
        char *title; /* begins errors, getopt's too */
        int (*run)(int argc, char **argv);
    } commands[] = {{"sim", sim, sim_command}, {"plot", plot, plot_main}};

    for (unsigned i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            argv[1] = commands[i].title;
            return commands[i].run(argc - 1, argv + 1);
        }
    fprintf(stderr, "usage: p2pfaas sim SCENARIO.yaml, or p2pfaas plot DIR; see --help of each\n");
    return 2;
}
