#ifndef BANDIT_BETA_H
#define BANDIT_BETA_H

#include <p2pfaas/plugin.h>

/* A draw from the Beta distribution of a >= 1 and b >= 1. */
double bandit_beta(const struct p2p_host *host, double a, double b);

#endif
