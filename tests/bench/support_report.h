/*
 * support_report.h - a folder for a report, and what every page must be.
 */
#ifndef TESTS_BENCH_SUPPORT_REPORT_H
#define TESTS_BENCH_SUPPORT_REPORT_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>

#include "tests/bench/support_results.h"

extern char report_folder[64], report_err[P2P_ERRLEN];

/* Around each test: report_folder is new, and is removed. */
int report_set_up(void **state);
int report_tear_down(void **state);

/* In the folder; until the next call. */
char *path_of(const char *name);
bool there(const char *name);
char *text_of(const char *name); /* malloc'ed */

void assert_has(const char *text, const char *what);
void assert_lacks(const char *text, const char *what);
void assert_well_formed(const char *page);

/* The page of such results, malloc'ed and found well-formed. */
char *page_of(const struct results_shape *s);

#endif
