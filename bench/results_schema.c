#include "bench/results.h"

/* Times are seconds, from the begin of the load unless they say otherwise; node_id counts
 * from 0 in the order of the experiment.  Where there is no value: NULL. */
const char results_schema[] =
    /* ---- the original benchmark's, same columns in the same order ---- */
    "CREATE TABLE jobs (node_id INTEGER, req_id INTEGER, type_id INTEGER, payload_name TEXT,"
    " requests_rate REAL, time_total REAL, time_execution REAL, times_parsed INTEGER,"
    " res_status_code INTEGER, res_error_code INTEGER, req_net_error INTEGER,"
    " req_net_error_message TEXT, externally_executed INTEGER, timestamp_start REAL,"
    " timestamp_end REAL, learning_state TEXT, learning_action REAL, learning_eps REAL,"
    " learning_reward REAL);" /* timestamps: since 1970 */
    "CREATE TABLE timings (node_id INTEGER, req_id INTEGER, payload_name TEXT,"
    " requests_rate REAL, index_i INTEGER, time_type TEXT, time_value REAL);"
    "CREATE TABLE values_strings (node_id INTEGER, req_id INTEGER, payload_name TEXT,"
    " requests_rate REAL, index_i INTEGER, value_type TEXT, value_value TEXT);"

    /* ---- ours ---- */

    /* name, summary, started (RFC 3339), duration_s, warm_up_s, seed, version, yaml,
     * complete (0 or 1), behind ('' or why the run is marked). */
    "CREATE TABLE experiment (key TEXT PRIMARY KEY, value TEXT);"
    /* scheduler and learner: as the node said when the load began. */
    "CREATE TABLE nodes (node_id INTEGER PRIMARY KEY, name TEXT, address TEXT, asked_rate REAL,"
    " arrivals TEXT, scheduler TEXT, learner TEXT);"
    /* status 0: no answer, `error` says why; deadline 0: none; sent NULL: it never left. */
    "CREATE TABLE calls (node_id INTEGER, req_id INTEGER, type_id INTEGER, payload_name TEXT,"
    " planned REAL, sent REAL, ended REAL, status INTEGER, error TEXT, deadline REAL,"
    " in_deadline INTEGER, ran_on TEXT, hops INTEGER, execution REAL, queueing REAL,"
    " probing REAL, scheduler TEXT, eid TEXT, state TEXT, action REAL, epsilon REAL,"
    " reward REAL, warm_up INTEGER);"
    /* What was planned, sent, answered … in that second; open and late_max: at its end, in it. */
    "CREATE TABLE seconds (node_id INTEGER, second INTEGER, planned INTEGER, sent INTEGER,"
    " answered INTEGER, ok INTEGER, in_deadline INTEGER, rejected INTEGER, failed INTEGER,"
    " open INTEGER, late_max REAL);"
    /* node_id -1: all; kind: 'corrected' (from the planned time) or 'uncorrected' (from the
     * real one); answered calls after the warm-up. */
    "CREATE TABLE latency (node_id INTEGER, kind TEXT, quantile REAL, seconds REAL);";
