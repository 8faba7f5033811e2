/* Scanning a JSON text, the inside of strings 16 bytes at a time where the machine can. */
#ifndef BB_SCAN_H
#define BB_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BB_INLINE static inline __attribute__((always_inline))

enum { BB_WIDE_BYTES = 16 };

/* A byte at which plain text of a string ends: quote, backslash, control, or not ASCII. */
BB_INLINE bool bb_scan_stops(char byte)
{
    unsigned char c = (unsigned char)byte;
    return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

#ifdef __SSE2__
/* One bit for each of 16 bytes at which plain text ends. */
BB_INLINE uint32_t bb_scan_mask(__m128i bytes)
{
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* signed: from 0x80 on as well */
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));
}

BB_INLINE __m128i bb_scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* Less than 16 bytes are left: looks at the last 16 of the text, or byte by byte in a short one. */
BB_INLINE const char *bb_scan_tail(const char *at, const char *text, const char *end)
{
    size_t left = (size_t)(end - at);
    if (end - text >= BB_WIDE_BYTES) {
        uint32_t mask = bb_scan_mask(bb_scan_load(end - BB_WIDE_BYTES)) >> (BB_WIDE_BYTES - left);
        return mask ? at + __builtin_ctz(mask) : end;
    }
    while (at < end && !bb_scan_stops(*at))
        at++;
    return at;
}
#endif

/* First byte from `at` on that is not plain text, or `end`. `text` is the start of what may be
 * read. */
BB_INLINE const char *bb_scan_plain(const char *at, const char *text, const char *end, bool wide)
{
#ifdef __SSE2__
    if (wide) {
        for (; end - at >= BB_WIDE_BYTES; at += BB_WIDE_BYTES) {
            uint32_t mask = bb_scan_mask(bb_scan_load(at));
            if (mask)
                return at + __builtin_ctz(mask);
        }
        return bb_scan_tail(at, text, end);
    }
#endif
    (void)wide;
    (void)text;
    while (at < end && !bb_scan_stops(*at))
        at++;
    return at;
}

/* Size of the UTF-8 sequence at `at` (RFC 3629), 0 when it is none. */
static inline size_t bb_scan_utf8(const char *at, const char *end)
{
    const unsigned char *c = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    if (c[0] < 0x80)
        return 1;
    size_t size = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0xc2 || c[0] > 0xf4 || left < size)
        return 0;
    unsigned char low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
    if (c[1] < low || c[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

BB_INLINE bool bb_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

BB_INLINE bool bb_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* What is allowed, and where a text is wrong and why. */
typedef struct bb_checker {
    bool allow_nul; /* `\u0000` in strings */
    const char *fault;
    const char *reason;
} bb_checker;

/* Notes a fault; NULL for the callers that return a position. */
__attribute__((noinline, cold)) const char *bb_fail(bb_checker *checker, const char *at,
                                                    const char *reason);

/* Goes over escapes and bytes beyond ASCII as long as one follows another. NULL on a fault. */
const char *bb_check_special(bb_checker *checker, const char *at, const char *end);

/* Goes over the part of a number behind its integer digits, up to a byte that cannot be of it. NULL
 * on a fault. */
const char *bb_check_fraction(bb_checker *checker, const char *at);

#endif
