#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/node.h"
#include "host/process.h"
#include "host/ready.h"
#include "host/subcommand.h"
#include "host/version.h"

enum { MAX_OVERRIDES = 256 };

struct options {
    const char *file;
    const char *overrides[MAX_OVERRIDES];
    unsigned n_overrides;
    bool check, ready;
};

static void print_key(void *ctx, const char *section, const struct p2p_param *p)
{
    char allowed[256], def[64];

    (void)ctx;
    params_allowed(p, allowed, sizeof(allowed));
    params_format_default(p, def, sizeof(def));
    printf("  %s.%s\n      %s (%s; default %s)\n", section, p->name, p->help, allowed,
           def[0] ? def : "empty");
}

static void print_help(void)
{
    printf(
        "usage: p2pfaas [--config FILE] [--set SECTION.KEY=VALUE]... [--check]\n"
        "       p2pfaas SUBCOMMAND [ARGUMENT]...\n"
        "\n"
        "A node of a peer-to-peer FaaS cluster: takes function invocations over HTTP and lets a\n"
        "scheduler plugin decide, job by job, whether one runs here, at a peer, or not at all.\n"
        "\n"
        "  -c, --config FILE   read FILE; ./plugins.yaml if it is there\n"
        "  -s, --set KEY=VALUE change one setting, as in --set node.port=18081; may be repeated;\n"
        "                      or by the environment: P2PFAAS_NODE_PORT=18081\n"
        "      --ready         say whether the node of this configuration runs and accepts\n"
        "                      invocations, and end\n"
        "      --check         say whether a node would start with this configuration and could\n"
        "                      run all of its functions, and end\n"
        "  -v, --version       print the version\n"
        "  -h, --help          print this\n"
        "\n"
        "SIGHUP reads the configuration again, SIGTERM stops after the open jobs have ended.\n"
        "\n"
        "Subcommands, each with a --help of its own:\n");
    subcommand_list(stdout);
    printf("\n"
           "Settings (functions are described in plugins.yaml):\n");
    config_each_key(print_key, NULL);
    printf("  peers.nodes, discovery.seeds\n"
           "      other nodes, separated by commas: addresses; of seeds names of hosts, too\n"
           "  scheduler.parameters.NAME, learner.parameters.NAME\n"
           "      of the plugin that is selected; GET /plugins/PLUGIN explains them\n");
}

/* Those of the command line come after it and win. */
static int read_environment(struct options *o)
{
    for (char *const *e = environ; *e; e++) {
        if (!config_is_variable(*e))
            continue;
        if (o->n_overrides == MAX_OVERRIDES / 2) {
            fprintf(stderr, "p2pfaas: more than %d variables P2PFAAS_…; write a file\n",
                    MAX_OVERRIDES / 2);
            return -1;
        }
        o->overrides[o->n_overrides++] = *e;
    }
    return 0;
}

/* 0 to go on, 1 when all is done, -1 for a wrong command line. */
static int read_options(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"set", required_argument, NULL, 's'},
                                          {"check", no_argument, NULL, 'k'},
                                          {"ready", no_argument, NULL, 'r'},
                                          {"version", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "c:s:vh", known, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->file = optarg;
            break;
        case 's':
            if (o->n_overrides == MAX_OVERRIDES - 1) {
                fprintf(stderr,
                        "p2pfaas: more than %d settings by --set and environment; write a file\n",
                        MAX_OVERRIDES - 1);
                return -1;
            }
            o->overrides[o->n_overrides++] = optarg;
            break;
        case 'k':
            o->check = true;
            break;
        case 'r':
            o->ready = true;
            break;
        case 'v':
            printf("p2pfaas %s\n", P2PFAAS_VERSION);
            return 1;
        case 'h':
            print_help();
            return 1;
        default:
            return -1;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "p2pfaas: '%s' is not an option; see p2pfaas --help\n", argv[optind]);
        return -1;
    }
    return 0;
}

/* Whether a node would start with this, and what of it would not work. */
static int check(struct node *n, const char *file)
{
    int rc = EXIT_SUCCESS;

    for (unsigned i = 0; i < n->functions->n; i++) {
        const struct function *f = n->functions->entries[i].function;

        if (f->error[0]) {
            fprintf(stderr, "p2pfaas: %s\n", f->error);
            rc = EXIT_FAILURE;
        }
    }
    if (rc == EXIT_SUCCESS)
        printf("%s is right: %u functions, %u peers\n", file ? file : "the default",
               n->functions->n, n->config->config.n_peers);
    return rc;
}

/* Of the node that runs, which this is not. */
static int ask_whether_ready(const struct options *o)
{
    struct config c;
    char err[P2P_ERRLEN];
    int rc = config_load(&c, o->file, o->overrides, o->n_overrides, err);

    if (rc == 0) {
        rc = ready_ask(&c, err);
        config_release(&c);
    }
    if (rc)
        fprintf(stderr, "p2pfaas: %s\n", err);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    char err[P2P_ERRLEN];
    struct node node;
    FILE *there;
    int rc;

    if (subcommand_is_asked(argv)) {
        subcommand_run(argv, err);
        fprintf(stderr, "p2pfaas: %s\n", err);
        return 2;
    }
    if (read_environment(&o))
        return 2;
    rc = read_options(&o, argc, argv);
    if (rc)
        return rc < 0 ? 2 : EXIT_SUCCESS;
    process_init();
    there = o.file ? NULL : fopen("plugins.yaml", "re");
    if (there) {
        fclose(there);
        o.file = "plugins.yaml";
    }
    if (o.ready)
        return ask_whether_ready(&o);
    if (o.check)
        o.overrides[o.n_overrides++] = "log.level=warn";
    if (node_init(&node, o.file, o.overrides, o.n_overrides, err)) {
        fprintf(stderr, "p2pfaas: %s\n", err);
        return EXIT_FAILURE;
    }
    if (o.check)
        rc = check(&node, o.file);
    else
        rc = node_run(&node, err) ? EXIT_FAILURE : EXIT_SUCCESS;
    node_release(&node);
    if (rc && !o.check)
        fprintf(stderr, "p2pfaas: %s\n", err);
    return rc;
}
