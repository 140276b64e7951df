/* A node whose scheduler asks a learner: choices, rewards, and what is kept over a restart. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

static char folder_setting[160], file_setting[160], file[120], pupil[4096];

/* The plugin of the engine's tests beside the shipped ones. */
static void add_pupil(const char *plugins)
{
    char to[256];

    snprintf(pupil, sizeof(pupil), "%s/pupil.so", getenv("P2P_TEST_PLUGINS"));
    snprintf(to, sizeof(to), "%s/pupil.so", plugins);
    assert_int_equal(symlink(pupil, to), 0);
}

static int start(void **state)
{
    static const char *settings[] = {folder_setting, file_setting, "node.slots=16", NULL};

    (void)state;
    fixture_init(1, fixture_functions);
    add_pupil(private_plugins(folder_setting));
    snprintf(file, sizeof(file), "%s/learner", cluster.dir);
    snprintf(file_setting, sizeof(file_setting), "learner.file=%s", file);
    cluster.settings = settings;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static void write_config(const char *text)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fprintf(f, "%s%s", text, fixture_functions);
    fclose(f);
}

static void stops(void)
{
    assert_true(stop_node(0));
}

static bool there(const char *suffix)
{
    char path[200];

    snprintf(path, sizeof(path), "%s%s", file, suffix);
    return access(path, F_OK) == 0;
}

static void drop(const char *suffix)
{
    char path[200];

    snprintf(path, sizeof(path), "%s%s", file, suffix);
    unlink(path);
}

/* So many times; the log goes on over restarts. */
static unsigned logged(const char *text)
{
    char *log = cluster_log(&cluster, 0);
    unsigned n = 0;

    for (const char *at = log; at && (at = strstr(at, text)); at++)
        n++;
    free(log);
    return n;
}

/* Starts and loads what is there. */
static void start_knowing(const char *what)
{
    char line[64];
    unsigned before, loads = logged("loaded, knows ");

    snprintf(line, sizeof(line), "loaded, knows %s ", what);
    before = logged(line);
    start_node(0, NULL);
    assert_int_equal(logged(line), before + 1);
    assert_int_equal(logged("loaded, knows "), loads + 1);
}

/* Each call is a choice, and its reward with the outcome. */
static void call(unsigned times, long status)
{
    while (times-- > 0)
        expect(post_text(0, "/function/echo", "x"), status, "");
}

#define ASKER "scheduler: {plugin: needy, parameters: {when: in_outcome"
#define PUPIL "learner: {plugin: pupil, batch_interval: 5ms, parameters: {action: 3}}\n"

static void test_a_scheduler_asks_and_rewards(void **state)
{
    (void)state;
    write_config(ASKER "}}\n" PUPIL);
    start_node(0, NULL);
    assert_true(log_has(0, "learner at work"));
    call(40, 403);
    wait_metric(0, "p2pfaas_learner_transitions_total", 40, 10);
    assert_true(metric(0, "p2pfaas_learner_choices_total") == 40);
    assert_true(metric(0, "p2pfaas_learner_episodes_ended_total{how=\"rewarded\"}") == 40);
    assert_true(metric(0, "p2pfaas_learner_episodes ") == 0);
    assert_true(metric(0, "p2pfaas_learner_instances") == 1);
    assert_true(metric(0, "p2pfaas_learner_metric_learned") == 40);
    assert_true(metric(0, "p2pfaas_learner_rewards_dropped_total") == 0);
    assert_true(metric(0, "p2pfaas_plugin_misbehaviour_total{kind=\"learner_action\"}") == 0);
    stops();
    assert_true(there(""));
    assert_false(there(".new"));
}

static void test_learners_are_listed_with_their_parameters(void **state)
{
    (void)state;
    write_config(ASKER "}}\n" PUPIL);
    start_node(0, NULL);
    expect(get(0, "/plugins"), 200, "\"name\":\"heir\",\"kind\":\"learner\"");
    expect(get(0, "/plugins/pupil"), 200, "\"kind\":\"learner\"");
    expect(get(0, "/plugins/pupil"), 200, "\"in_use\":true");
    expect(get(0, "/plugins/pupil"), 200, "\"name\":\"most_dims\"");
    expect(get(0, "/plugins/heir"), 200, "\"in_use\":false");
    stops();
}

static void test_what_it_knows_outlives_a_restart(void **state)
{
    (void)state;
    start_knowing("40");
    assert_true(log_has(0, "the learner knows what was saved"));
    call(2, 403);
    stops();
    start_knowing("42");
    stops();
}

static void test_it_is_saved_now_and_then(void **state)
{
    static const char *const often[] = {"learner.save_interval=1s",
                                        "scheduler.parameters.when=in_decide", NULL};
    unsigned before = logged("loaded, knows 43 ");

    (void)state;
    /* Rarely a save falls between a choice and what is learned of it. */
    for (int tries = 0; tries < 5 && logged("loaded, knows 43 ") == before; tries++) {
        start_node(0, often);
        call(1, 403);
        wait_metric(0, "p2pfaas_learner_saves_total", 1, 20);
        cluster_stop(&cluster, 0, SIGKILL, 10);
        start_node(0, NULL);
        stops();
    }
    assert_int_equal(logged("loaded, knows 43 "), before + 1);
}

