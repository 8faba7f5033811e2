/* How far the groups of the retry topics have come, and what waits in them; without membership. Not
 * thread-safe; blocks for requests. */
#ifndef BB_TIER_PROGRESS_H
#define BB_TIER_PROGRESS_H

#include "kafka/retry_letter.h"
#include "pipeline/blocked.h"

typedef struct bb_tier_progress bb_tier_progress;

/* Of the retry topics that are deeper than `type`, an event type or one of its tiers. */
bb_tier_progress *bb_tier_progress_new(const bb_settings *settings, const bb_event_type *type,
                                       GError **error);
void bb_tier_progress_free(bb_tier_progress *progress);

/* For each of them a GArray of bb_tier_state by partition, the next first, asked for in this order:
 * so a record that moves on meanwhile is seen where it comes to. */
GPtrArray *bb_tier_progress_ask(bb_tier_progress *progress, GError **error);

/* One record that is not final; FALSE: no more are wanted. `tier`: its number, from 1. */
typedef gboolean (*bb_tier_waiting_fn)(guint tier, const rd_kafka_message_t *message,
                                       const bb_retry_record *record, void *user);
/* Calls `each` for all that waits beyond `states`, topic by topic, the next first. Records that
 * busbar did not put there are left out. FALSE with an error, or when no more were wanted. */
gboolean bb_tier_progress_read(bb_tier_progress *progress, const GPtrArray *states,
                               bb_tier_waiting_fn each, gboolean (*stops)(void *user), void *user,
                               GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_tier_progress, bb_tier_progress_free)

#endif
