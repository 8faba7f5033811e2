/* Parses a JSON text in one validating pass into a flat tape of tokens. */
#include "event/tape.h"

#include <glib.h>
#include <string.h>

#include "event/names.h"
#include "event/scan.h"

enum { KEEP_TOKENS = 64 * 1024, KEEP_COPY_BYTES = 1024 * 1024, TOKEN_SLACK = 4 };

struct bb_parser {
    bb_limits limits;
    bb_names names;
    bb_token *tokens;
    uint32_t capacity;
    bool allow_nul;
    bool crafted;       /* the pass ended because names collide: once more, keyed */
    const char *fault;  /* where a pass ended */
    const char *reason; /* and why */
    char *copy;         /* of a text that does not end with a bracket */
    size_t copy_capacity;
};

/* State of a pass. It is small and never has its address taken outside of inlined functions, so
 * that it stays in registers. */
typedef struct pass {
    const char *text;
    const char *end; /* a byte that stops any scan is at `end - 1` or at `end` */
    bb_token *tokens;
    uint32_t count;
    uint32_t open; /* innermost open container; the `next` of an open one leads outwards */
    uint32_t depth;
} pass;

bb_parser *bb_parser_new(const bb_limits *limits)
{
    static const bb_limits defaults = BB_LIMITS_DEFAULT;
    bb_parser *parser = g_new0(bb_parser, 1);
    parser->limits = limits ? *limits : defaults;
    bb_names_init(&parser->names);
    return parser;
}

void bb_parser_allow_nul(bb_parser *parser, bool allow)
{
    parser->allow_nul = allow;
}

void bb_parser_free(bb_parser *parser)
{
    if (!parser)
        return;
    bb_names_clear(&parser->names);
    g_free(parser->tokens);
    g_free(parser->copy);
    g_free(parser);
}

/* Ends a pass; NULL for the callers that return a position. */
static __attribute__((noinline, cold)) const char *fail(bb_parser *parser, const char *at,
                                                        const char *reason)
{
    parser->fault = at;
    parser->reason = reason;
    return NULL;
}

