/* The table of the batches: who has which partition, what is stored of it, and what is about to be
 * inserted. A row belongs to one writer, which is one taking of a partition by a lane, and nobody
 * else ever writes it; of several versions the last counts. */
#ifndef CH_JOURNAL_H
#define CH_JOURNAL_H

#include <busbar/storage.h>

#include "client.h"
#include "wire.h"

enum { CH_WRITER_SIZE = 17, CH_OWNER_SIZE = 128, CH_TOKEN_SIZE = 400 };

/* What a writer says. */
typedef struct ch_entry {
    char writer[CH_WRITER_SIZE];
    char owner[CH_OWNER_SIZE]; /* process/assignment */
    char token[CH_TOKEN_SIZE]; /* of the batch that is pending */
    uint64_t epoch;
    uint64_t version;       /* of the writer's row */
    bool settled;           /* all that was pending below its epoch is stored or void */
    handler_ranges stored;  /* offsets */
    handler_ranges pending; /* offsets of the batch about to be inserted; none: there is none */
    int64_t block;          /* number of the newest part at the latest when it was written */
    int64_t age_seconds;    /* only read */
} ch_entry;

/* A batch as it is kept until it is confirmed. */
typedef struct ch_payload {
    const char *table;
    const char *encoding;
    handler_buffer columns; /* Array(String) in RowBinary */
    busbar_bytes body;
} ch_payload;

typedef struct ch_journal {
    ch_client *client;
    const ch_settings *settings;
    handler_buffer table;    /* its quoted name */
    handler_buffer identity; /* group, topic and handler, in RowBinary */
    handler_buffer where;    /* the same in SQL */
    handler_buffer insert;
    handler_buffer rows; /* to be written */
} ch_journal;

/* False when memory is out; clear it in both cases. */
bool ch_journal_init(ch_journal *journal, ch_client *client, const ch_settings *settings,
                     const busbar_binding *binding);
void ch_journal_clear(ch_journal *journal);

void ch_entry_clear(ch_entry *entry);
void ch_entries_free(ch_entry *entries, size_t count);
/* By epoch, then by owner: below 0, 0 or above. */
int ch_entry_compare(const ch_entry *a, uint64_t epoch, const char *owner);

/* What all writers of a partition say. False after a fault; free them. */
bool ch_journal_read(ch_journal *journal, int32_t partition, ch_entry **ret_entries,
                     size_t *ret_count, ch_fault *fault);
/* Makes the batch that is pending in `from`, as it was read, the one that is pending in `to`, which
 * is not settled: nothing happens where the writer of `from` has gone on since. */
bool ch_journal_adopt(ch_journal *journal, int32_t partition, const ch_entry *from,
                      const ch_entry *to, ch_fault *fault);
/* The pending batch of an entry that was read, as an insert of its own; without `sql` when the
 * writer has gone on since, so that it is pending no more. Free `ret_sql` and `ret_body`. */
bool ch_journal_payload(ch_journal *journal, int32_t partition, const ch_entry *entry,
                        ch_insert *ret_insert, handler_buffer *ret_sql, handler_buffer *ret_body,
                        ch_fault *fault);

/* Adds a row to those to be written; `payload` NULL: nothing is pending. */
void ch_journal_add(ch_journal *journal, int32_t partition, const ch_entry *entry,
                    const ch_payload *payload);
/* Writes them in one insert. False after a fault. */
bool ch_journal_write(ch_journal *journal, ch_fault *fault);

/* The highest epoch and owner of a list of partitions ("1,2"), as rows of partition, epoch, owner;
 * and the number of the newest part of the table. NULL after a fault. */
json_t *ch_journal_tops(ch_journal *journal, const char *partitions, int64_t *ret_block,
                        ch_fault *fault);
/* The row of a partition in them: whether `entry` is the highest of it. Where it is not, the owner
 * and the epoch of the one that is; NULL: there is none at all. */
bool ch_journal_is_top(const json_t *tops, int32_t partition, const ch_entry *entry,
                       const char **ret_owner, uint64_t *ret_epoch);
bool ch_journal_newest_block(ch_journal *journal, int64_t *ret_block, ch_fault *fault);

#endif
