/* Extension "busbar.json/1": an event as a jansson value. */
#include "plugin/host.h"

#include <float.h>
#include <math.h>

typedef struct walk {
    const char *text;
    const bb_token *tokens;
    bool failed; /* memory is out */
} walk;

static json_t *make_value(walk *from, uint32_t at);

static json_t *make_string(walk *from, const bb_token *token)
{
    const char *text = from->text + token->start;
    if (!(token->flags & BB_TOKEN_ESCAPED))
        return json_stringn(text, token->size);
    g_autofree char *decoded = g_malloc(token->size + 1u);
    return json_stringn(decoded, bb_unescape(text, token->size, decoded));
}

/* jansson has 64-bit integers and finite doubles: what exceeds them becomes the nearest it has. */
static json_t *make_number(walk *from, const bb_token *token)
{
    int64_t integer;
    double number;
    if (!(token->flags & BB_TOKEN_FRACTION) && bb_token_integer(from->text, token, &integer))
        return json_integer(integer);
    if (bb_token_double(from->text, token, &number))
        return json_real(number);
    return json_real(token->flags & BB_TOKEN_NEGATIVE ? -DBL_MAX : DBL_MAX);
}

static json_t *make_object(walk *from, uint32_t at)
{
    json_t *object = json_object();
    for (uint32_t i = at + 1; i < from->tokens[at].next; i = from->tokens[i + 1].next) {
        json_auto_t *name = make_string(from, &from->tokens[i]);
        json_t *value = make_value(from, i + 1);
        if (!name || json_object_setn_new_nocheck(object, json_string_value(name),
                                                  json_string_length(name), value) != 0)
            from->failed = true;
    }
    return object;
}

static json_t *make_array(walk *from, uint32_t at)
{
    json_t *array = json_array();
    for (uint32_t i = at + 1; i < from->tokens[at].next; i = from->tokens[i].next) {
        if (json_array_append_new(array, make_value(from, i)) != 0)
            from->failed = true;
    }
    return array;
}

/* Depth is bounded by the parser's limit. */
static json_t *make_value(walk *from, uint32_t at)
{
    const bb_token *token = &from->tokens[at];
    switch (token->type) {
    case BB_FALSE:
        return json_false();
    case BB_TRUE:
        return json_true();
    case BB_NUMBER:
        return make_number(from, token);
    case BB_STRING:
        return make_string(from, token);
    case BB_ARRAY:
        return make_array(from, at);
    case BB_OBJECT:
        return make_object(from, at);
    default:
        return json_null();
    }
}

static json_t *make_view(const char *text, const bb_token *tokens)
{
    walk from = {text, tokens, false};
    json_t *root = make_value(&from, 0);
    if (!from.failed)
        return root;
    json_decref(root);
    return NULL;
}

/* An event with edits is spliced and parsed again: the view shows what was set so far. */
static json_t *make_current(busbar_event *event)
{
    if (!event->edit_count)
        return make_view(event->text, event->tokens);
    const bb_limits limits = {UINT32_MAX, 4096, UINT32_MAX}; /* an edit may have added a level */
    g_autoptr(bb_parser) parser = bb_parser_new(&limits);
    busbar_bytes text = bb_event_json(event);
    bb_tape tape;
    bb_parse_error trouble;
    if (!bb_parse(parser, text.data, text.size, &tape, &trouble))
        return NULL;
    return make_view(text.data, tape.tokens);
}

static void release_view(void *view)
{
    json_decref(view);
}

static json_t *view(busbar_call *call, busbar_event *event)
{
    (void)call;
    if (!event->view) {
        event->view = make_current(event);
        event->release_view = release_view;
    }
    return event->view;
}

const busbar_json_v1 bb_json_extension = {
    .struct_size = sizeof(busbar_json_v1),
    .reserved = 0,
    .view = view,
};
