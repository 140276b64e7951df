/*
 * report.h - what a benchmark found, as a page to read: report.html in the folder of its
 * results.sqlite, one file that needs no other, and the charts in it as figures/NAME.png
 * and .svg, with the gnuplot script (.gp) that has a chart's data in it.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stddef.h>

/* 0; or 1 and the reason: the page is there, but for charts that could not be drawn, and it
 * says so too; or -1 and the reason: no page was written, one from before is as it was.
 * Takes memory by the number of nodes and types, not of calls.  May be called from any
 * thread; starts gnuplot and waits for it. */
int report_write(const char *folder, char *err, size_t size);

#endif
