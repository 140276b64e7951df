#include "host/runtimes/docker_image.h"

#include <string.h>

#include "host/log.h"

static const uint64_t ANSWER_NS = 30000000000;

bool docker_image_is_looking(const struct docker_image *i)
{
    return i->looking;
}

void docker_image_cancel(struct docker_image *i)
{
    docker_cancel(&i->request);
    i->looking = false;
}

static void end(struct docker_image *i, const char *why)
{
    i->looking = false;
    i->done(i->owner, why);
}

/* The answer is 200 before anything was fetched: what went wrong stands in the stream. */
static void on_progress(void *owner, const cJSON *json)
{
    struct docker_image *i = owner;
    const char *error = docker_text(json, "error");
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(json, "progressDetail");
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(detail, "current");
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(detail, "total");
    char text[160];

    if (error[0] || docker_text(json, "message")[0]) {
        i->failed = true;
        snprintf(i->why, sizeof(i->why), "its image '%.80s' cannot be fetched: %.140s",
                 i->config->image, error[0] ? error : docker_text(json, "message"));
        return;
    }
    if (cJSON_IsNumber(now) && cJSON_IsNumber(all))
        snprintf(text, sizeof(text), "its image is fetched: %.60s %.1f of %.1f MB",
                 docker_text(json, "status"), now->valuedouble / 1e6, all->valuedouble / 1e6);
    else
        snprintf(text, sizeof(text), "its image is fetched: %.100s", docker_text(json, "status"));
    i->progress(i->owner, text);
}

static void on_pulled(struct docker_request *r, int status, const cJSON *answer)
{
    struct docker_image *i = r->owner;

    (void)answer;
    if (i->failed) {
        end(i, i->why);
    } else if (status != 200) {
        snprintf(i->why, sizeof(i->why), "its image '%.80s' cannot be fetched: %.140s",
                 i->config->image, r->err);
        end(i, i->why);
    } else {
        log_event(LOG_INFO, "image was fetched", LOG_STR("function", i->config->name),
                  LOG_STR("image", i->config->image));
        end(i, NULL);
    }
}

/* Without a tag all of them would be fetched. */
static bool has_tag(const char *image)
{
    const char *name = strrchr(image, '/');

    return strpbrk(name ? name : image, ":@") != NULL;
}

static void pull(struct docker_image *i)
{
    char name[3 * 256 + 1];

    log_event(LOG_INFO, "image is fetched", LOG_STR("function", i->config->name),
              LOG_STR("image", i->config->image));
    i->failed = false;
    i->request = (struct docker_request){.done = on_pulled, .each = on_progress, .owner = i};
    if (!docker_escape(name, sizeof(name), i->config->image))
        name[0] = '\0';
    docker_start(docker_api(i->docker), i->home, &i->request, "POST", NULL,
                 (uint64_t)i->config->docker->pull_timeout, "/images/create?fromImage=%s%s", name,
                 has_tag(i->config->image) ? "" : "&tag=latest");
}

static void on_looked(struct docker_request *r, int status, const cJSON *answer)
{
    struct docker_image *i = r->owner;

    (void)answer;
    if (status == 0) {
        i->looking = false;
        docker_lost(i->docker, r->err);
    } else if (status == 200) {
        end(i, NULL);
    } else if (status == 404 && i->config->docker->pull == PULL_MISSING) {
        pull(i);
    } else if (status == 404) {
        snprintf(i->why, sizeof(i->why),
                 "its image '%.120s' is not here, and docker.pull is 'never'", i->config->image);
        end(i, i->why);
    } else {
        snprintf(i->why, sizeof(i->why), "its image '%.80s': %.140s", i->config->image, r->err);
        end(i, i->why);
    }
}

void docker_image_look(struct docker_image *i)
{
    i->looking = true;
    if (i->config->docker->pull == PULL_ALWAYS) {
        pull(i);
        return;
    }
    i->request = (struct docker_request){.done = on_looked, .owner = i};
    docker_start(docker_api(i->docker), i->home, &i->request, "GET", NULL, ANSWER_NS,
                 "/images/%s/json", i->config->image);
}
