/* File names from a template and a record. */
#include "path.h"

#include <time.h>

enum { PLACE_UNKNOWN, PLACE_TOPIC, PLACE_PARTITION, PLACE_DATE, PLACE_HOUR };

static const struct {
    const char *name;
    int place;
} places[] = {{"{topic}", PLACE_TOPIC},
              {"{partition}", PLACE_PARTITION},
              {"{date}", PLACE_DATE},
              {"{hour}", PLACE_HOUR}};

/* The placeholder at `text` and its length. */
static int placeholder(const char *text, size_t *ret_size)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        size_t size = strlen(places[i].name);
        if (strncmp(text, places[i].name, size) == 0) {
            *ret_size = size;
            return places[i].place;
        }
    }
    *ret_size = 1;
    return PLACE_UNKNOWN;
}

bool jsonl_path_check(const char *path_template, const char **ret_problem)
{
    size_t size = 0;
    if (!*path_template) {
        *ret_problem = "the path is empty";
        return false;
    }
    for (const char *at = path_template; *at; at += size) {
        size = 1;
        if (*at == '{' && placeholder(at, &size) == PLACE_UNKNOWN) {
            *ret_problem =
                "it has a placeholder other than {topic}, {partition}, {date} and {hour}";
            return false;
        }
    }
    return true;
}

static int expand_one(int place, const busbar_origin *origin, char *out, size_t room)
{
    time_t seconds = (time_t)(origin->timestamp_ms < 0 ? 0 : origin->timestamp_ms / 1000);
    struct tm utc;
    switch (place) {
    case PLACE_TOPIC:
        return snprintf(out, room, "%.*s", (int)origin->topic.size, origin->topic.data);
    case PLACE_PARTITION:
        return snprintf(out, room, "%d", (int)origin->partition);
    default:
        break;
    }
    if (!gmtime_r(&seconds, &utc))
        return -1;
    return (int)strftime(out, room, place == PLACE_DATE ? "%Y-%m-%d" : "%H", &utc);
}

bool jsonl_path_expand(const char *path_template, const busbar_origin *origin,
                       char ret_path[JSONL_PATH_MAX])
{
    size_t used = 0, size = 0;
    for (const char *at = path_template; *at; at += size) {
        int place = *at == '{' ? placeholder(at, &size) : PLACE_UNKNOWN;
        if (place == PLACE_UNKNOWN) {
            size = 1;
            if (used + 1 >= JSONL_PATH_MAX)
                return false;
            ret_path[used++] = *at;
            continue;
        }
        int written = expand_one(place, origin, ret_path + used, JSONL_PATH_MAX - used);
        if (written < 0 || used + (size_t)written >= JSONL_PATH_MAX)
            return false;
        used += (size_t)written;
    }
    ret_path[used] = '\0';
    return true;
}
