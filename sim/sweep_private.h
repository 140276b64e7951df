/*
 * sweep_private.h - what sweep.c and sweep_values.c share.  Private to them.
 */
#ifndef SIM_SWEEP_PRIVATE_H
#define SIM_SWEEP_PRIVATE_H

#include "sim/scenario_private.h"
#include "sim/sweep.h"

/* Takes the texts; a text of NULL is an error that was told, a label of NULL as the text. */
int sweep_add_value(const struct reader *r, const yaml_node_t *at, struct sweep_axis *a, char *text,
                    char *label);
/* Each 0 or -1; n is a list, a map. */
int sweep_read_list(struct reader *r, struct sweep_axis *a, const yaml_node_t *n);
int sweep_read_range(struct reader *r, struct sweep_axis *a, const yaml_node_t *n);

#endif
