/* Parses JSON texts into tapes: memory, limits and errors around the pass. */
#include "event/tape.h"

#include <glib.h>
#include <string.h>

#include "event/pass.h"

enum { KEEP_TOKENS = 64 * 1024, KEEP_COPY_BYTES = 1024 * 1024, TOKEN_SLACK = 4 };

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
    parser->checker.allow_nul = allow;
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
    while (last > 0 && bb_is_space(text[last]))
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

/* The pass and what follows the value. Returns false with the fault noted. */
static bool complete(bb_parser *parser, bb_pass *state, bool wide)
{
    const char *at = wide ? bb_pass_wide(parser, state) : bb_pass_portable(parser, state);
    if (!at)
        return false;
    while (at < state->end && bb_is_space(*at))
        at++;
    if (at < state->end)
        bb_fail(&parser->checker, at, "unexpected text behind the value");
    else if (state->count > parser->limits.tokens)
        bb_fail(&parser->checker, at, "more values than the limit");
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
        bb_pass state = {whole.data, end, parser->tokens, 0, BB_NO_CONTAINER, 0};
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
    bool early =
        parser->checker.fault == end && g_str_has_prefix(parser->checker.reason, "expected");
    return refuse(text, (size_t)(parser->checker.fault - whole.data),
                  early ? "unexpected end of the text" : parser->checker.reason, ret_error);
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
