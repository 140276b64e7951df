#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module local_plugin;

static void every_job_runs_here(void **state)
{
    struct mock *m = mock_new(&local_plugin, "");

    (void)state;
    for (uint32_t peers = 0; peers < 3; peers++) {
        mock_peers(m, 7, peers);
        for (uint32_t load = 0; load < 1000; load += 111) {
            mock_load(m, load, load);
            mock_is(mock_job(m, load % 3), p2p_local());
        }
    }
    mock_free(m);
}

static void with_loss_it_does_not_wait_for_a_slot(void **state)
{
    struct mock *m = mock_new(&local_plugin, "loss=true");

    (void)state;
    mock_peers(m, 7, 3);
    mock_is(mock_job(m, 0), p2p_local_or_lose());
    mock_load(m, 4, 0);
    mock_is(mock_job(m, 2), p2p_local_or_lose());
    mock_free(m);
}

static void every_event_runs_the_job_here(void **state)
{
    struct mock *m = mock_new(&local_plugin, "");

    (void)state;
    mock_peers(m, 7, 3);
    for (uint32_t event = 0; event < 40; event++) {
        mock_arrive(m);
        mock_is(mock_decide(m, event), p2p_local());
    }
    mock_free(m);
}

static void it_neither_draws_nor_keeps_anything(void **state)
{
    struct mock *m = mock_new(&local_plugin, "");
    uint64_t rng = m->rng;

    (void)state;
    mock_job(m, 0);
    assert_true(m->rng == rng);
    assert_string_equal(m->log, "");
    assert_int_equal(m->ops->decision_size + m->ops->max_probes, 0);
    mock_free(m);
}

static void the_original_name_takes_loss(void **state)
{
    struct mock *m = mock_new(&local_plugin, "");

    (void)state;
    assert_string_equal(m->ops->name, "local");
    assert_int_equal(mock_alias(m, "NoScheduler")->n_params, 1);
    assert_string_equal(m->ops->params[0].name, "loss");
    assert_int_equal(m->ops->params[0].type, P2P_BOOL);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_here),
        cmocka_unit_test(with_loss_it_does_not_wait_for_a_slot),
        cmocka_unit_test(every_event_runs_the_job_here),
        cmocka_unit_test(it_neither_draws_nor_keeps_anything),
        cmocka_unit_test(the_original_name_takes_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
