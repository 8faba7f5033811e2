/* Lax input forms and their canonical form. Pure; no allocation; output into the caller's buffer.
 *
 * A contract names a lax type with `x-busbar-lax`; the value is then brought to its canonical form
 * before the other keywords see it. The accepted forms are those of the OwnLens models
 * (docs/contracts.md); the canonical forms are:
 *
 * - uuid: lower case 8-4-4-4-12
 * - uuid-any: the same, hyphens accepted at any position
 * - timestamp: RFC 3339 with "T", seconds, no fraction or six digits, "Z" for UTC and for an absent
 *   offset, else +HH:MM
 * - date: YYYY-MM-DD
 * - integer, number: a JSON number
 * - boolean: true or false
 *
 * Where busbar accepts less than the models, or means something else: an absent offset is UTC; NaN
 * and infinities are no numbers, nor is a number that no finite double is near; the decimal text
 * decides and not the double next to it (9007199254740993.0 stays what it is, 1e-400 is no
 * integer); texts of numbers have at most 392 bytes; fractions of negative Unix times count
 * downwards; UUIDs have no signs, blanks or underscores between their digits and only one wrapper;
 * behind leading zeros an integer has no second sign and no double underscore.
 * tests/data/canonical/differences.tsv has them all. */
#ifndef BB_CANONICAL_H
#define BB_CANONICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum bb_lax {
    BB_LAX_NONE = 0,
    BB_LAX_UUID,
    BB_LAX_UUID_ANY,
    BB_LAX_TIMESTAMP,
    BB_LAX_DATE,
    BB_LAX_INTEGER,
    BB_LAX_NUMBER,
    BB_LAX_BOOLEAN
} bb_lax;

/* BB_LAX_NONE for an unknown name. */
bb_lax bb_lax_find(const char *name);
/* What is accepted, for messages. */
const char *bb_lax_expectation(bb_lax lax);

typedef enum bb_canonical {
    BB_CANONICAL_REFUSED = 0, /* no form of this type */
    BB_CANONICAL_SAME,        /* it is the canonical form already; nothing was written */
    BB_CANONICAL_CHANGED      /* the canonical JSON text is in `out` */
} bb_canonical;

#define BB_CANONICAL_MAX 400

/* `type` is a token type (BB_NULL ...); `text` is the decoded text of a string, else the JSON text.
 * `out` receives the JSON text of the canonical form, with quotes for uuid, timestamp and date; it
 * needs BB_CANONICAL_MAX bytes, or `size` + 8 where that is more. */
bb_canonical bb_canonicalize(bb_lax lax, int type, const char *text, size_t size, char *out,
                             size_t *ret_size);

/* Broken-down instants, shared with plugins' helpers and tests. Text forms as accepted by
 * `timestamp`. */
typedef struct bb_instant {
    int64_t unix_us;    /* as if the given local time were UTC when there is no offset */
    int32_t offset_min; /* of the text; 0 when absent */
    bool has_offset;
} bb_instant;
bool bb_instant_parse(const char *text, size_t size, bb_instant *ret_instant);

/* RFC 3339 text of a UTC instant with "Z", six digits of fraction or none when zero. `out` needs 32
 * bytes. */
size_t bb_instant_format(int64_t unix_us, char *out);
/* The original's metadata form: "YYYY-MM-DDTHH:MM:SS[.ffffff]", no suffix. `out` needs 32 bytes. */
size_t bb_instant_format_naive(int64_t unix_us, char *out);

#endif
