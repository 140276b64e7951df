/*
 * quantity.h - numbers for people: as many digits as mean something, in a unit that fits.
 */
#ifndef SIM_QUANTITY_H
#define SIM_QUANTITY_H

#include <stdio.h>

#include "sim/estimate.h"
#include "sim/metric.h"

struct quantity {
    char value[24]; /* "-" when it is no number */
    char half[24];  /* of the interval, "" when there is none */
    char unit[8];   /* "ms", "%", "" */
};
struct quantity quantity_of(const struct estimate *e, enum metric_unit unit);

/* "12.3 ms"; four digits. */
void quantity_print(char *out, size_t size, double value, enum metric_unit unit);

/* "90 s", "1.5 h". */
void quantity_duration(char *out, size_t size, double seconds);

/* Text in UTF-8, padded to so many places; to the right of them when `right`. */
void quantity_pad(FILE *f, const char *text, unsigned width, int right);

#endif
