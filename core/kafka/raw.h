/* Producing bytes as they are: no contract, no enrichment. What a producer that knows nothing of
 * busbar would send. */
#ifndef BB_RAW_H
#define BB_RAW_H

#include <busbar/plugin.h>

#include "config/settings.h"

typedef struct bb_raw bb_raw;

bb_raw *bb_raw_new(const bb_settings *settings, GError **error);
/* Copies; blocks while the queue is full. `key.data` NULL: null key. */
gboolean bb_raw_send(bb_raw *raw, const char *topic, busbar_bytes key, busbar_bytes value,
                     GError **error);
/* Waits for the broker's confirmations; BB_ERROR_KAFKA when one failed or is missing after
 * `timeout_ms`. */
gboolean bb_raw_flush(bb_raw *raw, int timeout_ms, GError **error);
void bb_raw_free(bb_raw *raw);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_raw, bb_raw_free)

#endif
