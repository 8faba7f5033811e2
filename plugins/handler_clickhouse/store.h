/* Batches on their way into the table: recorded, checked, inserted, confirmed. */
#ifndef CH_STORE_H
#define CH_STORE_H

#include "compress.h"
#include "mapping.h"
#include "native.h"
#include "places.h"

/* Some rows of one partition. */
typedef struct ch_batch {
    ch_place *place;
    size_t first, count; /* rows of the place */
    handler_ranges offsets;
    char token[CH_TOKEN_SIZE];
    handler_buffer body;
    bool inserted;
    ch_fault fault; /* why not */
} ch_batch;

typedef struct ch_store {
    const ch_settings *settings;
    ch_client *client;
    ch_journal *journal; /* NULL: batches are not recorded */
    ch_places *places;
    ch_mapping *mapping;
    ch_compressor *compressor;
    busbar_bytes topic; /* of the tokens, as group and handler */
    busbar_bytes group, handler;
    ch_native native;
    handler_buffer columns; /* of the mapping, as the journal keeps them */
} ch_store;

/* The columns of the mapping as they are now. False when memory is out. */
bool ch_store_set_columns(ch_store *store);
void ch_store_clear(ch_store *store);

/* Stores batches of different partitions; each says how it went. A place whose batch is open is
 * not taken any more. False, with the fault, when one of them did not get in. */
bool ch_store_run(ch_store *store, ch_batch *batches, size_t count, int64_t now_ms,
                  ch_fault *fault);
void ch_batch_clear(ch_batch *batch);

#endif