BB_INLINE bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Never passes the end: there is a byte there that is not white space. */
BB_INLINE const char *skip_space(const char *at)
{
    if (G_LIKELY((unsigned char)*at > ' '))
        return at;
    if (*at == ' ' && (unsigned char)at[1] > ' ')
        return at + 1;
    while (is_space(*at))
        at++;
    return at;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* The four digits of a \u escape at `at`, below 0 when they are not there. */
static int32_t hex_quad(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The \u escape at `at`, the backslash; with a surrogate also the one behind it. */
static const char *check_unicode_escape(bb_parser *parser, const char *at, const char *end)
{
    int32_t unit = hex_quad(at + 2, end);
    if (unit < 0)
        return fail(parser, at, "a \\u escape needs four hexadecimal digits");
    if (unit == 0 && !parser->allow_nul)
        return fail(parser, at, "\\u0000 in a string");
    if ((unit & 0xf800) != 0xd800)
        return at + 6;
    if (unit >= 0xdc00 || end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return fail(parser, at, "lone surrogate in a string");
    int32_t second = hex_quad(at + 8, end);
    if (second < 0)
        return fail(parser, at + 6, "a \\u escape needs four hexadecimal digits");
    if ((second & 0xfc00) != 0xdc00)
        return fail(parser, at, "lone surrogate in a string");
    return at + 12;
}

static const char *check_escape(bb_parser *parser, const char *at, const char *end)
{
    if (end - at < 2)
        return fail(parser, end, "unterminated string");
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return at + 2;
    case 'u':
        return check_unicode_escape(parser, at, end);
    default:
        return fail(parser, at, "unknown escape in a string");
    }
}

/* Goes over escapes and bytes beyond ASCII as long as one follows another. NULL on an error. */
static __attribute__((noinline)) const char *check_special(bb_parser *parser, const char *at,
                                                           const char *end)
{
    while (at && at < end) {
        if (*at == '\\') {
            at = check_escape(parser, at, end);
        } else if ((unsigned char)*at >= 0x80) {
            size_t size = bb_scan_utf8(at, end);
            if (!size)
                return fail(parser, at, "bytes that are not UTF-8 in a string");
            at += size;
        } else if ((unsigned char)*at < 0x20) {
            return fail(parser, at, "unescaped control character in a string");
        } else {
            return at;
        }
    }
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
BB_INLINE const char *scan_string(bb_parser *parser, const pass *state, const char *at,
                                  uint8_t *flags, bool wide)
{
    for (;;) {
        at = bb_scan_plain(at, state->text, state->end, wide);
        if (G_UNLIKELY(at == state->end))
            return fail(parser, at, "unterminated string");
        if (G_LIKELY(*at == '"'))
            return at;
        const char *before = at;
        at = check_special(parser, at, state->end);
        if (G_UNLIKELY(!at))
            return NULL;
        *flags |= special_flags(before, at);
    }
}

BB_INLINE bb_token *push(pass *state, const char *at, size_t size, uint8_t type, uint8_t flags)
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

BB_INLINE const char *take_string(bb_parser *parser, pass *state, const char *at, bool wide)
{
    uint8_t flags = 0;
    const char *close = scan_string(parser, state, at + 1, &flags, wide);
    if (G_UNLIKELY(!close))
        return NULL;
    push(state, at + 1, (size_t)(close - at - 1), BB_STRING, flags);
    return close + 1;
}

BB_INLINE bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* The part of a number behind its integer digits. NULL on an error. */
static __attribute__((noinline)) const char *check_fraction(bb_parser *parser, const char *at)
{
    if (*at == '.') {
        at++;
        if (!is_digit(*at))
            return fail(parser, at, "expected a digit after the decimal point");
        while (is_digit(*at))
            at++;
    }
    if ((*at | 0x20) == 'e') {
        at++;
        if (*at == '+' || *at == '-')
            at++;
        if (!is_digit(*at))
            return fail(parser, at, "expected a digit in the exponent");
        while (is_digit(*at))
            at++;
    }
    return at;
}

BB_INLINE const char *take_number(bb_parser *parser, pass *state, const char *start)
{
    const char *at = start;
    uint8_t flags = 0;
    if (*at == '-') {
        flags = BB_TOKEN_NEGATIVE;
        at++;
    }
    if (G_UNLIKELY(!is_digit(*at)))
        return fail(parser, at, "expected a digit");
    if (*at == '0') {
        at++;
        if (G_UNLIKELY(is_digit(*at)))
            return fail(parser, at, "leading zero in a number");
    } else {
        while (is_digit(*at))
            at++;
    }
    if (*at == '.' || (*at | 0x20) == 'e') {
        flags |= BB_TOKEN_FRACTION;
        at = check_fraction(parser, at);
        if (G_UNLIKELY(!at))
            return NULL;
    }
    push(state, start, (size_t)(at - start), BB_NUMBER, flags);
    return at;
}

BB_INLINE const char *take_word(bb_parser *parser, pass *state, const char *at, const char *word,
                                size_t size, uint8_t type)
{
    if (G_UNLIKELY((size_t)(state->end - at) < size || memcmp(at, word, size) != 0))
        return fail(parser, at, "expected a value");
    push(state, at, size, type, 0);
    return at + size;
}

/* Opens a container and goes to what follows its bracket. */
BB_INLINE const char *open_container(bb_parser *parser, pass *state, const char *at, uint8_t type)
{
    if (G_UNLIKELY(state->depth == parser->limits.depth))
        return fail(parser, at, "nested deeper than the limit");
    uint32_t container = state->count;
    push(state, at, 0, type, 0)->next = state->open;
    state->open = container;
    state->depth++;
    return at + 1;
}

BB_INLINE const char *take_value(bb_parser *parser, pass *state, const char *at, bool wide)
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
        if (G_UNLIKELY(*at != '-' && !is_digit(*at)))
            return fail(parser, at, "expected a value");
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
BB_INLINE const char *scan_plain_name(const pass *state, const char *start, uint32_t *hash)
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

static __attribute__((noinline)) const char *scan_any_name(bb_parser *parser, const pass *state,
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

BB_INLINE const char *scan_name(bb_parser *parser, const pass *state, const char *at, bool wide,
                                uint32_t *ret_hash, uint8_t *ret_flags)
{
#ifdef __SSE2__
    if (wide) {
        const char *close = scan_plain_name(state, at, ret_hash);
        if (G_LIKELY(close))
            return close;
    }
#endif
    pass copy = *state;
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
    return fail(parser, at, "duplicate member name");
}

/* A member name and its colon, up to the value. */
BB_INLINE const char *take_name(bb_parser *parser, pass *state, const char *at, bool wide)
{
    uint32_t hash = 0;
    uint8_t flags = 0;
    if (G_UNLIKELY(*at != '"'))
        return fail(parser, at, "expected a member name");
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
        return fail(parser, at, "expected ':'");
    return skip_space(at + 1);
}

/* Closes containers behind a value until a comma follows or the root is complete, which shows in
 * `open`. NULL on an error. */
BB_INLINE const char *take_closings(bb_parser *parser, pass *state, const char *at)
{
    while (state->open != BB_NO_CONTAINER) {
        bb_token *container = &state->tokens[state->open];
        bool object = container->type == BB_OBJECT;
        if (G_UNLIKELY(at == state->end))
            return fail(parser, at, "unexpected end of the text");
        at = skip_space(at);
        if (*at != (object ? '}' : ']')) {
            if (G_LIKELY(*at == ','))
                return at;
            return fail(parser, at, object ? "expected ',' or '}'" : "expected ',' or ']'");
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
BB_INLINE const char *run(bb_parser *parser, pass *state, bool wide)
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
            return fail(parser, at, "more values than the limit");
        object = state->tokens[state->open].type == BB_OBJECT;
        at = skip_space(at + 1);
    }
}

static __attribute__((noinline)) const char *run_portable(bb_parser *parser, pass *ret_state)
{
    pass state = *ret_state;
    const char *at = run(parser, &state, /* wide= */ false);
    *ret_state = state;
    return at;
}

static __attribute__((noinline)) const char *run_wide(bb_parser *parser, pass *ret_state)
{
#ifdef __SSE2__
    pass state = *ret_state;
    const char *at = run(parser, &state, /* wide= */ true);
    *ret_state = state;
    return at;
#else
    return run_portable(parser, ret_state);
#endif
}

/* Room for all tokens that a text of this size can have: a value takes at least one byte and a
 * separator, brackets still open up to the depth come on top. */
static void reserve(bb_parser *parser, size_t size)
{
    uint64_t most = (uint64_t)size / 2 + parser->limits.depth + TOKEN_SLACK;
    uint64_t limit =
        (uint64_t)parser->limits.tokens + 2 * (uint64_t)parser->limits.depth + TOKEN_SLACK;
    uint32_t needed = (uint32_t)MIN(MIN(most, limit), UINT32_MAX / 4);
    if (parser->capacity >= needed && (parser->capacity <= KEEP_TOKENS || needed > KEEP_TOKENS))
        return;
    g_free(parser->tokens);
    parser->capacity = MAX(needed, 1024);
    parser->tokens = g_new(bb_token, parser->capacity);
}

static void copy_guarded(bb_parser *parser, const char *text, size_t size)
{
    if (parser->copy_capacity < size + 1 || parser->copy_capacity > KEEP_COPY_BYTES) {
        g_free(parser->copy);
        parser->copy_capacity = MAX(size + 1, 4096);
        parser->copy = g_malloc(parser->copy_capacity);
    }
    memcpy(parser->copy, text, size);
    parser->copy[size] = '\0';
}

/* The text up to a closing bracket behind which only white space follows: the bracket stops every
 * scan. Where there is none, a copy with a byte behind it that does. */
static busbar_bytes guarded(bb_parser *parser, const char *text, size_t size)
{
    size_t last = size - 1;
    while (last > 0 && is_space(text[last]))
        last--;
    if (text[last] == '}' || text[last] == ']')
        return (busbar_bytes){text, last + 1};
    copy_guarded(parser, text, size);
    return (busbar_bytes){parser->copy, size};
}

static bool refuse(const char *text, size_t offset, const char *reason, bb_parse_error *ret_error)
{
    if (!ret_error)
        return false;
    *ret_error = (bb_parse_error){(uint32_t)offset, 1, 1, reason};
    for (size_t i = 0; i < offset; i++) {
        ret_error->column++;
        if (text[i] == '\n') {
            ret_error->line++;
            ret_error->column = 1;
        }
    }
    return false;
}

/* Reason to refuse a text before looking into it, or NULL. */
static const char *refusal_at_sight(const bb_parser *parser, const char *text, size_t size)
{
    if (size == 0)
        return "empty text";
    if (size > parser->limits.size_bytes)
        return "text larger than the limit";
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return "byte order mark";
    return NULL;
}

/* The pass and what follows the value. Returns false with `fault` and `reason` set. */
static bool complete(bb_parser *parser, pass *state, bool wide)
{
    const char *at = wide ? run_wide(parser, state) : run_portable(parser, state);
    if (!at)
        return false;
    while (at < state->end && is_space(*at))
        at++;
    if (at < state->end)
        fail(parser, at, "unexpected text behind the value");
    else if (state->count > parser->limits.tokens)
        fail(parser, at, "more values than the limit");
    else
        return true;
    return false;
}

static bool parse(bb_parser *parser, const char *text, size_t size, bool wide, bb_tape *ret_tape,
                  bb_parse_error *ret_error)
{
    const char *reason = refusal_at_sight(parser, text, size);
    if (G_UNLIKELY(reason))
        return refuse(text, 0, reason, ret_error);
    reserve(parser, size);
    const busbar_bytes whole = guarded(parser, text, size);
    const char *end = whole.data + whole.size;
    bool keyed = false;
    for (;;) {
        pass state = {whole.data, end, parser->tokens, 0, BB_NO_CONTAINER, 0};
        bb_names_start(&parser->names, parser->capacity, keyed);
        parser->crafted = false;
        if (G_LIKELY(complete(parser, &state, wide))) {
            *ret_tape = (bb_tape){parser->tokens, state.count};
            return true;
        }
        if (!parser->crafted)
            break;
        keyed = true;
    }
    bool early = parser->fault == end && g_str_has_prefix(parser->reason, "expected");
    return refuse(text, (size_t)(parser->fault - whole.data),
                  early ? "unexpected end of the text" : parser->reason, ret_error);
}

bool bb_parse(bb_parser *parser, const char *text, size_t size, bb_tape *ret_tape,
              bb_parse_error *ret_error)
{
    return parse(parser, text, size, /* wide= */ true, ret_tape, ret_error);
}

bool bb_parse_portable(bb_parser *parser, const char *text, size_t size, bb_tape *ret_tape,
                       bb_parse_error *ret_error)
{
    return parse(parser, text, size, /* wide= */ false, ret_tape, ret_error);
}

bb_tape bb_tape_copy(const bb_tape *tape, bb_arena *arena)
{
    size_t size = tape->count * sizeof(bb_token);
    bb_token *tokens = bb_arena_alloc(arena, size);
    if (size)
        memcpy(tokens, tape->tokens, size);
    return (bb_tape){tokens, tape->count};
}
