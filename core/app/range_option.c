/* The options that say which part of a topic is meant. */
#include "app/range_option.h"

#include "app/command.h"
#include "base/clock.h"
#include "base/text.h"
#include "kafka/dlq_record.h"

/* A place in a topic; both -1 for its edge. */
typedef struct place {
    gint64 offset;
    gint64 time_ms;
} place;

static gboolean read_offset(const char *text, gint64 *ret_offset)
{
    char *end = NULL;
    if (!g_ascii_isdigit(*text))
        return FALSE;
    guint64 offset = g_ascii_strtoull(text, &end, 10);
    *ret_offset = (gint64)MIN(offset, (guint64)G_MAXINT64 - 1);
    return *end == '\0';
}

static gboolean read_place(const char *command, const char *name, const char *text,
                           place *ret_place)
{
    gint64 time_us, duration_ms;
    *ret_place = (place){-1, -1};
    if (!text)
        return TRUE;
    if (strcmp(text, "beginning") == 0) {
        ret_place->offset = 0;
    } else if (strcmp(text, "latest") == 0) {
        ret_place->offset = G_MAXINT64 - 1;
    } else if (read_offset(text, &ret_place->offset)) {
        return TRUE;
    } else if (bb_dlq_parse_time(text, &time_us)) {
        ret_place->offset = -1;
        ret_place->time_ms = MAX(time_us / 1000, 0);
    } else if (bb_text_parse_duration_ms(text, &duration_ms)) {
        ret_place->offset = -1;
        ret_place->time_ms = bb_clock_wall_us() / 1000 - duration_ms;
    } else {
        (void)bb_app_usage(command,
                           "%s is `%s`; expected an offset, a time as 2025-01-31T08:00:00Z, a "
                           "duration before now as 2h, `beginning` or `latest`",
                           name, text);
        return FALSE;
    }
    return TRUE;
}

gboolean bb_range_option_read(const char *command, const bb_range_option *option,
                              bb_range *ret_range)
{
    place from, to;
    if (!read_place(command, "--from", option->from, &from) ||
        !read_place(command, "--to", option->to, &to))
        return FALSE;
    if (option->last < -1 || option->partition < -1) {
        (void)bb_app_usage(command, "--last and --partition are numbers from 0");
        return FALSE;
    }
    if (option->last >= 0 && option->from) {
        (void)bb_app_usage(command, "--last and --from are two beginnings; leave one out");
        return FALSE;
    }
    *ret_range = (bb_range){option->partition, from.offset,  to.offset,
                            option->last,      from.time_ms, to.time_ms};
    return TRUE;
}
