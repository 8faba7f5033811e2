/* What the publishing side adds to an event: when, by whom and in which version it was produced. */
#ifndef BB_METADATA_H
#define BB_METADATA_H

#include "contract/contract.h"

#define BB_METADATA_HEADERS 3

typedef struct bb_metadata bb_metadata; /* of one thread */

/* `producer` and `version` may be NULL: "busbar", "1.0". Both are copied. */
bb_metadata *bb_metadata_new(const char *producer, const char *version);
void bb_metadata_free(bb_metadata *metadata);

/* Puts the member `_metadata` last in the event's body; one that is there goes. The time is in the
 * original producers' form: no offset, no fraction when it is zero. The last change of an event:
 * the member is in bb_event_json, not in bb_event_get. */
void bb_metadata_put_body(bb_metadata *metadata, busbar_event *event, gint64 now_us);

/* The headers busbar.produced_at (RFC 3339, UTC), busbar.producer and busbar.version; they live
 * until the next call. Returns their number. */
uint32_t bb_metadata_headers(bb_metadata *metadata, gint64 now_us,
                             const busbar_header **ret_headers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_metadata, bb_metadata_free)

#endif
