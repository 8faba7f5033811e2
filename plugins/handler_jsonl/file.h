/* Appending whole lines to a file so that a crash, a full disk or another writer never leaves half
 * a line behind. */
#ifndef JSONL_FILE_H
#define JSONL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct jsonl_file_options {
    uint64_t rotate_bytes; /* 0: never */
    bool sync;             /* fsync before the append counts */
} jsonl_file_options;

/* Appends `size` bytes of whole lines: all of them or none. Writers of other lanes and processes
 * are kept out by flock.
 *  - a torn last line that a crash left is cut off first (`ret_repaired_bytes` says how much)
 *  - a file that has reached rotate_bytes is renamed to "<path>.<n>" first
 *  - on failure the file has its old length again; returns an errno value and names the step in
 * `ret_step` */
int jsonl_file_append(const char *path, const char *data, size_t size,
                      const jsonl_file_options *options, size_t *ret_repaired_bytes,
                      const char **ret_step);

#endif
