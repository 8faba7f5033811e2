/* A verdict as JSON: a word, or an object with its reason. */
#ifndef HANDLER_VERDICT_H
#define HANDLER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

typedef struct handler_verdict {
    int32_t verdict; /* BUSBAR_PASS ... BUSBAR_RETRY */
    uint32_t scope;
    const char *reason; /* borrowed from the JSON value, or static */
    const char *pointer;
    int64_t offset; /* of the event it speaks of; -1: not said */
} handler_verdict;

/* 0: it is none of pass, drop, reject, retry. */
int32_t handler_verdict_word(const char *word, size_t size);

/* Reads {"verdict":"reject","reason":"...","pointer":"/a","scope":"record","offset":7}. False:
 * `ret_problem` is a static sentence that says why it is none. */
bool handler_verdict_read(const json_t *object, handler_verdict *ret_verdict,
                          const char **ret_problem);

#endif
