/* Regular expressions of `pattern` and `patternProperties`: ECMA-262 syntax on PCRE2, with limits
 * so that no expression can hang. */
#ifndef BB_PATTERN_H
#define BB_PATTERN_H

#include <glib.h>

typedef struct bb_pattern bb_pattern;
/* Scratch memory of one thread. */
typedef struct bb_matcher bb_matcher;

typedef enum bb_match {
    BB_MATCH_NO = 0,
    BB_MATCH_YES,
    BB_MATCH_LIMIT /* given up: it would take too long */
} bb_match;

/* The error is one sentence with the place in the expression. */
bb_pattern *bb_pattern_new(const char *text, gsize size, GError **error);
void bb_pattern_free(bb_pattern *pattern);

bb_matcher *bb_matcher_new(void);
void bb_matcher_free(bb_matcher *matcher);

/* `text` is valid UTF-8. */
bb_match bb_pattern_match(const bb_pattern *pattern, bb_matcher *matcher, const char *text,
                          gsize size);

#endif
