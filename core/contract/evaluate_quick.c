/* The short way: strings and integers that surely fit, straight from the token. */
#include "contract/evaluator.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "contract/format_checks.h"
#include "event/names.h"

/* Longest number text that surely fits into 64 bits. */
#define EXACT_DIGITS 18u

/* The canonical form of a value that has no other rules, as an edit. */
static bool set_canonical(bb_evaluator *evaluator, uint32_t token, uint32_t slot, size_t size)
{
    busbar_bytes json = {bb_arena_copy(evaluator->event->arena, evaluator->canonical, size), size};
    if (slot != BB_NO_SLOT)
        bb_event_set_slot(evaluator->event, slot, json);
    else
        bb_event_set_token(evaluator->event, token, json);
    return true;
}

#ifdef __SSE2__
/* Bit per byte of the sixteen at `text` that is a lower case hexadecimal digit. */
static inline unsigned find_hex(const char *text)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    __m128i digits = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    __m128i letters = _mm_sub_epi8(bytes, _mm_set1_epi8('a'));
    digits = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
    letters = _mm_cmpeq_epi8(_mm_min_epu8(letters, _mm_set1_epi8(5)), letters);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(digits, letters));
}

/* Whether the 36 bytes at `text` are a UUID in lower case. */
static inline bool is_canonical_uuid(const char *text)
{
    return text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' &&
           find_hex(text) == (0xffffu & ~(1u << 8 | 1u << 13)) &&
           find_hex(text + 16) == (0xffffu & ~(1u << 2 | 1u << 7)) &&
           (find_hex(text + 20) | 1u << 3) == 0xffffu;
}
#else
static inline bool is_canonical_uuid(const char *text)
{
    bool capitals = true;
    return bb_uuid_read(text, 36, &capitals) && !capitals;
}
#endif

static bool quick_lax(bb_evaluator *evaluator, const bb_node *node, uint32_t token, uint32_t slot)
{
    const bb_token *at = &evaluator->tokens[token];
    size_t size = 0;
    if (at->size + 8u > sizeof(evaluator->canonical))
        return false;
    switch (bb_canonicalize((bb_lax)node->lax, at->type, evaluator->json + at->start, at->size,
                            evaluator->canonical, &size)) {
    case BB_CANONICAL_SAME:
        return true;
    case BB_CANONICAL_CHANGED:
        return node->quick == (BB_QUICK_STRING | BB_QUICK_LAX) && token != 0 &&
               set_canonical(evaluator, token, slot, size);
    case BB_CANONICAL_REFUSED:
    default:
        return false;
    }
}

static bool quick_length(const bb_string_rules *rules, const bb_token *at)
{
    if (at->size > rules->max_length)
        return false;
    return at->size >= rules->min_length &&
           (!rules->min_length || !(at->flags & BB_TOKEN_NON_ASCII));
}

/* True when no letter has to change its case. */
static bool has_case(const char *text, size_t size, bb_case letters)
{
    unsigned char first = letters == BB_CASE_LOWER ? 'A' : 'a';
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x80 || (unsigned char)(byte - first) < 26)
            return false;
    }
    return true;
}

static bool is_visible(char byte)
{
    return byte > 0x20 && byte < 0x7f;
}

static bool quick_edits(const bb_node *node, const char *text, size_t size)
{
    if (size == 0)
        return !node->empty_null;
    if (node->trim && (!is_visible(text[0]) || !is_visible(text[size - 1])))
        return false;
    return !node->letters || has_case(text, size, (bb_case)node->letters);
}

static bool quick_enum(const bb_constants *constants, const char *text, size_t size)
{
    for (uint32_t i = 0; i < constants->count; i++) {
        const busbar_bytes *known = &constants->strings[i];
        if (known->data && bb_same_bytes(known->data, known->size, text, size))
            return true;
    }
    return false;
}

static bool quick_string(bb_evaluator *evaluator, const bb_node *node, uint32_t token,
                         uint32_t slot)
{
    const bb_token *at = &evaluator->tokens[token];
    const char *text = evaluator->json + at->start;
    uint8_t checks = node->quick;
    if (at->flags & BB_TOKEN_ESCAPED)
        return false;
    if (checks == (BB_QUICK_STRING | BB_QUICK_LAX))
        return quick_lax(evaluator, node, token, slot);
    if ((checks & BB_QUICK_LENGTH) && !quick_length(node->string, at))
        return false;
    if ((checks & BB_QUICK_EDITS) && !quick_edits(node, text, at->size))
        return false;
    if ((checks & BB_QUICK_ENUM) && !quick_enum(node->constants, text, at->size))
        return false;
    if ((checks & BB_QUICK_FORMAT) && !node->string->format(text, at->size))
        return false;
    if ((checks & BB_QUICK_PATTERN) &&
        bb_pattern_match(node->string->pattern, evaluator->matcher, text, at->size) != BB_MATCH_YES)
        return false;
    return !(checks & BB_QUICK_LAX) || quick_lax(evaluator, node, token, slot);
}

/* An integer without fraction or exponent, other than "-0", is canonical in every lax form. */
static bool quick_integer(const bb_evaluator *evaluator, const bb_node *node, const bb_token *at)
{
    const char *text = evaluator->json + at->start;
    int64_t value = 0;
    if ((at->flags & BB_TOKEN_FRACTION) || at->size > EXACT_DIGITS)
        return false;
    bool negative = at->flags & BB_TOKEN_NEGATIVE;
    for (uint32_t i = negative ? 1 : 0; i < at->size; i++)
        value = value * 10 + (text[i] - '0');
    if (negative)
        value = -value;
    return value >= node->quick_minimum && value <= node->quick_maximum && !(negative && !value);
}

bool bb_evaluate_quick_value(bb_evaluator *evaluator, const bb_node *node, uint32_t token,
                             uint32_t slot)
{
    const bb_token *at = &evaluator->tokens[token];
    if (node->quick_uuid && at->type == BB_STRING && at->size == 36 &&
        is_canonical_uuid(evaluator->json + at->start))
        return true;
    if (at->type == BB_STRING && (node->quick & BB_QUICK_STRING))
        return quick_string(evaluator, node, token, slot);
    if (at->type == BB_NUMBER && (node->quick & BB_QUICK_INTEGER))
        return quick_integer(evaluator, node, at);
    return false;
}
