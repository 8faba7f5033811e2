/* The pass over a JSON text: checks it and leaves its tokens. */
#include "event/pass.h"

/* Never passes the end: there is a byte there that is not white space. */
BB_INLINE const char *skip_space(const char *at)
{
    if (G_LIKELY((unsigned char)*at > ' '))
        return at;
    if (*at == ' ' && (unsigned char)at[1] > ' ')
        return at + 1;
    while (bb_is_space(*at))
        at++;
    return at;
}

static uint8_t special_flags(const char *at, const char *end)
{
    uint8_t flags = 0;
    for (; at < end; at++)
        flags |= *at == '\\'                  ? BB_TOKEN_ESCAPED
                 : (unsigned char)*at >= 0x80 ? BB_TOKEN_NON_ASCII
                                              : 0;
    return flags;
}

/* Goes on to the closing quote. NULL on an error. */
BB_INLINE const char *scan_string(bb_parser *parser, const bb_pass *state, const char *at,
                                  uint8_t *flags, bool wide)
{
    for (;;) {
        at = bb_scan_plain(at, state->text, state->end, wide);
        if (G_UNLIKELY(at == state->end))
            return bb_fail(&parser->checker, at, "unterminated string");
        if (G_LIKELY(*at == '"'))
            return at;
        const char *before = at;
        at = bb_check_special(&parser->checker, at, state->end);
        if (G_UNLIKELY(!at))
            return NULL;
        *flags |= special_flags(before, at);
    }
}

BB_INLINE bb_token *push(bb_pass *state, const char *at, size_t size, uint8_t type, uint8_t flags)
{
    bb_token *token = &state->tokens[state->count++];
    token->start = (uint32_t)(at - state->text);
    token->size = (uint32_t)size;
    token->next = state->count;
    token->type = type;
    token->flags = flags;
    token->hash = 0;
    return token;
}

BB_INLINE const char *take_string(bb_parser *parser, bb_pass *state, const char *at, bool wide)
{
    uint8_t flags = 0;
    const char *close = scan_string(parser, state, at + 1, &flags, wide);
    if (G_UNLIKELY(!close))
        return NULL;
    push(state, at + 1, (size_t)(close - at - 1), BB_STRING, flags);
    return close + 1;
}

BB_INLINE const char *take_number(bb_parser *parser, bb_pass *state, const char *start)
{
    const char *at = start;
    uint8_t flags = 0;
    if (*at == '-') {
        flags = BB_TOKEN_NEGATIVE;
        at++;
    }
    if (G_UNLIKELY(!bb_is_digit(*at)))
        return bb_fail(&parser->checker, at, "expected a digit");
    if (*at == '0') {
        at++;
        if (G_UNLIKELY(bb_is_digit(*at)))
            return bb_fail(&parser->checker, at, "leading zero in a number");
    } else {
        while (bb_is_digit(*at))
            at++;
    }
    if (*at == '.' || (*at | 0x20) == 'e') {
        flags |= BB_TOKEN_FRACTION;
        at = bb_check_fraction(&parser->checker, at);
        if (G_UNLIKELY(!at))
            return NULL;
    }
    push(state, start, (size_t)(at - start), BB_NUMBER, flags);
    return at;
}

BB_INLINE const char *take_word(bb_parser *parser, bb_pass *state, const char *at, const char *word,
                                size_t size, uint8_t type)
{
    if (G_UNLIKELY((size_t)(state->end - at) < size || memcmp(at, word, size) != 0))
        return bb_fail(&parser->checker, at, "expected a value");
    push(state, at, size, type, 0);
    return at + size;
}

/* Opens a container and goes to what follows its bracket. */
BB_INLINE const char *open_container(bb_parser *parser, bb_pass *state, const char *at,
                                     uint8_t type)
{
    if (G_UNLIKELY(state->depth == parser->limits.depth))
        return bb_fail(&parser->checker, at, "nested deeper than the limit");
    uint32_t container = state->count;
    push(state, at, 0, type, 0)->next = state->open;
    state->open = container;
    state->depth++;
    return at + 1;
}

