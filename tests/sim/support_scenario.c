#include "tests/sim/support_scenario.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct scenario scenario;
char scenario_err[P2P_ERRLEN];
char scenario_path[64];
static char folder[] = "/tmp/p2p-scenario-XXXXXX";

int scenario_setup(void **state)
{
    (void)state;
    memset(folder + strlen(folder) - 6, 'X', 6);
    if (!mkdtemp(folder))
        return -1;
    snprintf(scenario_path, sizeof(scenario_path), "%s/s.yaml", folder);
    memset(&scenario, 0, sizeof(scenario));
    return 0;
}

int scenario_teardown(void **state)
{
    DIR *d = opendir(folder);
    char path[512];

    (void)state;
    scenario_release(&scenario);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    return rmdir(folder);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

void scenario_beside(const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    write_file(path, text, strlen(text));
}

void scenario_write(const void *bytes, size_t size)
{
    write_file(scenario_path, bytes, size);
}

unsigned scenario_settings(const char *const *set, struct scenario_override *out)
{
    static char paths[SCENARIO_MOST_SET][512];
    unsigned n = 0;

    for (; set[n]; n++) {
        const char *equals = strchr(set[n], '=');

        assert_true(n < SCENARIO_MOST_SET && equals);
        snprintf(paths[n], sizeof(paths[n]), "%.*s", (int)(equals - set[n]), set[n]);
        out[n] = (struct scenario_override){paths[n], equals + 1, NULL};
    }
    return n;
}

int scenario_load(const char *yaml, const char *const *set)
{
    struct scenario_override o[SCENARIO_MOST_SET];
    unsigned n = scenario_settings(set, o);

    scenario_release(&scenario);
    snprintf(scenario_err, sizeof(scenario_err), "no error was told");
    scenario_write(yaml, strlen(yaml));
    return scenario_read(&scenario, scenario_path, o, n, scenario_err);
}

void scenario_reads(const char *yaml, const char *const *set)
{
    if (scenario_load(yaml, set))
        fail_msg("refused: %s", scenario_err);
}

void scenario_refuses(const char *yaml, const char *const *set, int line, const char *const *words)
{
    static const struct scenario nothing;
    char place[128];

    if (!scenario_load(yaml, set))
        fail_msg("taken: %s", yaml);
    if (line < 0)
        snprintf(place, sizeof(place), "--set ");
    else if (line > 0)
        snprintf(place, sizeof(place), "%s:%d: ", scenario_path, line);
    else
        snprintf(place, sizeof(place), "%s: ", scenario_path);
    if (strncmp(scenario_err, place, strlen(place)) != 0)
        fail_msg("'%s' is not in front of: %s", place, scenario_err);
    for (; *words; words++)
        if (!strstr(scenario_err, *words))
            fail_msg("'%s' is not said in: %s", *words, scenario_err);
    assert_memory_equal(&scenario, &nothing, sizeof(scenario));
}
