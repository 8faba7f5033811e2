/* Records as a Parquet file, a row group at a time. */
#ifndef BB_EXTRACT_PARQUET_H
#define BB_EXTRACT_PARQUET_H

#include <stdio.h>

#include "kafka/range_reader.h"
#include "pipeline/event_type.h"

typedef struct bb_extract_parquet bb_extract_parquet;

/* Loads what writes Parquet; NULL with what to install where it is missing. `fields`: the event
 * type whose contract's members become columns, or NULL; must live as long. */
bb_extract_parquet *bb_extract_parquet_new(const bb_event_type *fields, GError **error);
void bb_extract_parquet_free(bb_extract_parquet *parquet);

/* Begins the file in `out`, called `name`; before the first record. */
gboolean bb_extract_parquet_begin(bb_extract_parquet *parquet, FILE *out, const char *name,
                                  GError **error);
gboolean bb_extract_parquet_add(bb_extract_parquet *parquet, const rd_kafka_message_t *message,
                                GError **error);
/* Writes what is left, and the end of the file. */
gboolean bb_extract_parquet_end(bb_extract_parquet *parquet, GError **error);

/* Members that are null in their columns because they are not of their type. */
guint64 bb_extract_parquet_unfit(const bb_extract_parquet *parquet);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_extract_parquet, bb_extract_parquet_free)

#endif
