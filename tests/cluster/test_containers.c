/* Three nodes in containers of a real Docker daemon, with the settings of deploy/compose.yaml
 * and an image like that of deploy/Dockerfile. */
#include "tests/cluster/support_discovery.h"
#include "tests/cluster/support_docker.h"

enum { NODES = 3, FIRST_PORT = 18081 };

static char env_file[96];

/* The settings that the file gives to each node. */
static void write_env_file(void)
{
    snprintf(env_file, sizeof(env_file), "%s/settings", cluster.dir);
    shell("sed -n -e 's/^  \\(P2PFAAS_[A-Z_]*\\): */\\1=/; T; s/ #.*//' -e \"s/'//g\""
          " -e 's/${SECRET:.*/the secret of a test/; s/${PASSWORD:.*/password/; p' "
          "%s/deploy/compose.yaml >%s",
          getenv("P2P_TEST_TREE"), env_file);
}

static int begin(void **state)
{
    (void)state;
    fixture_init(NODES, "");
    for (unsigned i = 0; i < NODES; i++)
        snprintf(cluster.node[i].address, sizeof(cluster.node[i].address),
                 "admin:password@127.0.0.1:%u", FIRST_PORT + i);
    if (!docker_begin())
        return 0;
    write_env_file();
    shell("cd %s && tests/cluster/images/node %s %s/image && rm -rf %s/image",
          getenv("P2P_TEST_TREE"), getenv("P2P_TEST_BIN"), cluster.dir, cluster.dir);
    shell("docker network create --subnet 10.78.0.0/24 nodes");
    return 0;
}

/* As deploy/compose.yaml starts it; told sooner who died. */
static void run_node(unsigned node, const char *more)
{
    const char *said = shell(
        "docker run -d --name n%u --network nodes --init --read-only --tmpfs /tmp:exec,mode=1777 "
        "--cap-drop ALL --security-opt no-new-privileges:true --env-file %s "
        "-e P2PFAAS_NODE_ID=n%u -e P2PFAAS_DISCOVERY_PROBE_INTERVAL=100ms "
        "-e P2PFAAS_DISCOVERY_PROBE_TIMEOUT=100ms --health-interval 1s "
        "-v n%u:/var/lib/p2pfaas -p 127.0.0.1:%u:18080 %s p2pfaas 2>&1",
        node + 1, env_file, node + 1, node + 1, FIRST_PORT + node, more);

    if (strlen(said) != 65) /* its id and a line's end */
        fail_msg("n%u does not start: %s", node + 1, said);
}

static void wait_each_has(unsigned alive)
{
    for (unsigned i = 0; i < NODES; i++)
        wait_members(i, "alive", alive);
}

static void nodes_find_each_other_by_name(void **state)
{
    (void)state;
    need_docker();
    for (unsigned i = 0; i < NODES; i++)
        run_node(i, "");
    wait_each_has(NODES - 1);
}

static bool is_healthy(void *arg)
{
    (void)arg;
    return strcmp(shell("docker inspect -f '{{.State.Health.Status}}' n1"), "healthy\n") == 0;
}

static void health_is_told_to_docker(void **state)
{
    (void)state;
    need_docker();
    assert_true(wait_until(is_healthy, NULL, PATIENCE));
}

static void only_invocations_are_for_everybody(void **state)
{
    static const char *const open = "http://127.0.0.1:18081";
    char url[64];

    (void)state;
    need_docker();
    snprintf(url, sizeof(url), "%s/function/sha256sum", open);
    for (int i = 0; i < 2; i++) {
        struct reply r;

        http_call(&(struct request){.url = url}, &r);
        assert_int_equal(r.status, i == 0 ? 200 : 401);
        reply_free(&r);
        snprintf(url, sizeof(url), "%s/cluster", open);
    }
}

static void call_is_run_by_another(void **state)
{
    static const char *const forward[] = {"X-P2pfaas-Scheduler-Forward: yes", NULL};
    struct reply r;

    (void)state;
    need_docker();
    r = send_method("POST", 0, "/function/echo", "hello", 5, forward);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "hello");
    assert_string_equal(header(&r, "X-P2pfaas-Externally-Executed"), "True");
    assert_non_null(strstr(header(&r, "X-P2pfaas-Peers-List-Id"), "\"n1\",\"n"));
    reply_free(&r);
}

static void killed_one_is_known_dead_and_comes_back(void **state)
{
    (void)state;
    need_docker();
    shell("docker kill n2");
    wait_members(0, "dead", 1);
    expect(post_text(0, "/function/echo", "still"), 200, "still");
    shell("docker start n2");
    wait_each_has(NODES - 1);
}

/* A container that is made anew gets another address, and is found again by those who only
 * knew the old one. */
static void one_at_another_address_is_found(void **state)
{
    (void)state;
    need_docker();
    shell("docker rm -f n3");
    run_node(2, "--ip 10.78.0.77");
    wait_members(2, "alive", NODES - 1);
    wait_members(0, "alive", NODES - 1);
    expect(get(2, "/cluster"), 200, "10.78.0.77:18080");
}

static void stopped_one_ends_well_and_keeps_what_it_knew(void **state)
{
    (void)state;
    need_docker();
    shell("docker stop -t 30 n1");
    assert_string_equal(shell("docker inspect -f '{{.State.ExitCode}}' n1"), "0\n");
    assert_non_null(strstr(shell("cat %s/docker-data/volumes/n1/_data/members.json", cluster.dir),
                           "10.78.0.77:19000"));
    wait_members(1, "left", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_find_each_other_by_name),
        cmocka_unit_test(health_is_told_to_docker),
        cmocka_unit_test(only_invocations_are_for_everybody),
        cmocka_unit_test(call_is_run_by_another),
        cmocka_unit_test(killed_one_is_known_dead_and_comes_back),
        cmocka_unit_test(one_at_another_address_is_found),
        cmocka_unit_test(stopped_one_ends_well_and_keeps_what_it_knew),
    };

    return cmocka_run_group_tests(tests, begin, docker_end);
}
