#include "bench/command.h"

int main(int argc, char **argv)
{
    static char title[] = "p2pfaas bench"; /* begins getopt's errors too */

    if (argc > 0)
        argv[0] = title;
    return bench_command(argc, argv);
}
