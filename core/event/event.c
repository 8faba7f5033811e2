/* An event: the slots of its declared members, and the edits that wait to be spliced in. */
#include "event/event.h"

#include <string.h>

#include "event/names.h"
#include "event/value.h"

enum { FAR_ROUNDS = 8, FIRST_EDITS = 16 };

/* Finds slots whose members do not come in the order of the contract. After a few rounds over
 * all slots it makes itself an index, so that many such members stay cheap. */
typedef struct slot_finder {
    const bb_slot_name *names;
    uint32_t count;
    uint32_t expected; /* slot that comes next in order */
    uint64_t steps;
    uint32_t *index; /* open addressing; slot + 1, 0 is free */
    uint32_t mask;
    bb_arena *arena;
} slot_finder;

static inline bool slot_is(const slot_finder *finder, uint32_t slot, const char *text,
                           const bb_token *name)
{
    const bb_slot_name *wanted = &finder->names[slot];
    if (wanted->hash != name->hash)
        return false;
    if (G_UNLIKELY(name->flags & BB_TOKEN_ESCAPED))
        return bb_token_equals(text, name, wanted->name.data, wanted->name.size);
    return bb_same_bytes(text + name->start, name->size, wanted->name.data, wanted->name.size);
}

static void make_index(slot_finder *finder)
{
    uint32_t capacity = 16;
    while (capacity < finder->count * 2)
        capacity *= 2;
    finder->index = bb_arena_alloc(finder->arena, capacity * sizeof(*finder->index));
    finder->mask = capacity - 1;
    memset(finder->index, 0, capacity * sizeof(*finder->index));
    for (uint32_t slot = 0; slot < finder->count; slot++) {
        uint32_t at = finder->names[slot].hash & finder->mask;
        while (finder->index[at])
            at = (at + 1) & finder->mask;
        finder->index[at] = slot + 1;
    }
}

static uint32_t find_indexed(const slot_finder *finder, const char *text, const bb_token *name)
{
    for (uint32_t at = name->hash & finder->mask; finder->index[at]; at = (at + 1) & finder->mask)
        if (slot_is(finder, finder->index[at] - 1, text, name))
            return finder->index[at] - 1;
    return BB_NO_SLOT;
}

static uint32_t find_far(slot_finder *finder, const char *text, const bb_token *name)
{
    if (!finder->index && finder->steps > (uint64_t)FAR_ROUNDS * finder->count)
        make_index(finder);
    if (finder->index)
        return find_indexed(finder, text, name);
    for (uint32_t i = 0; i < finder->count; i++, finder->steps++) {
        uint32_t slot = finder->expected + i;
        if (slot >= finder->count)
            slot -= finder->count;
        if (slot_is(finder, slot, text, name))
            return slot;
    }
    return BB_NO_SLOT;
}

static void fill_slots(busbar_event *event)
{
    const bb_token *tokens = event->tokens;
    slot_finder finder = {
        .names = event->slot_names, .count = event->slot_count, .arena = event->arena};
    for (uint32_t at = 1; at < tokens[0].next; at = tokens[at + 1].next) {
        uint32_t slot = finder.expected;
        if (G_UNLIKELY(slot >= finder.count || !slot_is(&finder, slot, event->text, &tokens[at])))
            slot = find_far(&finder, event->text, &tokens[at]);
        if (G_UNLIKELY(slot == BB_NO_SLOT)) {
            if (!event->undeclared)
                event->undeclared = at;
            continue;
        }
        event->slots[slot] = at + 1;
        finder.expected = slot + 1;
    }
}

