/* Invented events for the demo, for trying things out and for benchmarks, made from a contract.
 *
 * The same contract, seed, index and instant give the same text. Values fit format, enum, bounds
 * and lengths; ids come from bounded sets, so that keys repeat. `pattern` is met where it is that
 * of a country code; other patterns are not read. */
#ifndef BB_GENERATE_H
#define BB_GENERATE_H

#include <glib.h>

#include "pipeline/event_type.h"

typedef struct bb_generator bb_generator;

/* `around_us`: the events happened within the day before this instant; 0 stands for the last
 * midnight, UTC. BB_ERROR_USAGE when the text is not a schema of an object. */
bb_generator *bb_generator_new(const char *contract, gsize size, guint64 seed, gint64 around_us,
                               GError **error);
void bb_generator_free(bb_generator *generator);

/* Appends event number `index` to `out`, without a line feed. A bad event breaks exactly one rule;
 * which one changes with the index. Not thread-safe. */
void bb_generator_event(bb_generator *generator, guint64 index, gboolean bad, GString *out);

/* One event of a type; makes a generator for it, so for more than some thousand keep one. */
GString *bb_generate_event(const bb_event_type *type, guint64 seed, guint64 index, gboolean bad);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_generator, bb_generator_free)

#endif
