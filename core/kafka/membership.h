/* How an event type's consumer is a member of its group: the way partitions are shared, static
 * membership, and which settings contradict that. */
#ifndef BB_MEMBERSHIP_H
#define BB_MEMBERSHIP_H

#include "config/settings.h"
#include "pipeline/event_type.h"

/* The kind that the settings come to with `version` of librdkafka (as rd_kafka_version()): never
 * AUTO. Contradictions and what the version cannot do are appended to `problems`
 * (bb_config_problem *), each with what to write instead. */
bb_assignment bb_membership_choose(const bb_settings *settings, const bb_event_type *type,
                                   int version, GPtrArray *problems);

/* The static member's id, or NULL when there is none. g_free. */
char *bb_membership_instance(const bb_event_type *type);

/* Names and values of the client's properties that this comes to, ends with NULL. g_strfreev. NULL
 * and the first problem when the settings contradict themselves. */
char **bb_membership_properties(const bb_settings *settings, const bb_event_type *type,
                                GError **error);

/* "eager", "cooperative", "consumer". */
const char *bb_membership_name(bb_assignment kind);

#endif
