/* plugins.yaml, as shipped, has every key with its default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/config.h"
#include "host/config_yaml.h"

static struct config shipped, defaults;
static char *text;

static int setup(void **state)
{
    const char *tree = getenv("P2P_TEST_TREE");
    char path[512], err[P2P_ERRLEN];
    size_t size = 0;
    FILE *f;

    (void)state;
    snprintf(path, sizeof(path), "%s/plugins.yaml", tree ? tree : ".");
    f = fopen(path, "re");
    if (!f || getdelim(&text, &size, '\0', f) < 0)
        return -1;
    fclose(f);
    return config_load(&shipped, path, NULL, 0, err) || config_load(&defaults, NULL, NULL, 0, err);
}

static int teardown(void **state)
{
    (void)state;
    config_release(&shipped);
    config_release(&defaults);
    free(text);
    return 0;
}

/* Begins a line of its own, indented: "  slots:". */
static bool has_key(const char *name)
{
    char line[80];

    snprintf(line, sizeof(line), "\n  %s:", name);
    return strstr(text, line) != NULL;
}

static void check_key(void *ctx, const char *section, const struct p2p_param *p)
{
    char wanted[256], got[256];

    (void)ctx;
    params_format(p, config_section(&defaults, section), wanted, sizeof(wanted));
    params_format(p, config_section(&shipped, section), got, sizeof(got));
    if (!has_key(p->name))
        fail_msg("%s.%s is not in plugins.yaml", section, p->name);
    if (strcmp(wanted, got) != 0)
        fail_msg("%s.%s: plugins.yaml has %s, the default is %s", section, p->name, got, wanted);
}

static void test_every_key_is_there_with_its_default(void **state)
{
    (void)state;
    config_each_key(check_key, NULL);
}

static void test_every_key_of_a_function_is_explained_with_its_default(void **state)
{
    (void)state;
    for (const struct p2p_param *p = config_function_keys; p->name; p++) {
        char line[160], def[80];

        params_format_default(p, def, sizeof(def));
        snprintf(line, sizeof(line), "#     %s: %s", p->name, def[0] ? def : "\"\"");
        if (!strstr(text, line))
            fail_msg("plugins.yaml does not say \"%s\"", line);
    }
    assert_non_null(strstr(text, "#     command: "));
    assert_non_null(strstr(text, "#     environment: "));
}

static void test_its_functions_are_those_that_the_readme_calls(void **state)
{
    static const char *const names[] = {"echo", "burn", "wordcount", "gzip", "sha256sum"};

    (void)state;
    assert_int_equal(shipped.n_functions, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(shipped.function[i].name, names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_is_there_with_its_default),
        cmocka_unit_test(test_every_key_of_a_function_is_explained_with_its_default),
        cmocka_unit_test(test_its_functions_are_those_that_the_readme_calls),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
