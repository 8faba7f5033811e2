/* The embedded broker: librdkafka's mock cluster, one per process, for demo, tests and plugin
 * authors. Its log is bounded and in memory; it has no real transactions. */
#ifndef BB_EMBEDDED_H
#define BB_EMBEDDED_H

#include <glib.h>

/* Starts the cluster on first use (thread-safe). Returns its bootstrap list. @owns the process,
 * until bb_embedded_stop */
const char *bb_embedded_start(GError **error);
/* Makes a topic there; an existing one is left as it is. */
gboolean bb_embedded_topic(const char *topic, int partitions, GError **error);
gboolean bb_embedded_running(void);
/* Whether `bootstrap` is the address of this process's embedded broker. */
gboolean bb_embedded_is(const char *bootstrap);
void bb_embedded_stop(void);

#endif
