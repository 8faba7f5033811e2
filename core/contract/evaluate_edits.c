/* Annotations that bring a value to its canonical form before the other rules see it. */
#include "contract/evaluator.h"

#include <string.h>

/* Puts `json` in the place of the value; the view shows it from now on. */
static void replace(bb_evaluator *evaluator, bb_view *view, busbar_bytes json)
{
    if (view->slot != BB_NO_SLOT)
        bb_event_set_slot(evaluator->event, view->slot, json);
    else if (view->token != 0)
        bb_event_set_token(evaluator->event, view->token, json);
    view->edited = true;
}

/* The value becomes another text. */
static bool replace_text(bb_evaluator *evaluator, bb_view *view, const char *text, size_t size)
{
    busbar_bytes plain = {bb_arena_copy(evaluator->event->arena, text, size), size};
    busbar_bytes json = bb_quote(evaluator->event->arena, plain);
    if (!json.data || size > UINT32_MAX)
        return false;
    view->text = plain.data;
    view->size = (uint32_t)size;
    replace(evaluator, view, json);
    return true;
}

static void replace_null(bb_evaluator *evaluator, bb_view *view)
{
    static const busbar_bytes json = {"null", 4};
    view->text = json.data;
    view->size = 4;
    view->type = BB_NULL;
    view->flags = 0;
    replace(evaluator, view, json);
}

static uint8_t type_of(char byte)
{
    switch (byte) {
    case '"':
        return BB_STRING;
    case 't':
        return BB_TRUE;
    case 'f':
        return BB_FALSE;
    case 'n':
        return BB_NULL;
    default:
        return BB_NUMBER;
    }
}

/* Shows a canonical JSON text, which has no escapes. */
static void show(bb_view *view, busbar_bytes json)
{
    uint32_t quote = *json.data == '"' ? 1 : 0;
    view->type = type_of(*json.data);
    view->flags = 0;
    view->text = json.data + quote;
    view->size = (uint32_t)json.size - 2 * quote;
    if (view->type == BB_NUMBER &&
        (memchr(json.data, '.', json.size) || memchr(json.data, 'e', json.size) ||
         memchr(json.data, 'E', json.size)))
        view->flags = BB_TOKEN_FRACTION;
}

static bool refuse_lax(bb_evaluator *evaluator, const bb_node *node, const bb_view *view)
{
    if (evaluator->quiet)
        return false;
    return bb_evaluator_refuse(evaluator, view, "x-busbar-lax", "expected %s",
                               bb_lax_expectation((bb_lax)node->lax));
}

static bool canonicalize(bb_evaluator *evaluator, const bb_node *node, bb_view *view)
{
    busbar_bytes text = {view->text, view->size};
    if (view->type == BB_STRING)
        text = bb_view_text(evaluator, view);
    char *out = evaluator->canonical;
    if (text.size + 8 > sizeof(evaluator->canonical))
        out = bb_evaluator_alloc(evaluator, text.size + 8);
    size_t size = 0;
    switch (bb_canonicalize((bb_lax)node->lax, view->type, text.data, text.size, out, &size)) {
    case BB_CANONICAL_SAME:
        return true;
    case BB_CANONICAL_CHANGED:
        break;
    case BB_CANONICAL_REFUSED:
    default:
        return refuse_lax(evaluator, node, view);
    }
    busbar_bytes json = {bb_arena_copy(evaluator->event->arena, out, size), size};
    show(view, json);
    replace(evaluator, view, json);
    return true;
}

/* One line feed at the end goes before the match, as `$` in the patterns of the OwnLens models
 * stands before it. In JSON text it is always an escape. */
static void drop_line_feed(bb_evaluator *evaluator, bb_view *view)
{
    if (!(view->flags & BB_TOKEN_ESCAPED))
        return;
    busbar_bytes text = bb_view_text(evaluator, view);
    if (text.size > 0 && text.data[text.size - 1] == '\n')
        (void)replace_text(evaluator, view, text.data, text.size - 1);
}

bool bb_evaluate_edits(bb_evaluator *evaluator, const bb_node *node, bb_view *view)
{
    if (node->empty_null && view->type == BB_STRING && view->size == 0)
        replace_null(evaluator, view);
    if (node->trim && view->type == BB_STRING)
        drop_line_feed(evaluator, view);
    if (!node->lax)
        return true;
    /* A null that `type` names stays one. */
    if (view->type == BB_NULL && node->types != BB_TYPE_ANY && (node->types & BB_TYPE_BIT(BB_NULL)))
        return true;
    return canonicalize(evaluator, node, view);
}

static bool has_other_case(const bb_view *view, bb_case letters)
{
    char first = letters == BB_CASE_LOWER ? 'A' : 'a';
    for (uint32_t i = 0; i < view->size; i++) {
        unsigned char byte = (unsigned char)view->text[i];
        if (byte >= 0x80 || (byte >= (unsigned char)first && byte < (unsigned char)first + 26))
            return true;
    }
    return false;
}

bool bb_evaluate_letters(bb_evaluator *evaluator, const bb_node *node, bb_view *view)
{
    busbar_bytes text = bb_view_text(evaluator, view);
    if (!has_other_case(view, (bb_case)node->letters))
        return true;
    g_autofree char *changed = node->letters == BB_CASE_LOWER
                                   ? g_utf8_strdown(text.data, (gssize)text.size)
                                   : g_utf8_strup(text.data, (gssize)text.size);
    size_t size = strlen(changed);
    if (size == text.size && memcmp(changed, text.data, size) == 0)
        return true;
    return replace_text(evaluator, view, changed, size) ||
           bb_evaluator_refuse(evaluator, view, "x-busbar-case", "cannot change the case");
}

/* White space as Unicode has it, and the four separators of ASCII. */
static bool is_space(gunichar point)
{
    return g_unichar_isspace(point) || point == 0xb || (point >= 0x1c && point <= 0x1f) ||
           point == 0x85;
}

void bb_evaluate_trim(bb_evaluator *evaluator, bb_view *view)
{
    busbar_bytes text = bb_view_text(evaluator, view);
    const char *start = text.data, *end = text.data + text.size;
    while (start < end && is_space(g_utf8_get_char(start)))
        start = g_utf8_next_char(start);
    while (end > start) {
        const char *last = g_utf8_prev_char(end);
        if (!is_space(g_utf8_get_char(last)))
            break;
        end = last;
    }
    if ((size_t)(end - start) != text.size)
        (void)replace_text(evaluator, view, start, (size_t)(end - start));
}
