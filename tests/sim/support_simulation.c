#include "tests/sim/support_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/support_scenario.h"

struct result *result;
struct simulation_cost simulation_cost;

static struct catalog *catalog;
static char copies[64];

static void open_catalog(const char *folder)
{
    char err[P2P_ERRLEN];

    if (catalog)
        catalog_free(catalog);
    catalog = catalog_new(folder, copies, err);
    assert_non_null(catalog);
    assert_true(catalog_scan(catalog, NULL, NULL, err) > 0);
}

int simulation_setup(void **state)
{
    char folder[512];

    if (scenario_setup(state) || !getenv("P2P_TEST_BIN"))
        return -1;
    snprintf(copies, sizeof(copies), "/tmp/p2pfaas-test-sim-XXXXXX");
    if (!mkdtemp(copies))
        return -1;
    snprintf(folder, sizeof(folder), "%s/plugins", getenv("P2P_TEST_BIN"));
    open_catalog(folder);
    return 0;
}

int simulation_teardown(void **state)
{
    result_free(result);
    result = NULL;
    catalog_free(catalog);
    catalog = NULL;
    /* With the last copy of a plugin its folder has gone. */
    assert_int_not_equal(access(copies, F_OK), 0);
    return scenario_teardown(state);
}

void simulation_use_test_plugins(void)
{
    open_catalog(getenv("P2P_TEST_PLUGINS"));
}

int simulation_try(const char *yaml, struct trace *trace)
{
    struct simulation_setup setup = {.scenario = &scenario, .catalog = catalog, .trace = trace};

    scenario_reads(yaml, LIST(NULL));
    result_free(result);
    setup.result = result = result_new(&scenario);
    setup.seed = (uint64_t)scenario.run.seed;
    assert_non_null(result);
    return simulation_run(&setup, &simulation_cost, scenario_err);
}

void simulation_runs(const char *yaml)
{
    if (simulation_try(yaml, NULL))
        fail_msg("%s", scenario_err);
}

void simulation_refuses(const char *yaml, const char *const *words)
{
    assert_int_not_equal(simulation_try(yaml, NULL), 0);
    for (; *words; words++)
        if (!strstr(scenario_err, *words))
            fail_msg("no '%s' in: %s", *words, scenario_err);
}

double metric(enum metric m)
{
    return result_metric(result, m);
}

uint64_t ended(enum job_end end)
{
    return result->all.ended[end];
}

uint64_t counted(const char *name)
{
    for (unsigned i = 0; i < result->n_counters; i++)
        if (strcmp(result->counter[i].name, name) == 0)
            return result->counter[i].n;
    return 0;
}
