/* Matching of regular expressions with PCRE2, bounded in time and memory. */
#include "contract/pattern.h"

#include <stdbool.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "contract/ecma.h"

/* Steps of backtracking that one match may take: some milliseconds. */
#define MATCH_LIMIT 200000u
#define DEPTH_LIMIT 20000u
#define HEAP_LIMIT_KIB 4096u
#define JIT_STACK_START (32u * 1024)
#define JIT_STACK_MAX (512u * 1024)

struct bb_pattern {
    pcre2_code *code;
    bool compiled; /* to machine code */
};

struct bb_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static const uint32_t compile_options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                                        PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;

static pcre2_code *compile_code(const GString *text, GError **error)
{
    int number = 0;
    PCRE2_SIZE offset = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)text->str, text->len, compile_options, &number, &offset, context);
    pcre2_compile_context_free(context);
    if (!code) {
        PCRE2_UCHAR reason[160] = "";
        (void)pcre2_get_error_message(number, reason, sizeof(reason));
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "bad regular expression: %s at character %zu",
                    (const char *)reason, offset + 1);
    }
    return code;
}

bb_pattern *bb_pattern_new(const char *text, gsize size, GError **error)
{
    g_autoptr(GString) translated = bb_ecma_translate(text, size, error);
    if (!translated)
        return NULL;
    pcre2_code *code = compile_code(translated, error);
    if (!code)
        return NULL;
    /* Without a JIT for this machine the interpreter does the work. */
    bool compiled = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    bb_pattern *pattern = g_new0(bb_pattern, 1);
    pattern->compiled = compiled;
    pattern->code = code;
    return pattern;
}

void bb_pattern_free(bb_pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    g_free(pattern);
}

bb_matcher *bb_matcher_new(void)
{
    bb_matcher *matcher = g_new0(bb_matcher, 1);
    matcher->data = pcre2_match_data_create(1, NULL);
    matcher->context = pcre2_match_context_create(NULL);
    matcher->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
    pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
    pcre2_set_depth_limit(matcher->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    return matcher;
}

void bb_matcher_free(bb_matcher *matcher)
{
    if (!matcher)
        return;
    pcre2_jit_stack_free(matcher->stack);
    pcre2_match_context_free(matcher->context);
    pcre2_match_data_free(matcher->data);
    g_free(matcher);
}

bb_match bb_pattern_match(const bb_pattern *pattern, bb_matcher *matcher, const char *text,
                          gsize size)
{
    int result = pattern->compiled
                     ? pcre2_jit_match(pattern->code, (PCRE2_SPTR)text, size, 0, 0, matcher->data,
                                       matcher->context)
                     : pcre2_match(pattern->code, (PCRE2_SPTR)text, size, 0, PCRE2_NO_UTF_CHECK,
                                   matcher->data, matcher->context);
    if (result >= 0)
        return BB_MATCH_YES;
    return result == PCRE2_ERROR_NOMATCH ? BB_MATCH_NO : BB_MATCH_LIMIT;
}
