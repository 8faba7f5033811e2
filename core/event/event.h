/* An event in hand: its text, its tape, the members the contract declares, and the edits that wait
 * to be spliced in.
 *
 * Memory: everything hangs on the arena of the lane and on the record's bytes; nothing is freed one
 * by one. Not thread-safe. */
#ifndef BB_EVENT_H
#define BB_EVENT_H

#include <busbar/plugin.h>

#include "base/arena.h"
#include "event/tape.h"

/* Slots: one per member that the contract declares at its root, in the order of the contract. A
 * slot holds the token of the member's value, or 0 when the member is absent (token 0 is the root
 * itself), or BB_SLOT_EDIT | index of the edit that holds its current value. */
#define BB_SLOT_EDIT 0x80000000u
#define BB_NO_SLOT UINT32_MAX

/* A change to the text. `token` is the value that is replaced; 0 appends a member to the root
 * object, or, without a name, replaces the root. `json.data` NULL removes the member (a value of
 * the root object). */
typedef struct bb_edit {
    uint32_t token;
    uint32_t slot;     /* of a declared root member, or BB_NO_SLOT */
    busbar_bytes name; /* JSON text of the member name with its quotes; needed for token 0 */
    busbar_bytes json;
} bb_edit;

/* Text of a declared member name, for appending. */
typedef struct bb_slot_name {
    busbar_bytes name;   /* decoded */
    busbar_bytes quoted; /* as JSON text with quotes */
    uint16_t hash;
} bb_slot_name;

struct busbar_event {
    const char *text;
    uint32_t size;
    uint32_t token_count;
    const bb_token *tokens;
    const bb_slot_name *slot_names; /* of the contract */
    uint32_t slot_count;
    uint32_t edit_count;
    uint32_t edit_capacity;
    uint32_t undeclared;  /* name of the first root member without a slot; 0: there is none */
    uint32_t inner_edits; /* edits that are no slot's: inside of values, or of undeclared members */
    uint32_t *slots;
    bb_edit *edits;
    bb_arena *arena;
    const busbar_origin *origin; /* NULL outside consuming */
    /* Completes `origin` with its headers, once somebody asks for it; NULL: it is complete. */
    void (*complete_origin)(busbar_origin *origin);
    const void *type;     /* bb_event_type of the pipeline; this layer does not look at it */
    busbar_bytes spliced; /* cache of bb_event_json; data NULL when an edit came since */
    void *view; /* json_t of the busbar.json/1 extension, or NULL; freed by bb_event_release */
    void (*release_view)(void *view);
};

/* Prepares an event on a parsed text. `text`, `tape` and `slot_names` must outlive it. Slots are
 * filled from the root object by name; a root that is not an object has none. */
void bb_event_init(busbar_event *event, bb_arena *arena, const char *text, size_t size,
                   const bb_tape *tape, const bb_slot_name *slot_names, uint32_t slot_count);

/* Frees what does not live in the arena (the json view). */
void bb_event_release(busbar_event *event);

/* Replaces the value of a slot or of a token (any depth; 0 is the root itself), or appends the
 * member when the slot is absent. A later edit of the same place wins. `json` must be one JSON
 * value and live as long as the event (arena or static). What is no value of the event is left
 * alone, and so is every root member when the root is not an object. */
void bb_event_set_slot(busbar_event *event, uint32_t slot, busbar_bytes json);
void bb_event_set_token(busbar_event *event, uint32_t token, busbar_bytes json);
/* Sets a root member by its decoded name, declared or not; a name that bb_quote refuses is not set.
 * Members that are appended come in the order in which they were first set. */
void bb_event_set_name(busbar_event *event, busbar_bytes name, busbar_bytes json);
/* Removes a root member by its decoded name; false when there is none. */
bool bb_event_remove_name(busbar_event *event, busbar_bytes name);

/* Current and original value of a slot; the type is BUSBAR_ABSENT where there is none. */
uint32_t bb_event_get(const busbar_event *event, uint32_t slot, busbar_value *ret_value);
uint32_t bb_event_get_original(const busbar_event *event, uint32_t slot, busbar_value *ret_value);
/* Original value by JSON pointer (RFC 6901). */
uint32_t bb_event_find(const busbar_event *event, busbar_bytes pointer, busbar_value *ret_value);
/* Token by JSON pointer; false when there is none. */
bool bb_event_find_token(const busbar_event *event, busbar_bytes pointer, uint32_t *ret_token);

/* Text of an original value with the edits inside it: a copy in the arena when there are any. */
busbar_bytes bb_event_value_json(const busbar_event *event, uint32_t token);

/* Decoded text of a string value; a copy in the arena only when it has escapes. False when it is
 * not a string. */
bool bb_event_text(const busbar_event *event, const busbar_value *value, busbar_bytes *ret_text);
/* Integer and double of a number value. */
bool bb_value_integer(const busbar_value *value, int64_t *ret_integer);
bool bb_value_double(const busbar_value *value, double *ret_double);

/* The text with all edits spliced in: one pass, cached until the next edit. Without edits it is the
 * original text. Edits inside a replaced value are ignored. */
busbar_bytes bb_event_json(busbar_event *event);

/* `text` as a JSON string with its quotes, in the arena; valid UTF-8 stays as it is. Bytes that are
 * not UTF-8, and a NUL, which no event may hold, give data NULL. */
busbar_bytes bb_quote(bb_arena *arena, busbar_bytes text);

/* JSON pointer (RFC 6901) of a token, in the arena. */
busbar_bytes bb_event_pointer(const busbar_event *event, uint32_t token);

#endif