static void test_another_space_keeps_the_file_beside(void **state)
{
    unsigned loads = logged("loaded, knows ");

    (void)state;
    write_config(ASKER ", dims: 3}}\n" PUPIL);
    start_node(0, NULL);
    assert_true(there(".pupil-2x4"));
    assert_int_equal(logged("loaded, knows "), loads);
    call(5, 403);
    /* While it runs too, and back. */
    select_scheduler(0, "{\"name\":\"asker\",\"parameters\":{\"when\":\"in_outcome\"}}");
    assert_int_equal(logged("loaded, knows 43 "), 2);
    assert_true(there(".pupil-3x4"));
    assert_false(there(".pupil-2x4"));
    call(1, 403);
    select_scheduler(0, "{\"name\":\"asker\",\"parameters\":{\"dims\":3}}");
    assert_int_equal(logged("loaded, knows 5 "), 1);
    assert_true(there(".pupil-2x4"));
    stops();
    write_config(ASKER "}}\n" PUPIL);
    start_knowing("44");
    stops();
    drop(".pupil-3x4");
}

static void test_a_broken_file_is_kept_aside(void **state)
{
    (void)state;
    assert_int_equal(truncate(file, 200), 0);
    start_node(0, NULL);
    assert_int_equal(logged("learner.broken why="), 1);
    assert_true(log_has(0, "cut off"));
    assert_true(there(".broken"));
    call(3, 403);
    stops();
    start_knowing("3");
    stops();
    drop(".broken");
}

static void test_a_check_touches_nothing(void **state)
{
    struct stat before, after;
    char command[600];

    FILE *f = fopen(cluster.config, "we");

    (void)state;
    assert_non_null(f);
    fputs(ASKER ", dims: 3}}\n" PUPIL, f);
    fclose(f);
    assert_int_equal(stat(file, &before), 0);
    snprintf(command, sizeof(command), "timeout 20 %s --check --config %s --set %s --set %s",
             cluster.binary, cluster.config, folder_setting, file_setting);
    assert_int_equal(system(command), 0);
    assert_int_equal(stat(file, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    assert_false(there(".pupil-2x4"));
}

/* ---- reload ---- */

static void reload(const char *config)
{
    double before = metric(0, "p2pfaas_reloads_total");

    write_config(config);
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_total", before + 1, 20);
}

static void test_a_reload_may_change_both(void **state)
{
    (void)state;
    write_config(ASKER "}}\n" PUPIL);
    start_node(0, NULL);
    reload(ASKER "}}\nlearner: {plugin: heir, parameters: {action: 2}}\n");
    call(1, 402);
    assert_true(log_has(0, "took over 8 bytes of state from pupil"));
    assert_true(metric(0, "p2pfaas_scheduler_selections_total") == 1);
    reload(ASKER ", dims: 4}}\nlearner: {plugin: pupil, parameters: {action: 1, most_dims: 4}}\n");
    call(1, 401);
    reload("scheduler: {plugin: asker}\n");
    assert_true(metric(0, "p2pfaas_learner_instances") == 0);
    call(1, 200);
    reload("scheduler: {plugin: asker}\nlearner: {plugin: pupil, batch: 7}\n");
    assert_true(log_has(0, "a changed setting needs a restart"));
    call(1, 400);
}

static void test_a_wrong_reload_changes_nothing(void **state)
{
    static const char *const wrong[][2] = {
        {"scheduler: {plugin: needy}\n", "needs a learner"},
        {"scheduler: {plugin: asker}\nlearner: {plugin: nobody}\n", "no learner 'nobody'"},
        {"scheduler: {plugin: asker}\nlearner:\n  plugin: pupil\n  parameters:\n    pace: 2\n",
         ":5: learner.parameters: pupil: no parameter 'pace'"},
        {"scheduler: {plugin: needy}\nlearner: {plugin: pupil, parameters: {most_dims: 1}}\n",
         "learner.plugin: pupil: its init failed: 2 dimensions are too many"}};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        write_config(wrong[i][0]);
        kill(cluster.node[0].pid, SIGHUP);
        wait_metric(0, "p2pfaas_reloads_failed_total", (double)i + 1, 20);
        assert_true(log_has(0, wrong[i][1]));
        call(1, 400);
    }
}

static void test_one_that_cannot_save_is_told(void **state)
{
    (void)state;
    reload("scheduler: {plugin: asker}\nlearner: {plugin: forgetful}\n");
    assert_true(log_has(0, "the learner cannot save what it knows"));
    call(1, 400);
    reload("scheduler: {plugin: local}\nlearner: {plugin: pupil}\n");
    call(1, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_scheduler_asks_and_rewards),
        cmocka_unit_test(test_learners_are_listed_with_their_parameters),
        cmocka_unit_test(test_what_it_knows_outlives_a_restart),
        cmocka_unit_test(test_it_is_saved_now_and_then),
        cmocka_unit_test(test_another_space_keeps_the_file_beside),
        cmocka_unit_test(test_a_broken_file_is_kept_aside),
        cmocka_unit_test(test_a_check_touches_nothing),
        cmocka_unit_test(test_a_reload_may_change_both),
        cmocka_unit_test(test_a_wrong_reload_changes_nothing),
        cmocka_unit_test(test_one_that_cannot_save_is_told),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
