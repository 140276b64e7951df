/* Learners in the simulator: their keys, what they come to, their files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/support_command.h"
#include "tests/sim/support_scenario.h"
#include "tests/sim/support_simulation.h"

#define RUN "run: {length: 20s, warm_up: 5s}\n"
#define JOBS "functions: [{name: f, service: 100ms, deadline: 300ms}]\n"
#define LEARNS                                                                                     \
    "scheduler: {plugin: learning, parameters: {reject: false}}, "                                 \
    "arrivals: {load: 0.7}, "
#define PAIR RUN JOBS "nodes: [{name: n, count: 2, slots: 1, " LEARNS "learner: rl_qlearning}]\n"

/* ---- keys ---- */

static void a_learner_is_written_as_a_scheduler_is(void **state)
{
    const struct group_learner *l;
    char place[160];

    (void)state;
    READS("nodes:\n"
          "- {name: a, learner: dqn}\n"
          "- name: b\n"
          "  learner:\n"
          "    plugin: rl_qlearning\n"
          "    parameters: {form: sarsa}\n"
          "    file: 'w/{node}.learner'\n"
          "    batch: 7\n"
          "    batch_interval: 2s\n"
          "    expiry: 3s\n"
          "    most_episodes: 9\n"
          "- {name: c}\n");
    assert_string_equal(scenario.group[0].learner.plugin, "dqn");
    assert_int_equal(scenario.group[0].learner.batch, 32);
    assert_string_equal(scenario.group[2].learner.plugin, "");
    l = &scenario.group[1].learner;
    assert_int_equal(l->batch, 7);
    assert_int_equal(l->batch_interval, 2000000000);
    assert_int_equal(l->expiry, 3000000000);
    assert_int_equal(l->most_episodes, 9);
    assert_int_equal(l->n_parameters, 1);
    assert_string_equal(l->parameters[0].value, "sarsa");
    assert_non_null(strstr(l->file, "/w/{node}.learner"));
    scenario_place(&scenario, l->plugin_line, place, sizeof(place));
    assert_non_null(strstr(place, ":5"));
}

static void set_goes_into_a_learner(void **state)
{
    (void)state;
    READS_SET("nodes: [{name: n, learner: dqn}]", "learner.parameters.gamma=0.5",
              "learner.batch=3");
    assert_string_equal(scenario.group[0].learner.plugin, "dqn");
    assert_string_equal(scenario.group[0].learner.parameters[0].value, "0.5");
    assert_int_equal(scenario.group[0].learner.batch, 3);
    /* Another learner does not take the parameters of the one before. */
    READS_SET("nodes: [{name: n, learner: {plugin: dqn, parameters: {gamma: 1}}}]",
              "learner.plugin=rl_qlearning");
    assert_int_equal(scenario.group[0].learner.n_parameters, 0);
}

static void a_wrong_key_is_told_with_its_place(void **state)
{
    (void)state;
    REFUSES(2, "nodes:\n- {name: n, learner: {plugin: dqn, bach: 3}}\n", "nodes.n.learner.bach",
            "did you mean 'batch'?");
    REFUSES(2, "nodes:\n- {name: n, learner: {plugin: dqn, batch: 0}}\n", "nodes.n.learner.batch",
            "from 1 to 65536");
    REFUSES(2, "nodes:\n- {name: n, learner: {file: x}}\n", "nodes.n.learner.plugin is empty");
    REFUSES_SET("nodes: [{name: n}]", "learner.expiry=soon", "learner.expiry", "duration");
}

static void a_wrong_plugin_is_told_with_its_place(void **state)
{
    (void)state;
    simulation_refuses("nodes:\n- {name: n, scheduler: learning, learner: remote_learner}\n",
                       LIST(":2: nodes.n.learner: ", "outside of the node"));
    simulation_refuses("nodes:\n- {name: n, learner: dqm}\n", LIST(":2: nodes.n.learner: ", "dqn"));
    simulation_refuses("nodes:\n- {name: n, learner: {plugin: dqn, parameters: {gama: 1}}}\n",
                       LIST(":2: nodes.n.learner: ", "gamma"));
    simulation_refuses("nodes:\n- {name: n, scheduler: learning}\n",
                       LIST(":2: nodes.n.scheduler: ", "it needs a learner"));
    simulation_refuses("nodes:\n- {name: n, " LEARNS
                       "learner: {plugin: dqn, file: 'no-{node}.learner'}}\n",
                       LIST(":2: nodes.n.learner.file: ", "/no-n-0.learner"));
}

/* ---- what comes of them ---- */

static void each_job_is_a_choice_and_its_reward(void **state)
{
    (void)state;
    simulation_runs(PAIR);
    /* Jobs that a peer sent are not chosen for again; what was under way at the end of the
     * warm-up is rewarded later. */
    assert_float_equal(metric(METRIC_CHOICES), 1, 0.1);
    assert_float_equal(metric(METRIC_REWARD), metric(METRIC_IN_DEADLINE), 0.03);
    assert_true(metric(METRIC_REWARD) > 0.2);
    simulation_runs(RUN JOBS "nodes: [{name: n, learner: dqn, arrivals: {load: 0.7}}]\n");
    assert_true(isnan(metric(METRIC_CHOICES)));
    assert_true(isnan(metric(METRIC_REWARD)));
}

