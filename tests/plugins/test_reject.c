#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_host.h"

extern const struct p2p_module reject_plugin;

static void every_job_is_refused(void **state)
{
    struct mock *m = mock_new(&reject_plugin, "");

    (void)state;
    for (uint32_t peers = 0; peers < 3; peers++) {
        mock_peers(m, 1, peers);
        mock_is(mock_job(m, 0), p2p_reject(503));
        mock_is(mock_job(m, 3), p2p_reject(503));
    }
    mock_free(m);
}

static void the_status_is_a_parameter(void **state)
{
    struct mock *low = mock_new(&reject_plugin, "status=400");
    struct mock *high = mock_new(&reject_plugin, "status=599");

    (void)state;
    mock_is(mock_job(low, 0), p2p_reject(400));
    mock_is(mock_job(high, 0), p2p_reject(599));
    mock_free(low);
    mock_free(high);
}

static void only_errors_may_be_its_status(void **state)
{
    struct mock *m = mock_new(&reject_plugin, "");
    const struct p2p_param *status = &m->ops->params[0];

    (void)state;
    assert_string_equal(status->name, "status");
    assert_true(status->min == 400 && status->max == 599 && status->def == 503);
    mock_free(m);
}

static void every_event_is_refused(void **state)
{
    struct mock *m = mock_new(&reject_plugin, "status=429");

    (void)state;
    mock_peers(m, 1, 2);
    for (uint32_t event = 0; event < 40; event++) {
        mock_arrive(m);
        mock_is(mock_decide(m, event), p2p_reject(429));
    }
    mock_free(m);
}

static void the_original_name_takes_nothing(void **state)
{
    struct mock *m = mock_new(&reject_plugin, "");

    (void)state;
    assert_string_equal(m->ops->name, "reject");
    assert_int_equal(mock_alias(m, "RejectScheduler")->n_params, 0);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_refused),
        cmocka_unit_test(the_status_is_a_parameter),
        cmocka_unit_test(only_errors_may_be_its_status),
        cmocka_unit_test(every_event_is_refused),
        cmocka_unit_test(the_original_name_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