void bb_event_init(busbar_event *event, bb_arena *arena, const char *text, size_t size,
                   const bb_tape *tape, const bb_slot_name *slot_names, uint32_t slot_count)
{
    memset(event, 0, sizeof(*event));
    event->text = text;
    event->size = (uint32_t)size;
    event->tokens = tape->tokens;
    event->token_count = tape->count;
    event->slot_names = slot_names;
    event->slot_count = slot_count;
    event->arena = arena;
    if (slot_count) {
        event->slots = bb_arena_alloc(arena, slot_count * sizeof(*event->slots));
        memset(event->slots, 0, slot_count * sizeof(*event->slots));
    }
    if (tape->tokens[0].type == BB_OBJECT)
        fill_slots(event);
}

void bb_event_release(busbar_event *event)
{
    if (event->view && event->release_view)
        event->release_view(event->view);
    event->view = NULL;
}

static bool is_edit(uint32_t slot_value)
{
    return slot_value & BB_SLOT_EDIT;
}

static uint32_t edit_index(uint32_t slot_value)
{
    return slot_value & ~BB_SLOT_EDIT;
}

static void changed(busbar_event *event)
{
    event->spliced = (busbar_bytes){NULL, 0};
}

static uint32_t add_edit(busbar_event *event, bb_edit edit)
{
    if (event->edit_count == event->edit_capacity) {
        uint32_t capacity = event->edit_capacity ? event->edit_capacity * 2 : FIRST_EDITS;
        bb_edit *edits = bb_arena_alloc(event->arena, capacity * sizeof(*edits));
        if (event->edit_count)
            memcpy(edits, event->edits, event->edit_count * sizeof(*edits));
        event->edits = edits;
        event->edit_capacity = capacity;
    }
    event->edits[event->edit_count] = edit;
    changed(event);
    return event->edit_count++;
}

static void change_edit(busbar_event *event, uint32_t index, busbar_bytes json)
{
    event->edits[index].json = json;
    changed(event);
}

/* `json` NULL removes. */
static void edit_slot(busbar_event *event, uint32_t slot, busbar_bytes json)
{
    uint32_t current = event->slots[slot];
    if (is_edit(current)) {
        change_edit(event, edit_index(current), json);
        return;
    }
    bb_edit edit = {.token = current, .slot = slot, .json = json};
    if (current == 0)
        edit.name = event->slot_names[slot].quoted;
    event->slots[slot] = add_edit(event, edit) | BB_SLOT_EDIT;
}

void bb_event_set_slot(busbar_event *event, uint32_t slot, busbar_bytes json)
{
    if (slot < event->slot_count && event->tokens[0].type == BB_OBJECT)
        edit_slot(event, slot, json);
}

/* Slot whose original value is `token`, edited or not. */
static uint32_t slot_of_token(const busbar_event *event, uint32_t token)
{
    for (uint32_t slot = 0; slot < event->slot_count; slot++) {
        uint32_t current = event->slots[slot];
        if (is_edit(current))
            current = event->edits[edit_index(current)].token;
        if (current == token)
            return slot;
    }
    return BB_NO_SLOT;
}

void bb_event_set_token(busbar_event *event, uint32_t token, busbar_bytes json)
{
    if (token >= event->token_count || event->tokens[token].flags & BB_TOKEN_KEY || !json.data)
        return;
    uint32_t slot = token ? slot_of_token(event, token) : BB_NO_SLOT;
    if (slot != BB_NO_SLOT) {
        edit_slot(event, slot, json);
        return;
    }
    event->inner_edits += token != 0;
    add_edit(event, (bb_edit){.token = token, .slot = BB_NO_SLOT, .json = json});
}

static uint32_t slot_of_name(const busbar_event *event, busbar_bytes name)
{
    uint16_t hash = bb_name_hash(name.data, name.size);
    for (uint32_t slot = 0; slot < event->slot_count; slot++) {
        const bb_slot_name *declared = &event->slot_names[slot];
        if (declared->hash == hash &&
            bb_same_bytes(declared->name.data, declared->name.size, name.data, name.size))
            return slot;
    }
    return BB_NO_SLOT;
}

