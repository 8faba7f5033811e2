/* The partitions of a lane: what is stored of each, who may store, and the rows that wait. */
#ifndef CH_PLACES_H
#define CH_PLACES_H

#include "journal.h"
#include "table.h"

/* A batch of giants does not keep its memory. */
enum { CH_KEPT_BYTES = 32 * 1024 * 1024 };

typedef struct ch_row {
    size_t at;      /* in the data; it ends where the next begins */
    uint32_t index; /* of the event in the batch in hand */
    int64_t offset;
} ch_row;

typedef struct ch_rows {
    handler_buffer data;
    size_t count;
    size_t capacity;
    int64_t highest; /* offset */
    ch_row *list;
} ch_rows;

typedef struct ch_place {
    int32_t partition;
    int64_t assignment;
    bool taken;
    bool told;     /* that records were stored before, in this assignment */
    bool doubtful; /* of its last batch, whether it is recorded and whether it is stored */
    bool careful;  /* a row was refused: batches are stored one by one until a flush has passed */
    int64_t wait_ms;
    int64_t finished_from, finished_below;
    ch_entry entry; /* of this taking; its `stored` is all that is known to be stored */
    ch_rows rows;
} ch_place;

typedef struct ch_places {
    ch_journal *journal;
    const ch_table *table;
    char *process;
    int64_t takeover_ms, timeout_ms;
    int64_t block;      /* the newest part that was seen */
    uint64_t uncertain; /* batches repeated beyond the window */
    handler_buffer
        refused; /* tokens that the taking in hand has repeated in vain, each with a NUL */
    size_t count, last;
    ch_place *list;
} ch_places;

/* False when memory is out. */
bool ch_places_init(ch_places *places, ch_journal *journal, const ch_table *table,
                    const ch_settings *settings, const busbar_binding *binding);
void ch_places_clear(ch_places *places);

/* The place of a partition, made when it is new; NULL when memory is out. */
ch_place *ch_places_get(ch_places *places, int32_t partition);

/* Takes the partition for `assignment`, or joins the lanes that have it: repeats what was recorded
 * and not confirmed. False after a fault. Then `place->taken` says whether it is ours; it is not
 * while `wait_ms` has not passed, or, with `*ret_stale` set, when this process has a later
 * assignment of it. */
bool ch_places_take(ch_places *places, ch_place *place, int64_t assignment, int64_t now_ms,
                    bool *ret_stale, ch_fault *fault);

/* The row that begins at the end of the data; false when memory is out. */
bool ch_rows_begin(ch_rows *rows, uint32_t index, int64_t offset);
bool ch_rows_has(const ch_rows *rows, int64_t offset);
/* Takes back the row begun last. */
void ch_rows_drop(ch_rows *rows);
/* Empties it and keeps its memory, but for more than CH_KEPT_BYTES. */
void ch_rows_reset(ch_rows *rows);

#endif
