/*
 * answer.h - what a node says of a call in its answer: the headers of P2PFaaS.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include "bench/record.h"
#include "host/http.h"

/* Fills what the answer tells: all of *r from error_code on but net_error, warm_up, in_deadline
 * and reward; texts but the error point into the response, those that are not there are "". */
void answer_read(struct http_response *from, struct record *r, const char *text[RECORD_TEXTS]);

/* The last of ["n1","n3"], without its quotes; its length, 0 when there is none. */
size_t answer_last(const char *list, const char **out);
/* Walks through ["n1","n3"] or [0.1,0.2]: the next element from *at on, without quotes; false
 * at the end.  *at begins as the list. */
bool answer_element(const char **at, const char **out, size_t *n);

#endif