BB_INLINE const char *take_value(bb_parser *parser, bb_pass *state, const char *at, bool wide)
{
    switch (*at) {
    case '"':
        return take_string(parser, state, at, wide);
    case '{':
        return open_container(parser, state, at, BB_OBJECT);
    case '[':
        return open_container(parser, state, at, BB_ARRAY);
    case 't':
        return take_word(parser, state, at, "true", 4, BB_TRUE);
    case 'f':
        return take_word(parser, state, at, "false", 5, BB_FALSE);
    case 'n':
        return take_word(parser, state, at, "null", 4, BB_NULL);
    default:
        if (G_UNLIKELY(*at != '-' && !bb_is_digit(*at)))
            return bb_fail(&parser->checker, at, "expected a value");
        return take_number(parser, state, at);
    }
}

#ifdef __SSE2__
/* The first `size` of 16 bytes, the rest zero. */
BB_INLINE __m128i keep_first(__m128i bytes, size_t size)
{
    static const uint8_t keep[2 * BB_WIDE_BYTES] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                    255, 255, 255, 255, 255, 255, 255, 255};
    return _mm_and_si128(bytes, bb_scan_load((const char *)keep + BB_WIDE_BYTES - size));
}

BB_INLINE uint64_t hash_wide_block(uint64_t state, __m128i bytes)
{
    uint64_t block[2];
    memcpy(block, &bytes, sizeof(block));
    return bb_hash_block(state, block[0], block[1]);
}

/* A plain name, hashed from the bytes that are loaded to find its end. NULL when it has escapes, is
 * not ASCII, or comes close to the end of the text. */
BB_INLINE const char *scan_plain_name(const bb_pass *state, const char *start, uint32_t *hash)
{
    uint64_t mixed = 0;
    for (const char *at = start; state->end - at >= BB_WIDE_BYTES; at += BB_WIDE_BYTES) {
        __m128i bytes = bb_scan_load(at);
        uint32_t mask = bb_scan_mask(bytes);
        if (!mask) {
            mixed = hash_wide_block(mixed, bytes);
            continue;
        }
        size_t size = (size_t)__builtin_ctz(mask);
        if (G_UNLIKELY(at[size] != '"'))
            return NULL;
        if (G_LIKELY(size || at == start))
            mixed = hash_wide_block(mixed, keep_first(bytes, size));
        *hash = bb_hash_finish(mixed, (size_t)(at - start) + size);
        return at + size;
    }
    return NULL;
}
#endif

static __attribute__((noinline)) const char *scan_any_name(bb_parser *parser, const bb_pass *state,
                                                           const char *at, bool wide,
                                                           uint32_t *hash, uint8_t *flags)
{
    const char *close = scan_string(parser, state, at, flags, wide);
    if (!close)
        return NULL;
    bb_token name = {
        .start = (uint32_t)(at - state->text), .size = (uint32_t)(close - at), .flags = *flags};
    *hash = bb_names_hash_token(&parser->names, state->text, &name);
    return close;
}

BB_INLINE const char *scan_name(bb_parser *parser, const bb_pass *state, const char *at, bool wide,
                                uint32_t *ret_hash, uint8_t *ret_flags)
{
#ifdef __SSE2__
    if (wide) {
        const char *close = scan_plain_name(state, at, ret_hash);
        if (G_LIKELY(close))
            return close;
    }
#endif
    bb_pass copy = *state;
    uint32_t hash = 0;
    uint8_t flags = 0;
    const char *close = scan_any_name(parser, &copy, at, wide, &hash, &flags);
    *ret_hash = hash;
    *ret_flags = flags;
    return close;
}

