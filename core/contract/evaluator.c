/* The scratch memory of an evaluation: failures, marks and decoded texts. */
#include "contract/evaluator.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define EXCERPT_BYTES 60u

bb_evaluator *bb_evaluator_new(void)
{
    bb_evaluator *evaluator = g_new0(bb_evaluator, 1);
    evaluator->matcher = bb_matcher_new();
    evaluator->arena = bb_arena_new(0);
    bb_evaluator_set_max_failures(evaluator, 1);
    return evaluator;
}

void bb_evaluator_free(bb_evaluator *evaluator)
{
    if (!evaluator)
        return;
    bb_matcher_free(evaluator->matcher);
    bb_arena_free(evaluator->arena);
    g_free(evaluator->failures);
    bb_random_free(evaluator->random);
    g_free(evaluator);
}

void bb_evaluator_set_max_failures(bb_evaluator *evaluator, guint count)
{
    evaluator->max_failures = MAX(count, 1u);
    if (evaluator->failure_room < evaluator->max_failures) {
        evaluator->failure_room = evaluator->max_failures;
        evaluator->failures = g_renew(bb_failure, evaluator->failures, evaluator->failure_room);
    }
    evaluator->failure_count = MIN(evaluator->failure_count, evaluator->max_failures);
}

const bb_failure *bb_evaluator_failures(const bb_evaluator *evaluator, guint *ret_count)
{
    *ret_count = evaluator->failure_count;
    return evaluator->failures;
}

void *bb_evaluator_alloc(bb_evaluator *evaluator, size_t size)
{
    evaluator->arena_dirty = true;
    return bb_arena_alloc(evaluator->arena, size ? size : 1);
}

busbar_bytes bb_view_text(bb_evaluator *evaluator, bb_view *view)
{
    if (view->flags & BB_TOKEN_ESCAPED) {
        char *decoded = bb_evaluator_alloc(evaluator, view->size);
        view->size = (uint32_t)bb_unescape(view->text, view->size, decoded);
        view->text = decoded;
        /* An escape may have stood for anything. */
        view->flags = (uint8_t)((view->flags & ~BB_TOKEN_ESCAPED) | BB_TOKEN_NON_ASCII);
    }
    busbar_bytes text = {view->text, view->size};
    return text;
}

bb_marks bb_marks_new(bb_evaluator *evaluator, const bb_view *view)
{
    uint32_t tokens = evaluator->tokens[view->token].next - view->token;
    bb_marks marks = {NULL, tokens / 64 + 1, false};
    marks.bits = bb_evaluator_alloc(evaluator, marks.words * sizeof(uint64_t));
    memset(marks.bits, 0, marks.words * sizeof(uint64_t));
    return marks;
}

void bb_marks_add(bb_marks *marks, const bb_view *view, uint32_t child)
{
    uint32_t at = child - view->token;
    marks->bits[at / 64] |= (uint64_t)1 << (at % 64);
}

bool bb_marks_has(const bb_marks *marks, const bb_view *view, uint32_t child)
{
    uint32_t at = child - view->token;
    return marks->all || (marks->bits[at / 64] >> (at % 64) & 1) != 0;
}

void bb_marks_merge(bb_marks *marks, const bb_marks *more)
{
    marks->all = marks->all || more->all;
    for (uint32_t i = 0; i < marks->words; i++)
        marks->bits[i] |= more->bits[i];
}

static const char *describe_pointer(bb_evaluator *evaluator, const bb_view *view)
{
    busbar_bytes pointer = bb_event_pointer(evaluator->event, view->token);
    evaluator->arena_dirty = true;
    return bb_arena_copy(evaluator->arena, pointer.data, pointer.size);
}

/* ", found ..." with a short excerpt of the value. */
static void describe_found(const bb_view *view, char *out, size_t size)
{
    char excerpt[EXCERPT_BYTES + 4];
    const char *quote = view->type == BB_STRING ? "\"" : "";
    (void)snprintf(out, size, ", found %s%s%s%s", view->is_name ? "the member name " : "", quote,
                   bb_text_excerpt(view->text, view->size, EXCERPT_BYTES, excerpt, sizeof(excerpt)),
                   quote);
}

static void add_failure(bb_evaluator *evaluator, const bb_view *view, const char *keyword,
                        const char *message)
{
    if (evaluator->failure_count >= evaluator->max_failures)
        return;
    bb_failure *failure = &evaluator->failures[evaluator->failure_count++];
    failure->pointer = describe_pointer(evaluator, view);
    failure->keyword = keyword;
    failure->message = bb_arena_copy(evaluator->arena, message, strlen(message));
}

bool bb_evaluator_refuse(bb_evaluator *evaluator, const bb_view *view, const char *keyword,
                         const char *format, ...)
{
    char message[512], found[128];
    va_list arguments;
    if (evaluator->quiet || evaluator->stopped)
        return false;
    va_start(arguments, format);
    int size = vsnprintf(message, sizeof(message) - sizeof(found), format, arguments);
    va_end(arguments);
    if (size < 0)
        message[0] = '\0';
    describe_found(view, found, sizeof(found));
    g_strlcat(message, found, sizeof(message));
    add_failure(evaluator, view, keyword, message);
    return false;
}

bool bb_evaluator_refuse_plain(bb_evaluator *evaluator, const bb_view *view, const char *keyword,
                               const char *format, ...)
{
    char message[512];
    va_list arguments;
    if (evaluator->quiet || evaluator->stopped)
        return false;
    va_start(arguments, format);
    int size = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (size < 0)
        message[0] = '\0';
    add_failure(evaluator, view, keyword, message);
    return false;
}
