/* What the pass over a text and its caller share. */
#ifndef BB_PASS_H
#define BB_PASS_H

#include "event/names.h"
#include "event/scan.h"
#include "event/tape.h"

struct bb_parser {
    bb_limits limits;
    bb_names names;
    bb_token *tokens;
    uint32_t capacity;
    bool crafted; /* the pass ended because names collide: once more, keyed */
    bb_checker checker;
    char *copy; /* of a text that does not end with a bracket */
    size_t copy_capacity;
};

/* State of a pass. It is small and never has its address taken outside of inlined functions, so
 * that it stays in registers. */
typedef struct bb_pass {
    const char *text;
    const char *end; /* a byte that stops any scan is at `end - 1` or at `end` */
    bb_token *tokens;
    uint32_t count;
    uint32_t open; /* innermost open container; the `next` of an open one leads outwards */
    uint32_t depth;
} bb_pass;

/* Goes over the one value of the text and fills the tape. Returns the position behind it, or NULL
 * with the fault noted. */
const char *bb_pass_wide(bb_parser *parser, bb_pass *state);
const char *bb_pass_portable(bb_parser *parser, bb_pass *state);

#endif
