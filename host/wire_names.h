/*
 * wire_names.h - how the headers of nodes are spelled.  Private to wire.c and
 * translate.c.
 */
#ifndef HOST_WIRE_NAMES_H
#define HOST_WIRE_NAMES_H

#define PREFIX "X-P2pfaas-"
#define HOPS PREFIX "Hops"
#define FROM PREFIX "From"
#define REMAINING PREFIX "Remaining-Seconds"
#define OUTCOME PREFIX "Outcome"
#define LOAD PREFIX "Load"
#define MAX_LOAD PREFIX "Maxload"
#define QUEUE_LENGTH "X-P2pfog-Queue-Length" /* as the original spells it */
#define EXECUTION PREFIX "Timing-Execution-Time-Seconds"
#define QUEUEING PREFIX "Timing-Queue-Time-Seconds" /* ours; left out when it did not wait */
#define COLD_START_LIST PREFIX "Timing-Cold-Start-Seconds-List" /* create, start, ready, answer */
#define PROBING_LIST PREFIX "Timing-Probing-Seconds-List"
#define SCHEDULING_LIST PREFIX "Timing-Scheduling-Seconds-List"
#define TOTAL_LIST PREFIX "Timing-Total-Seconds-List"
#define PEERS_ID PREFIX "Peers-List-Id"
#define PEERS_IP PREFIX "Peers-List-Ip"
#define BYPASS PREFIX "Scheduler-Bypass"
#define FORWARD PREFIX "Scheduler-Forward"
#define REJECT PREFIX "Scheduler-Reject"
#define LEARNING_EID PREFIX "Scheduler-Learning-Eid"
#define LEARNING_STATE PREFIX "Scheduler-Learning-State"
#define LEARNING_ACTION PREFIX "Scheduler-Learning-Action"
#define LEARNING_EPS PREFIX "Scheduler-Learning-Eps"
#define LEARNING_TYPE PREFIX "Scheduler-Learning-Task-Type"
#define LEARNING_REWARD PREFIX "Learning-Reward"
#define TRACING_ID PREFIX "Scheduler-Task-Tracing-Id"

#endif
