/* JSON texts of schemas: parsing, reading and naming places in them. */
#include "contract/compiler.h"

#include <string.h>

#include "base/error.h"

bb_document *bb_document_parse(bb_compiler *compiler, const char *source, const char *text,
                               gsize size, GError **error)
{
    bb_tape tape = {NULL, 0};
    bb_parse_error wrong = {0, 0, 0, NULL};
    if (!bb_parse(compiler->parser, text, size, &tape, &wrong)) {
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "%s:%u:%u: malformed JSON: %s", source,
                    wrong.line, wrong.column, wrong.reason);
        return NULL;
    }
    bb_document *document = bb_compiler_zeros(compiler, sizeof(*document));
    tape = bb_tape_copy(&tape, compiler->arena);
    document->source = bb_arena_copy(compiler->arena, source, strlen(source));
    document->text = bb_arena_copy(compiler->arena, text, size);
    document->size = size;
    document->tokens = tape.tokens;
    document->resources = bb_compiler_zeros(compiler, tape.count * sizeof(bb_resource *));
    document->drafts = bb_compiler_zeros(compiler, tape.count * sizeof(bb_draft *));
    return document;
}

uint32_t bb_document_member(const bb_document *document, uint32_t object, const char *name)
{
    const bb_token *tokens = document->tokens;
    size_t size = strlen(name);
    if (tokens[object].type != BB_OBJECT)
        return 0;
    for (uint32_t i = object + 1; i < tokens[object].next; i = tokens[i + 1].next) {
        if (bb_token_equals(document->text, &tokens[i], name, size))
            return i + 1;
    }
    return 0;
}

busbar_bytes bb_document_text(const bb_compiler *compiler, const bb_document *document,
                              uint32_t token)
{
    const bb_token *at = &document->tokens[token];
    char *copy = bb_arena_alloc(compiler->arena, at->size + 1u);
    busbar_bytes text = {copy, bb_unescape(document->text + at->start, at->size, copy)};
    copy[text.size] = '\0';
    return text;
}

const char *bb_document_string(const bb_compiler *compiler, const bb_document *document,
                               uint32_t token)
{
    return bb_document_text(compiler, document, token).data;
}

busbar_bytes bb_document_json(const bb_document *document, uint32_t token)
{
    const bb_token *at = &document->tokens[token];
    uint32_t quote = at->type == BB_STRING ? 1 : 0;
    busbar_bytes json = {document->text + at->start - quote, at->size + 2u * quote};
    return json;
}

bool bb_document_integer(const bb_document *document, uint32_t token, int64_t *ret_value)
{
    const bb_token *at = &document->tokens[token];
    if (at->type != BB_NUMBER)
        return false;
    bb_decimal decimal = bb_decimal_parse(document->text + at->start, at->size);
    return bb_decimal_integer(&decimal, ret_value);
}

static void append_segment(GString *out, const char *text, size_t size)
{
    g_autofree char *decoded = g_malloc(size + 1);
    size_t count = bb_unescape(text, size, decoded);
    g_string_append_c(out, '/');
    for (size_t i = 0; i < count; i++) {
        if (decoded[i] == '~')
            g_string_append(out, "~0");
        else if (decoded[i] == '/')
            g_string_append(out, "~1");
        else
            g_string_append_c(out, decoded[i]);
    }
}

/* Appends the step from the container `at` towards `token` and returns the child. */
static uint32_t step_towards(const bb_document *document, uint32_t at, uint32_t token, GString *out)
{
    const bb_token *tokens = document->tokens;
    bool object = tokens[at].type == BB_OBJECT;
    uint32_t child = at + 1, index = 0;
    for (;; index++) {
        uint32_t value = object ? child + 1 : child;
        if (token < tokens[value].next) {
            if (object)
                append_segment(out, document->text + tokens[child].start, tokens[child].size);
            else
                g_string_append_printf(out, "/%u", index);
            return value;
        }
        child = tokens[value].next;
    }
}

char *bb_document_pointer(const bb_document *document, uint32_t token)
{
    GString *out = g_string_new(NULL);
    for (uint32_t at = 0; at < token;)
        at = step_towards(document, at, token, out);
    return g_string_free(out, FALSE);
}

bool bb_document_refuse(const bb_document *document, uint32_t token, GError **error,
                        const char *format, ...)
{
    g_autofree char *pointer = bb_document_pointer(document, token);
    guint line = 1;
    for (uint32_t i = 0; i < document->tokens[token].start; i++)
        line += document->text[i] == '\n';
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "%s: %s (line %u): %s", document->source,
                *pointer ? pointer : "the root", line, reason);
    return false;
}
