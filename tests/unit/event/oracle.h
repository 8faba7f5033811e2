/* Compares what the tape says about a text with what jansson says; C that is also C++, for the unit
 * tests and the fuzz targets. Each function returns NULL, or what differs. */
#ifndef EVENT_ORACLE_H
#define EVENT_ORACLE_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"

static inline const char *oracle_compare(const char *text, const bb_token *tokens, uint32_t at,
                                         json_t *value);

static inline const char *oracle_compare_number(const char *text, const bb_token *token,
                                                json_t *value)
{
    int64_t integer = 0;
    double real = 0;
    if (json_is_integer(value))
        return bb_token_integer(text, token, &integer) && integer == json_integer_value(value)
                   ? NULL
                   : "integer value differs";
    if (!bb_token_double(text, token, &real))
        return "number has no double value";
    double expected = json_real_value(value);
    return memcmp(&real, &expected, sizeof(real)) == 0 ? NULL : "real value differs";
}

static inline const char *oracle_compare_string(const char *text, const bb_token *token,
                                                json_t *value)
{
    const char *expected = json_string_value(value);
    size_t size = json_string_length(value);
    char *decoded = (char *)malloc(token->size + 1);
    size_t decoded_size = bb_unescape(text + token->start, token->size, decoded);
    int same = decoded_size == size && memcmp(decoded, expected, size) == 0;
    size_t points = 0;
    for (size_t i = 0; i < size; i++)
        points += ((unsigned char)expected[i] & 0xc0) != 0x80;
    free(decoded);
    if (!same)
        return "string value differs";
    if (!bb_token_equals(text, token, expected, size))
        return "bb_token_equals denies the decoded text";
    return bb_token_code_points(text, token) == points ? NULL : "number of code points differs";
}

static inline const char *oracle_compare_object(const char *text, const bb_token *tokens,
                                                uint32_t object, json_t *value)
{
    size_t count = 0;
    for (uint32_t at = object + 1; at < tokens[object].next; at = tokens[at + 1].next) {
        const bb_token *name = &tokens[at];
        char *decoded = (char *)malloc(name->size + 1);
        size_t size = bb_unescape(text + name->start, name->size, decoded);
        int hashed = bb_name_hash(decoded, size) == name->hash;
        json_t *member = json_object_getn(value, decoded, size);
        free(decoded);
        if (!hashed || !(name->flags & BB_TOKEN_KEY))
            return "member name has a wrong hash or no flag";
        if (!member)
            return "member is not in the other object";
        const char *difference = oracle_compare(text, tokens, at + 1, member);
        if (difference)
            return difference;
        count++;
    }
    return count == json_object_size(value) ? NULL : "number of members differs";
}

static inline const char *oracle_compare_array(const char *text, const bb_token *tokens,
                                               uint32_t array, json_t *value)
{
    size_t index = 0;
    for (uint32_t at = array + 1; at < tokens[array].next; at = tokens[at].next) {
        json_t *element = json_array_get(value, index++);
        const char *difference =
            element ? oracle_compare(text, tokens, at, element) : "more elements than the other";
        if (difference)
            return difference;
    }
    return index == json_array_size(value) ? NULL : "number of elements differs";
}

static inline const char *oracle_compare(const char *text, const bb_token *tokens, uint32_t at,
                                         json_t *value)
{
    static const int types[] = {0,         JSON_NULL,   JSON_FALSE, JSON_TRUE,
                                JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT};
    int type = json_is_integer(value) ? (int)JSON_REAL : (int)json_typeof(value);
    if (types[tokens[at].type] != type)
        return "type differs";
    switch (tokens[at].type) {
    case BB_NUMBER:
        return oracle_compare_number(text, &tokens[at], value);
    case BB_STRING:
        return oracle_compare_string(text, &tokens[at], value);
    case BB_ARRAY:
        return oracle_compare_array(text, tokens, at, value);
    case BB_OBJECT:
        return oracle_compare_object(text, tokens, at, value);
    default:
        return NULL;
    }
}

/* Differences in verdict that are meant:
 *  - jansson has no integers beyond 64 bits and no reals beyond double, and gives up there; to the
 *    tape they are numbers without such a value.
 *  - the depth allowed is not the same.
 *  - jansson takes a NUL byte behind a value for the end of the text; the tape refuses it. */
static inline int oracle_verdict_may_differ(const char *text, size_t size,
                                            const json_error_t *error, const bb_parse_error *ours)
{
    if (json_error_code(error) == json_error_numeric_overflow)
        return 1;
    if (ours->reason && memchr(text, '\0', size))
        return 1;
    return ours->reason && strcmp(ours->reason, "nested deeper than the limit") == 0;
}

/* Parses with both and compares verdict and values. */
static inline const char *oracle_check(bb_parser *parser, const char *text, size_t size)
{
    bb_tape tape = {NULL, 0};
    bb_parse_error ours = {0, 0, 0, NULL};
    json_error_t theirs;
    memset(&theirs, 0, sizeof(theirs));
    bool accepted = bb_parse(parser, text, size, &tape, &ours);
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &theirs);
    const char *difference = NULL;
    if (accepted && value)
        difference = oracle_compare(text, tape.tokens, 0, value);
    else if (accepted != (value != NULL) && !oracle_verdict_may_differ(text, size, &theirs, &ours))
        difference = accepted ? "jansson refuses it" : "jansson accepts it";
    json_decref(value);
    return difference;
}

static inline const char *oracle_same_tokens(const bb_tape *a, const bb_tape *b)
{
    if (a->count != b->count)
        return "number of tokens differs from the portable parser's";
    return memcmp(a->tokens, b->tokens, a->count * sizeof(bb_token)) == 0
               ? NULL
               : "tokens differ from the portable parser's";
}

/* Parses with the wide and the portable code and compares tapes and errors. */
static inline const char *oracle_check_portable(bb_parser *wide, bb_parser *portable,
                                                const char *text, size_t size)
{
    bb_tape tapes[2] = {{NULL, 0}, {NULL, 0}};
    bb_parse_error errors[2] = {{0, 0, 0, NULL}, {0, 0, 0, NULL}};
    bool first = bb_parse(wide, text, size, &tapes[0], &errors[0]);
    bool second = bb_parse_portable(portable, text, size, &tapes[1], &errors[1]);
    if (first != second)
        return "verdict differs from the portable parser's";
    if (first)
        return oracle_same_tokens(&tapes[0], &tapes[1]);
    if (errors[0].offset != errors[1].offset || errors[0].line != errors[1].line ||
        errors[0].column != errors[1].column || strcmp(errors[0].reason, errors[1].reason) != 0)
        return "error differs from the portable parser's";
    return errors[0].offset <= size ? NULL : "error beyond the text";
}

#endif
