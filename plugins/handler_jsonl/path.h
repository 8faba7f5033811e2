/* File names from a template and a record: "out/{topic}/{date}.jsonl". */
#ifndef JSONL_PATH_H
#define JSONL_PATH_H

#include <stdbool.h>

#include <busbar/plugin.h>

#define JSONL_PATH_MAX 1024

/* Checks a template. On failure `ret_problem` is a static sentence. Known: {topic} {partition}
 * {date} {hour}; date and hour are those of the record's timestamp in UTC, so that a record read
 * twice goes to the same file. */
bool jsonl_path_check(const char *path_template, const char **ret_problem);

/* Writes the file name for a record; false when it is longer than JSONL_PATH_MAX. */
bool jsonl_path_expand(const char *path_template, const busbar_origin *origin,
                       char ret_path[JSONL_PATH_MAX]);

#endif
