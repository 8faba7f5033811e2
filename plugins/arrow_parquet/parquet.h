/* Rows as Parquet files in memory: the one door to Apache Arrow, in C.
 *
 * A row is its cells one behind the other, in the order of the columns, without padding. A cell is
 * one byte, 0 for null, else 1 and the value: BOOL a byte; INT32 and DATE (days since 1970) four;
 * INT64, DOUBLE and INSTANT (microseconds since 1970, UTC) eight, all as the machine has them; TEXT
 * and BYTES their size in four and their bytes. A list is its count in four and as many cells. */
#ifndef ARROW_PARQUET_H
#define ARROW_PARQUET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ARROW_PARQUET_EXPORT __attribute__((visibility("default")))

enum {
    ARROW_PARQUET_BOOL = 1,
    ARROW_PARQUET_INT32 = 2,
    ARROW_PARQUET_INT64 = 3,
    ARROW_PARQUET_DOUBLE = 4,
    ARROW_PARQUET_TEXT = 5,
    ARROW_PARQUET_DATE = 6,
    ARROW_PARQUET_INSTANT = 7,
    ARROW_PARQUET_BYTES = 8
};

typedef struct arrow_parquet_column {
    const char *name;
    int32_t type;    /* of the value, or of the list's items */
    uint8_t is_list; /* items may be null */
    uint8_t nullable;
} arrow_parquet_column;

typedef struct arrow_parquet_rows {
    const void *data;
    size_t size;
    uint64_t count;
} arrow_parquet_rows;

/* Takes bytes of a file; other than 1: there is no room. */
typedef int (*arrow_parquet_take)(void *user, const void *data, size_t size);

/* Writes one file. `compression`: "zstd", "snappy", "gzip" or "none". 1, or 0 with a sentence in
 * `ret_problem`. */
ARROW_PARQUET_EXPORT int arrow_parquet_write(const arrow_parquet_column *columns, size_t count,
                                             const arrow_parquet_rows *rows,
                                             const char *compression, arrow_parquet_take take,
                                             void *user, char ret_problem[256]);

/* A file that is written a row group at a time: what it holds in memory is one group. Its bytes are
 * taken in their order as they come; `take` and `user` must live as long as it. */
typedef struct arrow_parquet_file arrow_parquet_file;

/* NULL with a sentence in `ret_problem`. The columns are copied. */
ARROW_PARQUET_EXPORT arrow_parquet_file *arrow_parquet_open(const arrow_parquet_column *columns,
                                                            size_t count, const char *compression,
                                                            arrow_parquet_take take, void *user,
                                                            char ret_problem[256]);
/* Writes the rows as a group of their own. 1, or 0 as above: then the file is of no use. */
ARROW_PARQUET_EXPORT int arrow_parquet_add(arrow_parquet_file *file, const arrow_parquet_rows *rows,
                                           char ret_problem[256]);
/* Writes the end of the file. 1, or 0 as above. */
ARROW_PARQUET_EXPORT int arrow_parquet_end(arrow_parquet_file *file, char ret_problem[256]);
/* Frees it, ended or not; NULL is fine. What is not written yet is not written any more. */
ARROW_PARQUET_EXPORT void arrow_parquet_free(arrow_parquet_file *file);

/* Reads a file of any columns of texts, numbers, truths, structs, maps with text keys and lists,
 * and gives each row as a line of JSON; nulls are left out. 1, or 0 as above. */
ARROW_PARQUET_EXPORT int arrow_parquet_read_json(const void *file, size_t size,
                                                 arrow_parquet_take take, void *user,
                                                 char ret_problem[256]);

/* Writes the checkpoint of a Delta table: `lines` is its actions, a line of JSON each, where maps
 * are lists of {"key", "value"}. 1, or 0 as above. */
ARROW_PARQUET_EXPORT int arrow_parquet_write_checkpoint(const char *lines, size_t size,
                                                        arrow_parquet_take take, void *user,
                                                        char ret_problem[256]);

/* "26.0.1": of the library that writes. */
ARROW_PARQUET_EXPORT const char *arrow_parquet_version(void);

#ifdef __cplusplus
}
#endif

#endif
