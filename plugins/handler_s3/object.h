/* Objects that are being filled: the rows of one partition, for one directory. */
#ifndef S3_OBJECT_H
#define S3_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "../handler_common/buffer.h"
#include "../handler_common/ranges.h"
#include "settings.h"

enum { S3_DATE_SIZE = 11, S3_KEY_MAX = 1024 };

typedef struct s3_object {
    struct s3_object *next;
    int32_t partition;
    char date[S3_DATE_SIZE]; /* "": the event has none */
    bool full;               /* takes no more rows */
    handler_ranges offsets;
    int64_t first;
    uint64_t rows;
    handler_buffer raw;  /* rows as they came */
    handler_buffer body; /* as they are stored */
    char key[S3_KEY_MAX];
} s3_object;

typedef struct s3_objects {
    const s3_settings *settings;
    s3_object *list;  /* most recently used first */
    s3_object *spare; /* with memory that is used again */
} s3_objects;

/* The object that takes a row; NULL: out of memory. */
s3_object *s3_objects_get(s3_objects *objects, int32_t partition, const char *date);
/* A row was added to `object->raw`. False: out of memory. */
bool s3_objects_added(s3_objects *objects, s3_object *object, int64_t offset);
void s3_objects_reset(s3_objects *objects);
void s3_objects_clear(s3_objects *objects);

/* Whether the text begins with a date; it is what `ret_date` gets. */
bool s3_date_of(const char *text, size_t size, char ret_date[S3_DATE_SIZE]);

/* "path/event_date=2026-01-02/topic-00003-00000000000000000042-00000000000000000007.jsonl.zst":
 * first offset, and `number` of the journal's entry (0: left out). False: it is too long. */
bool s3_object_name(s3_object *object, const s3_settings *settings, const char *topic,
                    uint64_t number, const char *suffix);

#endif
