/*
 * support_certificate.h - a certificate that vouches for itself, for servers of tests.
 */
#ifndef TESTS_CLUSTER_SUPPORT_CERTIFICATE_H
#define TESTS_CLUSTER_SUPPORT_CERTIFICATE_H

/* Writes it, for this DNS name, and its key as PEM; 0 or -1. */
int certificate_make(const char *name, const char *certificate_file, const char *key_file);

#endif
