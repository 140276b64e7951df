#include "host/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

static struct {
    bool has_cores, has_descriptors;
    cpu_set_t cores;
    struct rlimit descriptors;
} given;

void process_init(void)
{
    struct rlimit more;

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            _exit(1);
    given.has_cores = sched_getaffinity(0, sizeof(given.cores), &given.cores) == 0;
    given.has_descriptors = getrlimit(RLIMIT_NOFILE, &given.descriptors) == 0;
    more = given.descriptors;
    more.rlim_cur = more.rlim_max;
    if (given.has_descriptors)
        setrlimit(RLIMIT_NOFILE, &more);
}

unsigned long process_descriptors(void)
{
    struct rlimit now;

    return getrlimit(RLIMIT_NOFILE, &now) == 0 ? now.rlim_cur : 1024;
}

void process_pin(unsigned index)
{
    cpu_set_t one;
    int n = given.has_cores ? CPU_COUNT(&given.cores) : 0;

    if (n < 2)
        return;
    CPU_ZERO(&one);
    index %= (unsigned)n;
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &given.cores) && index-- == 0) {
            CPU_SET(core, &one);
            break;
        }
    pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

void process_unpin(void)
{
    if (given.has_cores)
        sched_setaffinity(0, sizeof(given.cores), &given.cores);
}

void process_restore(void)
{
    process_unpin();
    if (given.has_descriptors)
        setrlimit(RLIMIT_NOFILE, &given.descriptors);
}
