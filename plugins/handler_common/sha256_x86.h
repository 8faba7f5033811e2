/* The blocks of SHA-256 with the instructions that x86 processors have for it; for sha256.c alone.
 */
#ifndef HANDLER_SHA256_X86_H
#define HANDLER_SHA256_X86_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cpuid.h>
#include <immintrin.h>

/* Asking costs more than a block where the machine is a virtual one. */
static bool sha256_x86_ask(void)
{
    unsigned a, b, c, d, extended;
    return __get_cpuid_count(7, 0, &a, &extended, &c, &d) && (extended & bit_SHA) &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1);
}

/* Asks once: the processor stays what it is. */
static bool sha256_x86_is_there(void)
{
    enum { UNKNOWN, NO, YES };
    static atomic_int known = UNKNOWN;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == UNKNOWN) {
        answer = sha256_x86_ask() ? YES : NO;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == YES;
}

/* Four rounds. */
__attribute__((target("sha,sse4.1,ssse3"))) static inline void
sha256_x86_rounds(__m128i *abef, __m128i *cdgh, __m128i words, const uint32_t *constants)
{
    __m128i sum = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)constants));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sum);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

/* The next four words, which take the place of the first of the 16 before them. */
__attribute__((target("sha,sse4.1,ssse3"))) static inline void sha256_x86_expand(__m128i words[4],
                                                                                 unsigned at)
{
    __m128i *first = &words[at % 4], last = words[(at + 3) % 4];
    __m128i near = _mm_sha256msg1_epu32(*first, words[(at + 1) % 4]);
    __m128i middle = _mm_alignr_epi8(last, words[(at + 2) % 4], 4);
    *first = _mm_sha256msg2_epu32(_mm_add_epi32(near, middle), last);
}

__attribute__((target("sha,sse4.1,ssse3"))) static void
sha256_x86_mix(uint32_t state[8], const uint8_t *block, const uint32_t constants[64])
{
    const __m128i turn = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i words[4];
    for (unsigned i = 0; i < 4; i++)
        words[i] =
            _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * (size_t)i)), turn);
    for (unsigned i = 0; i < 16; i++) {
        if (i >= 4)
            sha256_x86_expand(words, i);
        sha256_x86_rounds(&abef, &cdgh, words[i % 4], constants + 4 * (size_t)i);
    }
    abef = _mm_shuffle_epi32(_mm_add_epi32(abef, abef_before), 0x1b);
    cdgh = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh_before), 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(abef, cdgh, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(cdgh, abef, 8));
}

#endif
