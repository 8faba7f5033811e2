/* What has been stored of each partition, where objects are plain files of a directory.
 *
 * A journal is a row of small objects below "<path>/_busbar/", numbered from 1, each put only where
 * there is none. An entry says what was stored before it, and which objects follow it with which
 * offsets: it is there before they are. So whoever takes a partition reads the last entry and looks
 * for its objects. One that is missing gets an empty object under its name, for the writer that
 * named it may still live; its records are stored again, under another name. Taking is an entry
 * too: whoever was there before finds the number taken, and lets go. */
#ifndef S3_JOURNAL_H
#define S3_JOURNAL_H

#include <busbar/storage.h>

#include "fault.h"
#include "object.h"

/* One partition in the hands of a lane. */
typedef struct s3_place {
    int32_t partition;
    int64_t assignment;
    bool taken;
    bool told;            /* that records of it had been stored before */
    int64_t wait_ms;      /* not to be taken before; 0: at any time */
    uint64_t next;        /* number of the next entry of its journal */
    int64_t base;         /* last offset in its Delta table */
    int64_t seen;         /* all before it was finished, as far as this lane knows */
    handler_ranges known; /* stored */
    int64_t finished_from, finished_below;
} s3_place;

typedef struct s3_places {
    size_t count;
    s3_place *list;
} s3_places;

typedef struct s3_journal {
    const s3_settings *settings;
    s3_client *client;
    char *folder;  /* of this group, handler and topic */
    char *process; /* an id */
    char writer[17];
    /* Makes the bytes of an object without rows, of the form that its name ends with. */
    bool (*make_empty)(void *user, const char *key, handler_buffer *out);
    void *user;
} s3_journal;

s3_place *s3_places_get(s3_places *places, int32_t partition);
void s3_places_clear(s3_places *places);
/* Everything is read anew before it is used again. */
void s3_places_forget(s3_places *places);

bool s3_journal_init(s3_journal *journal, const s3_settings *settings, s3_client *client,
                     const busbar_binding *binding);
void s3_journal_clear(s3_journal *journal);

/* Whether the server refuses to put an object where there is one; false is a fault, too. */
bool s3_journal_probe(s3_journal *journal, s3_fault *fault);

/* Takes the partition. False after a fault. With `*ret_stale` this process has a later assignment
 * of it; without that and without `taken` it is not yet to be taken. */
bool s3_journal_take(s3_journal *journal, s3_place *place, int64_t assignment, int64_t now_ms,
                     bool *ret_stale, s3_fault *fault);

/* Says that the objects of the partition among `objects` follow, and gives them their names. */
bool s3_journal_announce(s3_journal *journal, s3_place *place, s3_object *objects,
                         const char *topic, const char *suffix, int64_t now_ms, s3_fault *fault);
/* They are there: their offsets are stored. */
bool s3_journal_stored(s3_place *place, const s3_object *objects);

#endif