/* Token of the value of an undeclared root member, 0 when the text has none. */
static uint32_t root_member(const busbar_event *event, busbar_bytes name)
{
    const bb_token *tokens = event->tokens;
    if (!event->undeclared)
        return 0;
    uint16_t hash = bb_name_hash(name.data, name.size);
    for (uint32_t at = event->undeclared; at < tokens[0].next; at = tokens[at + 1].next)
        if (tokens[at].hash == hash &&
            bb_token_equals(event->text, &tokens[at], name.data, name.size))
            return at + 1;
    return 0;
}

/* Last edit of an undeclared root member: by its token, or by its quoted name when it is appended.
 * BB_NO_SLOT when there is none. */
static uint32_t find_edit(const busbar_event *event, uint32_t token, busbar_bytes quoted)
{
    for (uint32_t i = event->edit_count; i-- > 0;) {
        const bb_edit *edit = &event->edits[i];
        if (edit->token != token)
            continue;
        if (token || (edit->name.data &&
                      bb_same_bytes(edit->name.data, edit->name.size, quoted.data, quoted.size)))
            return i;
    }
    return BB_NO_SLOT;
}

void bb_event_set_name(busbar_event *event, busbar_bytes name, busbar_bytes json)
{
    if (event->tokens[0].type != BB_OBJECT)
        return;
    uint32_t slot = slot_of_name(event, name);
    if (slot != BB_NO_SLOT) {
        edit_slot(event, slot, json);
        return;
    }
    uint32_t token = root_member(event, name);
    busbar_bytes quoted = token ? (busbar_bytes){NULL, 0} : bb_quote(event->arena, name);
    if (!token && !quoted.data)
        return;
    uint32_t edit = find_edit(event, token, quoted);
    if (edit != BB_NO_SLOT)
        change_edit(event, edit, json);
    else
        add_edit(event, (bb_edit){token, BB_NO_SLOT, quoted, json});
}

static bool remove_slot(busbar_event *event, uint32_t slot)
{
    uint32_t current = event->slots[slot];
    if (current == 0 || (is_edit(current) && !event->edits[edit_index(current)].json.data))
        return false;
    edit_slot(event, slot, (busbar_bytes){NULL, 0});
    return true;
}

bool bb_event_remove_name(busbar_event *event, busbar_bytes name)
{
    const busbar_bytes nothing = {NULL, 0};
    if (event->tokens[0].type != BB_OBJECT)
        return false;
    uint32_t slot = slot_of_name(event, name);
    if (slot != BB_NO_SLOT)
        return remove_slot(event, slot);
    uint32_t token = root_member(event, name);
    busbar_bytes quoted = token || !event->edit_count ? nothing : bb_quote(event->arena, name);
    uint32_t edit = find_edit(event, token, quoted);
    if (edit != BB_NO_SLOT) {
        bool there = event->edits[edit].json.data != NULL;
        change_edit(event, edit, nothing);
        return there;
    }
    if (token)
        add_edit(event, (bb_edit){token, BB_NO_SLOT, nothing, nothing});
    return token != 0;
}

uint32_t bb_event_get(const busbar_event *event, uint32_t slot, busbar_value *ret_value)
{
    if (slot >= event->slot_count || event->slots[slot] == 0)
        return bb_value_absent(ret_value);
    uint32_t current = event->slots[slot];
    if (is_edit(current))
        return bb_value_of_json(event->edits[edit_index(current)].json, ret_value);
    if (event->inner_edits && event->tokens[current].next > current + 1)
        return bb_value_of_json(bb_event_value_json(event, current), ret_value);
    return bb_value_of_token(event->text, &event->tokens[current], ret_value);
}

uint32_t bb_event_get_original(const busbar_event *event, uint32_t slot, busbar_value *ret_value)
{
    uint32_t token = slot < event->slot_count ? event->slots[slot] : 0;
    if (is_edit(token))
        token = event->edits[edit_index(token)].token;
    if (token == 0)
        return bb_value_absent(ret_value);
    return bb_value_of_token(event->text, &event->tokens[token], ret_value);
}
