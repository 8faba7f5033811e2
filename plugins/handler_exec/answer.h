/* One line of a child's answer: a verdict, or the word that a flush is done. */
#ifndef EXEC_ANSWER_H
#define EXEC_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../handler_common/verdict.h"

typedef struct exec_answer {
    handler_verdict said; /* its texts are borrowed from `tree` */
    json_t *tree;
} exec_answer;

/* Reads {"verdict":"reject","reason":"...","pointer":"/a","scope":"record",
 * "offset":7}, or the verdict's bare
 * word. False: the line is neither, and `ret_problem` is a static sentence that says why. */
bool exec_answer_parse(const char *line, size_t size, exec_answer *ret_answer,
                       const char **ret_problem);
void exec_answer_clear(exec_answer *answer);

/* True when the line is {"flushed":n} with that number. */
bool exec_answer_is_flushed(const char *line, size_t size, uint64_t number);

#endif
