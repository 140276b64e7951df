/*
 * dqn_net.h - a multilayer perceptron: layers of ReLU, and one that is linear, with a
 * value for each action.
 *
 * What it knows is a flat block of floats that the caller keeps, so that there can be
 * several of one form.  A layer is a row of weights for each of its inputs and one of
 * biases; rows are filled up with zeros, which stay zeros, to whole lanes: the inner loops
 * then have a fixed length, which compilers turn into vectors without reordering sums.
 */
#ifndef DQN_NET_H
#define DQN_NET_H

#include <p2pfaas/plugin.h>

/* No layer has more inputs or outputs than DQN_WIDEST. */
enum { DQN_LANE = 8, DQN_LAYERS = 3, DQN_WIDEST = 256 };

struct dqn_layer {
    uint32_t in, out;
    uint32_t stride;  /* out, filled up */
    size_t weights;   /* where its rows begin */
    size_t in_memory; /* where its outputs stand in the work memory */
};

struct dqn_net {
    uint32_t n_layers;
    struct dqn_layer layer[DQN_LAYERS];
    size_t n_weights; /* floats of all layers */
    size_t n_work;    /* floats that run and back need */
    size_t slopes[2]; /* where the slopes of a layer, and of the one before it, stand there */
};

/* `hidden` layers of `width` between them. */
void dqn_net_shape(struct dqn_net *net, uint32_t inputs, uint32_t hidden, uint32_t width,
                   uint32_t outputs);
/* Weights of hidden layers are drawn as He et al. do (2015, doi:10.1109/ICCV.2015.123), uniform;
 * those of the last one are 0, so that no action is better than another at first. */
void dqn_net_begin(const struct dqn_net *net, const struct p2p_host *host, float *weights);
/* The values, which stand in the work memory. */
const float *dqn_net_run(const struct dqn_net *net, const float *weights, const float *input,
                         float *work);
/* Adds `slope` times the gradient of the value of one action, of the input that was run last. */
void dqn_net_back(const struct dqn_net *net, const float *weights, const float *input,
                  uint32_t action, float slope, float *work, float *gradient);

#endif
