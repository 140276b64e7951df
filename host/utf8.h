/*
 * utf8.h - what a program or a client said, made fit for JSON.
 */
#ifndef HOST_UTF8_H
#define HOST_UTF8_H

#include <stddef.h>

/* Copies, cut between characters; each byte that is no UTF-8 becomes a '?'. */
void utf8_clean(char *out, size_t size, const char *text);

#endif