static void the_same_seed_learns_the_same(void **state)
{
    double in_time, reward;

    (void)state;
    simulation_runs(PAIR);
    in_time = metric(METRIC_IN_DEADLINE);
    reward = metric(METRIC_REWARD);
    simulation_runs(PAIR);
    assert_true(in_time == metric(METRIC_IN_DEADLINE) && reward == metric(METRIC_REWARD));
}

static void a_node_that_was_down_learns_on(void **state)
{
    (void)state;
    simulation_runs(PAIR "faults: [{kind: down, nodes: n, at: 10s, until: 12s}]\n");
    assert_true(ended(JOB_FAILED) > 0);
    /* Choices of the learners that were lost count, too. */
    assert_true(metric(METRIC_CHOICES) > 0.8);
}

/* ---- files ---- */

static void what_was_learned_is_written_and_loaded(void **state)
{
    char *one, *other, set[512];

    (void)state;
    command_runs(PAIR, LIST("-q", "--learners", command_path("w")));
    assert_int_equal(command_code, 0);
    assert_int_equal(access(command_path("w/n-0.learner"), R_OK), 0);
    assert_int_equal(access(command_path("w/n-1.learner"), R_OK), 0);
    command_runs(PAIR, LIST("-q", "--learners", command_path("again")));
    assert_true(command_same_folders(command_path("w"), command_path("again")));
    one = command_read(scenario_path);
    free(one);
    one = strdup(command_out);
    snprintf(set, sizeof(set), "learner.file=%s", command_path("w/{node}.learner"));
    command_runs(PAIR, LIST("-q", "--set", set));
    assert_int_equal(command_code, 0);
    other = strdup(command_out);
    assert_string_not_equal(one, other);
    free(one);
    free(other);
    /* Another space. */
    command_refuses(PAIR, LIST("-q", "--set", set, "--set", "scheduler.parameters.task_types=2"), 1,
                    LIST("--set learner.file", "w/n-0.learner", "dimensions"));
}

static void learners_are_of_one_simulation_that_has_some(void **state)
{
    const char *folder = command_path("none");

    (void)state;
    command_refuses(PAIR, LIST("-q", "--learners", folder, "--set", "run.replications=2"), 1,
                    LIST("--learners is of one simulation", "--only"));
    command_refuses(RUN "nodes: [{name: n, arrivals: {load: 0.5}}]\n",
                    LIST("-q", "--learners", folder), 1, LIST("no node has a learner"));
    assert_int_not_equal(access(folder, F_OK), 0);
    command_refuses(PAIR, LIST("-q", "--learners", command_path("no/where")), 1,
                    LIST("--learners ", "no/where"));
}

/* ---- the claim of docs/learning.md, small ---- */

static double in_time_of(const char *scheduler, const char *seed)
{
    char *at, set[160], seeded[40];

    snprintf(set, sizeof(set), "scheduler=%s", scheduler);
    snprintf(seeded, sizeof(seeded), "run.seed=%s", seed);
    command_runs_file("sim/scenarios/day-long.yaml",
                      LIST("-q", "--set", "run.length=360s", "--set", "run.warm_up=720s", "--set",
                           seeded, "--set", scheduler[0] ? set : "run.batches=96"));
    assert_int_equal(command_code, 0);
    at = strstr(command_out, "in deadline");
    assert_non_null(at);
    return strtod(at + strlen("in deadline"), NULL);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SEEDS = 1 };
#else
enum { SEEDS = 2 };
#endif

static void a_trained_learner_does_more_in_time_than_the_power_of_two(void **state)
{
    static const char two[] = "{plugin: power_of_choices, parameters: {fanout: 2, threshold: 2}}";

    (void)state;
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        double with = in_time_of("", seed ? "12" : "11"),
               without = in_time_of(two, seed ? "12" : "11");

        if (!(with > without + 5))
            fail_msg("learning %.2f %%, power of two %.2f %%", with, without);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_learner_is_written_as_a_scheduler_is),
        cmocka_unit_test(set_goes_into_a_learner),
        cmocka_unit_test(a_wrong_key_is_told_with_its_place),
        cmocka_unit_test(a_wrong_plugin_is_told_with_its_place),
        cmocka_unit_test(each_job_is_a_choice_and_its_reward),
        cmocka_unit_test(the_same_seed_learns_the_same),
        cmocka_unit_test(a_node_that_was_down_learns_on),
    };
    const struct CMUnitTest of_command[] = {
        cmocka_unit_test(what_was_learned_is_written_and_loaded),
        cmocka_unit_test(learners_are_of_one_simulation_that_has_some),
        cmocka_unit_test(a_trained_learner_does_more_in_time_than_the_power_of_two),
    };

    return cmocka_run_group_tests_name("learners", tests, simulation_setup, simulation_teardown) +
           cmocka_run_group_tests_name("learners' files", of_command, command_setup,
                                       command_teardown);
}