static __attribute__((noinline, cold)) const char *refuse_name(bb_parser *parser, const char *at,
                                                               int outcome)
{
    parser->crafted = outcome == BB_NAME_CRAFTED;
    return bb_fail(&parser->checker, at, "duplicate member name");
}

/* A member name and its colon, up to the value. */
BB_INLINE const char *take_name(bb_parser *parser, bb_pass *state, const char *at, bool wide)
{
    uint32_t hash = 0;
    uint8_t flags = 0;
    if (G_UNLIKELY(*at != '"'))
        return bb_fail(&parser->checker, at, "expected a member name");
    const char *close = scan_name(parser, state, at + 1, wide, &hash, &flags);
    if (G_UNLIKELY(!close))
        return NULL;
    bb_names *names = &parser->names;
    if (G_UNLIKELY(names->count >= names->most))
        bb_names_sweep(names, state->text, state->tokens, state->open, state->count);
    uint32_t name = state->count;
    push(state, at + 1, (size_t)(close - at - 1), BB_STRING, flags | BB_TOKEN_KEY)->hash =
        bb_hash_short(hash);
    int outcome = bb_names_add(names, state->text, state->tokens, state->open, name, hash);
    if (G_UNLIKELY(outcome != BB_NAME_NEW))
        return refuse_name(parser, at, outcome);
    at = skip_space(close + 1);
    if (G_UNLIKELY(*at != ':'))
        return bb_fail(&parser->checker, at, "expected ':'");
    return skip_space(at + 1);
}

/* Closes containers behind a value until a comma follows or the root is complete, which shows in
 * `open`. NULL on an error. */
BB_INLINE const char *take_closings(bb_parser *parser, bb_pass *state, const char *at)
{
    while (state->open != BB_NO_CONTAINER) {
        bb_token *container = &state->tokens[state->open];
        bool object = container->type == BB_OBJECT;
        if (G_UNLIKELY(at == state->end))
            return bb_fail(&parser->checker, at, "unexpected end of the text");
        at = skip_space(at);
        if (*at != (object ? '}' : ']')) {
            if (G_LIKELY(*at == ','))
                return at;
            return bb_fail(&parser->checker, at,
                           object ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        at++;
        state->open = container->next;
        state->depth--;
        container->size = (uint32_t)(at - state->text) - container->start;
        container->next = state->count;
    }
    return at;
}

/* The whole value. Returns the position behind it; NULL on an error. */
BB_INLINE const char *run(bb_parser *parser, bb_pass *state, bool wide)
{
    const char *at = skip_space(state->text);
    bool object = false;
    for (;;) {
        if (object) {
            at = take_name(parser, state, at, wide);
            if (G_UNLIKELY(!at))
                return NULL;
        }
        uint32_t value = state->count;
        at = take_value(parser, state, at, wide);
        if (G_UNLIKELY(!at))
            return NULL;
        if (state->open == value) {
            object = state->tokens[value].type == BB_OBJECT;
            at = skip_space(at);
            if (*at != (object ? '}' : ']'))
                continue;
        }
        at = take_closings(parser, state, at);
        if (G_UNLIKELY(!at) || state->open == BB_NO_CONTAINER)
            return at;
        if (G_UNLIKELY(state->count >= parser->limits.tokens))
            return bb_fail(&parser->checker, at, "more values than the limit");
        object = state->tokens[state->open].type == BB_OBJECT;
        at = skip_space(at + 1);
    }
}

const char *bb_pass_portable(bb_parser *parser, bb_pass *state)
{
    bb_pass local = *state;
    const char *at = run(parser, &local, /* wide= */ false);
    *state = local;
    return at;
}

const char *bb_pass_wide(bb_parser *parser, bb_pass *state)
{
#ifdef __SSE2__
    bb_pass local = *state;
    const char *at = run(parser, &local, /* wide= */ true);
    *state = local;
    return at;
#else
    return bb_pass_portable(parser, state);
#endif
}
