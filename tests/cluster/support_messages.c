#include "tests/cluster/support_messages.h"

enum { NAME = 96, SECONDS = 30 };

const char *only_teller(void)
{
    static char setting[320];

    snprintf(setting, sizeof(setting), "plugins.folder=%s/tests/cluster/plugins",
             getenv("P2P_TEST_BIN"));
    return setting;
}

void make_teller_to(unsigned node, const char *address, const char *more)
{
    char json[512];

    /* By way of another scheduler, so that it begins to count. */
    select_scheduler(node, "{\"name\":\"mute\"}");
    snprintf(json, sizeof(json), "{\"name\":\"teller\",\"parameters\":{\"to\":\"%s\"%s}}", address,
             more);
    select_scheduler(node, json);
}

void make_teller(unsigned node, unsigned to, const char *more)
{
    make_teller_to(node, cluster.node[to].address, more);
}

void let_tell(unsigned node)
{
    expect(post_text(node, "/function/cat", "x"), 200, "x");
}

static const char *message_metric(const char *what, char out[NAME])
{
    snprintf(out, NAME, "p2pfaas_messages_total{what=\"%s\"}", what);
    return out;
}

static const char *own_metric(const char *what, char out[NAME])
{
    snprintf(out, NAME, "p2pfaas_scheduler_metric_%s ", what);
    return out;
}

static void wait_exactly(unsigned node, const char *name, double wanted)
{
    double now;

    wait_metric(node, name, wanted, SECONDS);
    now = metric(node, name);
    if (now != wanted)
        fail_msg("%s of n%u is %g, wanted %g", name, node + 1, now, wanted);
}

double messages(unsigned node, const char *what)
{
    char name[NAME];

    return metric(node, message_metric(what, name));
}

void wait_messages(unsigned node, const char *what, double wanted)
{
    char name[NAME];

    wait_exactly(node, message_metric(what, name), wanted);
}

double counted(unsigned node, const char *what)
{
    char name[NAME];

    return metric(node, own_metric(what, name));
}

void wait_counted(unsigned node, const char *what, double wanted)
{
    char name[NAME];

    wait_exactly(node, own_metric(what, name), wanted);
}
