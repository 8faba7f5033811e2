/* The tape: one validating pass over a JSON text (RFC 8259) that leaves a flat array of tokens
 * pointing into it.
 *
 * Refused as malformed: anything RFC 8259 does not allow, a byte order mark, bytes that are not
 * UTF-8, lone surrogates (also escaped ones), `\u0000`, duplicate keys in one object (compared
 * decoded), anything behind the value, an empty text, and whatever exceeds the limits. Nothing is
 * allocated per event in steady state; no locale is consulted. */
#ifndef BB_TAPE_H
#define BB_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Token types have the values of BUSBAR_NULL ... BUSBAR_OBJECT in busbar/plugin.h. */
enum {
    BB_NULL = 1,
    BB_FALSE = 2,
    BB_TRUE = 3,
    BB_NUMBER = 4,
    BB_STRING = 5,
    BB_ARRAY = 6,
    BB_OBJECT = 7
};

enum {
    BB_TOKEN_ESCAPED = 1 << 0,   /* string with at least one backslash */
    BB_TOKEN_NON_ASCII = 1 << 1, /* string with bytes from 0x80 on (before decoding escapes) */
    BB_TOKEN_FRACTION = 1 << 2,  /* number with a point or an exponent */
    BB_TOKEN_NEGATIVE = 1 << 3,  /* number with a minus sign */
    BB_TOKEN_KEY = 1 << 4        /* member name */
};

/* A value or a member name. The members of an object follow its token as name, value, name, value;
 * the elements of an array follow one another. `next` is the index of the token behind the whole
 * value, so a walk needs no recursion: for (i = object + 1; i < tokens[object].next; i = tokens[i +
 * 1].next)   name at i, value at i + 1 */
typedef struct bb_token {
    uint32_t start; /* first byte; of a string: behind the quote */
    uint32_t size;  /* bytes; of a string: between the quotes; of a container: with its brackets */
    uint32_t next;
    uint8_t type;
    uint8_t flags;
    uint16_t hash; /* of the decoded text of a member name (`bb_name_hash`); 0 elsewhere */
} bb_token;

typedef struct bb_tape {
    const bb_token *tokens; /* the root value is token 0 */
    uint32_t count;
} bb_tape;

typedef struct bb_limits {
    uint32_t size_bytes; /* of the text */
    uint32_t depth;      /* of nesting */
    uint32_t tokens;     /* of the tape: values and member names */
} bb_limits;

#define BB_LIMITS_DEFAULT                                                                          \
    {                                                                                              \
        16u * 1024 * 1024, 128, 4u * 1024 * 1024                                                   \
    }

typedef struct bb_parse_error {
    uint32_t offset;    /* byte where it went wrong */
    uint32_t line;      /* from 1 */
    uint32_t column;    /* from 1, in bytes */
    const char *reason; /* static text: "expected ',' or '}'", "duplicate member name", ... */
} bb_parse_error;

/* Scratch memory of one thread. */
typedef struct bb_parser bb_parser;

/* `limits` NULL: BB_LIMITS_DEFAULT. */
bb_parser *bb_parser_new(const bb_limits *limits);
void bb_parser_free(bb_parser *parser);

/* Accepts `\u0000` in strings from now on: for schemas and for plain JSON Schema validation, where
 * the standard knows no such limit. Events never have it. */
void bb_parser_allow_nul(bb_parser *parser, bool allow);

/* Parses `text`. On success `ret_tape` points into the parser until its next use. Reads no byte
 * beyond `text + size`. */
bool bb_parse(bb_parser *parser, const char *text, size_t size, bb_tape *ret_tape,
              bb_parse_error *ret_error);

/* The same with portable code only, for tests: same results, byte for byte. */
bool bb_parse_portable(bb_parser *parser, const char *text, size_t size, bb_tape *ret_tape,
                       bb_parse_error *ret_error);

/* A copy of the tape that lives in `arena`. */
bb_tape bb_tape_copy(const bb_tape *tape, bb_arena *arena);

/* Hash of a decoded member name, as stored in bb_token.hash. Never 0. */
uint16_t bb_name_hash(const char *name, size_t size);

/* Decodes the escapes of a string token's text. `out` needs `size` bytes. Returns the decoded size.
 */
size_t bb_unescape(const char *text, size_t size, char *out);

/* True when the decoded string token equals `text`. */
bool bb_token_equals(const char *json, const bb_token *token, const char *text, size_t size);

/* Unicode code points of the decoded string. */
size_t bb_token_code_points(const char *json, const bb_token *token);

/* Value of a number token. The integer form is false for a fraction other than zero and for what
 * does not fit ("1.0" and "1e2" are integers); the double form is false when the value overflows to
 * infinity. Locale-independent, correctly rounded. */
bool bb_token_integer(const char *json, const bb_token *token, int64_t *ret_value);
bool bb_token_double(const char *json, const bb_token *token, double *ret_value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_parser, bb_parser_free)

#endif
