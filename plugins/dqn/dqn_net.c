#include <math.h>
#include <string.h>

#include "dqn_net.h"

/* ---- form ---- */

static uint32_t filled(uint32_t n)
{
    return (n + DQN_LANE - 1) / DQN_LANE * DQN_LANE;
}

void dqn_net_shape(struct dqn_net *net, uint32_t inputs, uint32_t hidden, uint32_t width,
                   uint32_t outputs)
{
    uint32_t in = inputs, widest = 0;

    *net = (struct dqn_net){.n_layers = hidden + 1};
    for (uint32_t i = 0; i < net->n_layers; i++) {
        uint32_t out = i < hidden ? width : outputs;
        struct dqn_layer l = {in, out, filled(out), net->n_weights, net->n_work};

        net->layer[i] = l;
        net->n_weights += (size_t)(in + 1) * l.stride;
        net->n_work += l.stride;
        if (l.stride > widest)
            widest = l.stride;
        in = out;
    }
    for (uint32_t i = 0; i < 2; i++) {
        net->slopes[i] = net->n_work;
        net->n_work += widest;
    }
}

static size_t row(const struct dqn_layer *l, uint32_t input)
{
    return l->weights + (size_t)input * l->stride;
}

void dqn_net_begin(const struct dqn_net *net, const struct p2p_host *host, float *weights)
{
    memset(weights, 0, net->n_weights * sizeof(*weights));
    for (uint32_t k = 0; k + 1 < net->n_layers; k++) {
        const struct dqn_layer *l = &net->layer[k];
        double most = sqrt(6.0 / l->in);

        for (uint32_t i = 0; i < l->in; i++)
            for (uint32_t o = 0; o < l->out; o++)
                weights[row(l, i) + o] = (float)(most * (2 * p2p_rand_unit(host) - 1));
    }
}

/* ---- lanes ---- */

static void add_scaled(float *to, const float *from, float x, uint32_t n)
{
    for (; n > 0; n -= DQN_LANE, to += DQN_LANE, from += DQN_LANE) {
        float sum[DQN_LANE];

        for (int k = 0; k < DQN_LANE; k++)
            sum[k] = to[k] + x * from[k];
        memcpy(to, sum, sizeof(sum));
    }
}

static float product(const float *a, const float *b, uint32_t n)
{
    float sum[DQN_LANE] = {0}, total = 0;

    for (; n > 0; n -= DQN_LANE, a += DQN_LANE, b += DQN_LANE)
        for (int k = 0; k < DQN_LANE; k++)
            sum[k] += a[k] * b[k];
    for (int k = 0; k < DQN_LANE; k++)
        total += sum[k];
    return total;
}

static inline void add_lane(float *sum, const float *from, float x)
{
    for (int k = 0; k < DQN_LANE; k++)
        sum[k] += x * from[k];
}

/* The inputs of a layer that are not 0; of what a ReLU gave it is about half. */
struct active {
    uint32_t n;
    uint16_t input[DQN_WIDEST];
};

static void find_active(struct active *a, const float *in, uint32_t n)
{
    a->n = 0;
    for (uint32_t i = 0; i < n; i++)
        if (in[i] != 0)
            a->input[a->n++] = (uint16_t)i;
}

/* A lane of outputs: the sum over the inputs. */
static void sum_lane(const struct dqn_layer *l, const struct active *a, const float *weights,
                     const float *in, float *out)
{
    float sum[DQN_LANE];

    memcpy(sum, weights + (size_t)l->in * l->stride, sizeof(sum));
    for (uint32_t i = 0; i < a->n; i++)
        add_lane(sum, weights + (size_t)a->input[i] * l->stride, in[a->input[i]]);
    memcpy(out, sum, sizeof(sum));
}

/* Four of them, whose additions need not wait for each other. */
static void sum_lanes(const struct dqn_layer *l, const struct active *a, const float *weights,
                      const float *in, float *out)
{
    const size_t lane = DQN_LANE;
    const float *biases = weights + (size_t)l->in * l->stride;
    float p[DQN_LANE], q[DQN_LANE], r[DQN_LANE], s[DQN_LANE];

    memcpy(p, biases, sizeof(p));
    memcpy(q, biases + lane, sizeof(q));
    memcpy(r, biases + 2 * lane, sizeof(r));
    memcpy(s, biases + 3 * lane, sizeof(s));
    for (uint32_t i = 0; i < a->n; i++) {
        const float *from = weights + (size_t)a->input[i] * l->stride;
        float x = in[a->input[i]];

        add_lane(p, from, x);
        add_lane(q, from + lane, x);
        add_lane(r, from + 2 * lane, x);
        add_lane(s, from + 3 * lane, x);
    }
    memcpy(out, p, sizeof(p));
    memcpy(out + lane, q, sizeof(q));
    memcpy(out + 2 * lane, r, sizeof(r));
    memcpy(out + 3 * lane, s, sizeof(s));
}

/* ---- forth and back ---- */

const float *dqn_net_run(const struct dqn_net *net, const float *weights, const float *input,
                         float *work)
{
    const float *in = input;

    for (uint32_t k = 0; k < net->n_layers; k++) {
        const struct dqn_layer *l = &net->layer[k];
        float *out = work + l->in_memory;
        struct active active;
        uint32_t o = 0;

        find_active(&active, in, l->in);
        for (; o + 4 * DQN_LANE <= l->stride; o += 4 * DQN_LANE)
            sum_lanes(l, &active, weights + l->weights + o, in, out + o);
        for (; o < l->stride; o += DQN_LANE)
            sum_lane(l, &active, weights + l->weights + o, in, out + o);
        if (k + 1 < net->n_layers)
            for (o = 0; o < l->stride; o++)
                out[o] = out[o] > 0 ? out[o] : 0;
        in = out;
    }
    return in;
}

/* Only one output has a slope. */
static void back_of_last(const struct dqn_layer *l, const float *weights, const float *in,
                         uint32_t action, float slope, float *gradient, float *before)
{
    for (uint32_t i = 0; i < l->in; i++) {
        gradient[row(l, i) + action] += slope * in[i];
        before[i] = in[i] > 0 ? slope * weights[row(l, i) + action] : 0;
    }
    gradient[row(l, l->in) + action] += slope;
}

static void back_of_hidden(const struct dqn_layer *l, const float *weights, const float *in,
                           const float *slopes, float *gradient, float *before)
{
    for (uint32_t i = 0; i < l->in; i++) {
        if (in[i] != 0)
            add_scaled(gradient + row(l, i), slopes, in[i], l->stride);
        if (before)
            before[i] = in[i] > 0 ? product(weights + row(l, i), slopes, l->stride) : 0;
    }
    add_scaled(gradient + row(l, l->in), slopes, 1, l->stride);
}

void dqn_net_back(const struct dqn_net *net, const float *weights, const float *input,
                  uint32_t action, float slope, float *work, float *gradient)
{
    uint32_t k = net->n_layers - 1;
    float *slopes = work + net->slopes[0], *before = work + net->slopes[1];

    /* What fills rows up has no slope. */
    memset(slopes, 0, net->layer[k - 1].stride * sizeof(*slopes));
    back_of_last(&net->layer[k], weights, work + net->layer[k - 1].in_memory, action, slope,
                 gradient, slopes);
    while (k-- > 0) {
        const float *in = k ? work + net->layer[k - 1].in_memory : input;
        float *swap = slopes;

        if (k)
            memset(before, 0, net->layer[k - 1].stride * sizeof(*before));
        back_of_hidden(&net->layer[k], weights, in, slopes, gradient, k ? before : NULL);
        slopes = before;
        before = swap;
    }
}
