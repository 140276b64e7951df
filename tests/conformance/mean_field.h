/*
 * mean_field.h - theory that only these tests need.
 *
 * Load is offered work / what the slots can do; times are in mean run times.  NAN where it
 * has nothing to say.
 */
#ifndef TESTS_CONFORMANCE_MEAN_FIELD_H
#define TESTS_CONFORMANCE_MEAN_FIELD_H

/* One queue that is dealt every n-th job of a Poisson stream, E_n/M/1: mean response. */
double mean_field_dealt(double load, unsigned n);

#endif
