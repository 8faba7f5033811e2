/* Splices the edits of an event into its text in one pass. */
#include <stdlib.h>
#include <string.h>

#include "event/event.h"

enum { SMALL_SORT = 32 };

/* State of the pass. Source text before `from` is written or left out. */
typedef struct splice {
    const busbar_event *event;
    char *to;
    uint32_t from;
    uint32_t member;   /* name of the next root member that was not looked at; for removals */
    uint32_t last_end; /* in the source: end of the root member before it, or behind the brace */
    bool kept;         /* a root member before `member` stays */
    bool removed;      /* a root member was removed */
} splice;

static void copy_bytes(splice *state, const char *data, size_t size)
{
    if (size)
        memcpy(state->to, data, size);
    state->to += size;
}

static void copy_source(splice *state, uint32_t end)
{
    if (end <= state->from)
        return;
    copy_bytes(state, state->event->text + state->from, end - state->from);
    state->from = end;
}

/* First and last byte of a value in the text, with the quotes of a string. */
static uint32_t value_start(const bb_token *token)
{
    return token->start - (token->type == BB_STRING);
}

static uint32_t value_end(const bb_token *token)
{
    return token->start + token->size + (token->type == BB_STRING);
}

static void replace(splice *state, uint32_t token, busbar_bytes json)
{
    const bb_token *value = &state->event->tokens[token];
    copy_source(state, value_start(value));
    copy_bytes(state, json.data, json.size);
    state->from = value_end(value);
}

/* Walks the root members that stay, up to the one whose value is `token`. */
static void keep_until(splice *state, uint32_t token)
{
    const bb_token *tokens = state->event->tokens;
    while (state->member < token - 1) {
        state->last_end = value_end(&tokens[state->member + 1]);
        state->member = tokens[state->member + 1].next;
        state->kept = true;
    }
}

/* Removes a root member with the comma before it, or, as long as none stays before it, with the
 * comma behind it. */
static void remove_member(splice *state, uint32_t token)
{
    const bb_token *tokens = state->event->tokens;
    keep_until(state, token);
    uint32_t next = tokens[token].next;
    if (state->kept) {
        copy_source(state, state->last_end);
        state->from = value_end(&tokens[token]);
    } else {
        copy_source(state, value_start(&tokens[token - 1]));
        state->from =
            next < tokens[0].next ? value_start(&tokens[next]) : value_end(&tokens[token]);
    }
    state->member = next;
    state->removed = true;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void sort_keys(uint64_t *keys, uint32_t count)
{
    if (count > SMALL_SORT) {
        qsort(keys, count, sizeof(*keys), compare_keys);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        uint32_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* The edits as token << 32 | index, sorted: by place, then in the order they were made. */
static uint64_t *sorted_edits(const busbar_event *event)
{
    uint64_t *keys = bb_arena_alloc(event->arena, event->edit_count * sizeof(*keys));
    for (uint32_t i = 0; i < event->edit_count; i++)
        keys[i] = (uint64_t)event->edits[i].token << 32 | i;
    sort_keys(keys, event->edit_count);
    return keys;
}

/* Most bytes that the result can have. */
static size_t room_needed(const busbar_event *event)
{
    size_t size = event->size;
    for (uint32_t i = 0; i < event->edit_count; i++)
        size += event->edits[i].json.size + event->edits[i].name.size + 2;
    return size;
}

static uint32_t token_of(uint64_t key)
{
    return (uint32_t)(key >> 32);
}

/* Replacements and removals, from the first key behind the appended members on. */
static void splice_values(splice *state, const uint64_t *keys, uint32_t count)
{
    const busbar_event *event = state->event;
    uint32_t after = 0; /* tokens before this are inside a value that is gone */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t token = token_of(keys[i]);
        if (token < after || (i + 1 < count && token_of(keys[i + 1]) == token))
            continue;
        const bb_edit *edit = &event->edits[(uint32_t)keys[i]];
        if (edit->json.data)
            replace(state, token, edit->json);
        else
            remove_member(state, token);
        after = event->tokens[token].next;
    }
}

/* Appends members behind the last one; the first `count` keys have token 0. */
static void append_members(splice *state, const uint64_t *keys, uint32_t count)
{
    const busbar_event *event = state->event;
    const bb_token *root = &event->tokens[0];
    uint32_t brace = root->start + root->size - 1;
    uint32_t at = brace;
    while (strchr(" \t\r\n", event->text[at - 1]))
        at--;
    bool first = root->next == 1 || (state->removed && !state->kept && state->member >= root->next);
    copy_source(state, at);
    for (uint32_t i = 0; i < count; i++) {
        const bb_edit *edit = &event->edits[(uint32_t)keys[i]];
        if (!edit->json.data)
            continue;
        if (!first)
            *state->to++ = ',';
        first = false;
        copy_bytes(state, edit->name.data, edit->name.size);
        *state->to++ = ':';
        copy_bytes(state, edit->json.data, edit->json.size);
    }
}

/* Text that replaces the root value as a whole, or data NULL. */
static busbar_bytes root_replacement(const busbar_event *event, const uint64_t *keys,
                                     uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        const bb_edit *edit = &event->edits[(uint32_t)keys[i]];
        if (!edit->name.data && edit->json.data)
            return edit->json;
    }
    return (busbar_bytes){NULL, 0};
}

busbar_bytes bb_event_json(busbar_event *event)
{
    if (event->edit_count == 0)
        return (busbar_bytes){event->text, event->size};
    if (event->spliced.data)
        return event->spliced;
    uint64_t *keys = sorted_edits(event);
    uint32_t appended = 0;
    while (appended < event->edit_count && token_of(keys[appended]) == 0)
        appended++;
    event->spliced = root_replacement(event, keys, appended);
    if (event->spliced.data)
        return event->spliced;
    char *out = bb_arena_alloc(event->arena, room_needed(event));
    splice state = {.event = event, .to = out, .member = 1, .last_end = event->tokens[0].start + 1};
    splice_values(&state, keys + appended, event->edit_count - appended);
    if (appended && event->tokens[0].type == BB_OBJECT)
        append_members(&state, keys, appended);
    copy_source(&state, event->size);
    event->spliced = (busbar_bytes){out, (size_t)(state.to - out)};
    return event->spliced;
}

busbar_bytes bb_event_value_json(const busbar_event *event, uint32_t token)
{
    const bb_token *value = &event->tokens[token];
    uint32_t start = value_start(value);
    uint64_t *keys = sorted_edits(event);
    uint32_t first = 0;
    while (first < event->edit_count && token_of(keys[first]) <= token)
        first++;
    uint32_t behind = first;
    while (behind < event->edit_count && token_of(keys[behind]) < value->next)
        behind++;
    if (behind == first)
        return (busbar_bytes){event->text + start, value_end(value) - start};
    char *out = bb_arena_alloc(event->arena, room_needed(event));
    splice state = {.event = event, .to = out, .from = start};
    splice_values(&state, keys + first, behind - first);
    copy_source(&state, value_end(value));
    return (busbar_bytes){out, (size_t)(state.to - out)};
}
