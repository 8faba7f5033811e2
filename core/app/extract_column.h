/* Columns of Parquet by the members of a contract, and members as their cells. */
#ifndef BB_EXTRACT_COLUMN_H
#define BB_EXTRACT_COLUMN_H

#include <arrow_parquet/parquet.h>
#include <glib.h>
#include <jansson.h>

#include "event/event.h"

/* Sets type and is_list by what the contract says of the member; NULL: nothing. */
void bb_extract_column_type(const json_t *schema, arrow_parquet_column *column);

/* Adds the cell of the value `token` of the event; 0: it is absent, which is null. FALSE: it is not
 * of the column's type, and null in whole or in an item. */
gboolean bb_extract_column_add(const arrow_parquet_column *column, const busbar_event *event,
                               uint32_t token, GByteArray *cells);

/* A cell of TEXT or BYTES; `data` NULL is null. */
void bb_extract_column_bytes(GByteArray *cells, const void *data, gsize size);

#endif
