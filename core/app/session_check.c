/* Dead letters that would be read again as events. */
#include "app/session_check.h"

static void add_problem(GPtrArray *problems, const bb_event_type *type, char *message_new)
{
    bb_config_problem *problem = g_new0(bb_config_problem, 1);
    problem->place = type->settings->place;
    problem->pointer = g_strdup_printf("/domains/%s/events/%s", type->domain, type->name);
    problem->message = message_new;
    g_ptr_array_add(problems, problem);
}

void bb_session_check(const bb_registry *registry, GPtrArray *problems)
{
    for (guint i = 0; i < bb_registry_count(registry); i++) {
        const bb_event_type *type = bb_registry_at(registry, i);
        if (g_strcmp0(type->topic, type->dead_letter_topic) == 0)
            add_problem(problems, type,
                        g_strdup_printf("dead letters of %s would go back to the topic `%s` they "
                                        "came from; set another `consume.dead_letter.topic`",
                                        type->full_name, type->topic));
    }
}
