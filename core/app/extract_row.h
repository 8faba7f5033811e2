/* A record as a line: JSON or CSV. */
#ifndef BB_EXTRACT_ROW_H
#define BB_EXTRACT_ROW_H

#include "kafka/range_reader.h"
#include "pipeline/event_type.h"

typedef enum bb_row_form { BB_ROW_JSON, BB_ROW_CSV } bb_row_form;

typedef struct bb_row_writer bb_row_writer;

/* `fields`: the event type whose contract's members become columns, or NULL. Must live as long. */
bb_row_writer *bb_row_writer_new(bb_row_form form, const bb_event_type *fields);
void bb_row_writer_free(bb_row_writer *writer);

/* The line with the names of the columns; nothing for JSON. */
void bb_row_writer_head(const bb_row_writer *writer, GString *out);
void bb_row_writer_add(bb_row_writer *writer, GString *out, const rd_kafka_message_t *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_row_writer, bb_row_writer_free)

#endif
