/* Does the same edits, decided by bytes, to an event and to a jansson value, and compares; C that
 * is also C++. */
#ifndef EVENT_SPLICE_ORACLE_H
#define EVENT_SPLICE_ORACLE_H

#include "oracle.h"

enum { SPLICE_EDITS = 48, SPLICE_SLOTS = 6 };

/* An edit as the model keeps it: of a value in the text, or of an appended member. */
typedef struct splice_edit {
    uint32_t token; /* 0: appended */
    const char *name;
    const char *json; /* NULL: removed */
} splice_edit;

typedef struct splice_model {
    const char *text;
    const bb_token *tokens;
    splice_edit edits[SPLICE_EDITS]; /* one for each place, in the order first set */
    size_t count;
} splice_model;

/* The first SPLICE_SLOTS are declared. */
static const char *const splice_names[] = {"a",    "b",  "id",    "\xc3\xa9",       "",
                                           "x/y~", "zz", "n\n\"", "event_timestamp"};
static const char *const splice_values[] = {
    "1",      "null", "\"\"", "\"x\"", "[]", "{\"a\":[1,{\"b\":2}]}", "\"\\u00e9\\n\"",
    "-2.5e1", "true"};

static inline splice_edit *splice_find(splice_model *model, uint32_t token, const char *name)
{
    for (size_t i = 0; i < model->count; i++) {
        splice_edit *edit = &model->edits[i];
        if (edit->token == token && (token || strcmp(edit->name, name) == 0))
            return edit;
    }
    return NULL;
}

static inline void splice_note(splice_model *model, uint32_t token, const char *name,
                               const char *json)
{
    splice_edit *edit = splice_find(model, token, name);
    if (!edit)
        edit = &model->edits[model->count++];
    edit->token = token;
    edit->name = name;
    edit->json = json;
}

static inline uint32_t splice_member(const splice_model *model, const char *name)
{
    const bb_token *tokens = model->tokens;
    if (tokens[0].type != BB_OBJECT)
        return 0;
    for (uint32_t at = 1; at < tokens[0].next; at = tokens[at + 1].next)
        if (bb_token_equals(model->text, &tokens[at], name, strlen(name)))
            return at + 1;
    return 0;
}

/* Whether the model has the root member now. */
static inline bool splice_has(splice_model *model, const char *name)
{
    uint32_t token = splice_member(model, name);
    const splice_edit *edit = splice_find(model, token, name);
    return edit ? edit->json != NULL : token != 0;
}

static inline json_t *splice_build(splice_model *model, uint32_t token);

static inline json_t *splice_build_object(splice_model *model, uint32_t object)
{
    const bb_token *tokens = model->tokens;
    json_t *result = json_object();
    for (uint32_t at = object + 1; at < tokens[object].next; at = tokens[at + 1].next) {
        const splice_edit *edit = splice_find(model, at + 1, NULL);
        if (edit && !edit->json)
            continue;
        char *name = (char *)malloc(tokens[at].size + 1);
        size_t size = bb_unescape(model->text + tokens[at].start, tokens[at].size, name);
        json_object_setn_new(result, name, size, splice_build(model, at + 1));
        free(name);
    }
    for (size_t i = 0; object == 0 && i < model->count; i++)
        if (model->edits[i].token == 0 && model->edits[i].json)
            json_object_set_new(result, model->edits[i].name,
                                json_loads(model->edits[i].json, JSON_DECODE_ANY, NULL));
    return result;
}

static inline json_t *splice_build(splice_model *model, uint32_t token)
{
    const bb_token *tokens = model->tokens;
    const splice_edit *edit = token ? splice_find(model, token, NULL) : NULL;
    if (edit)
        return json_loads(edit->json, JSON_DECODE_ANY, NULL);
    if (tokens[token].type == BB_OBJECT)
        return splice_build_object(model, token);
    if (tokens[token].type == BB_ARRAY) {
        json_t *result = json_array();
        for (uint32_t at = token + 1; at < tokens[token].next; at = tokens[at].next)
            json_array_append_new(result, splice_build(model, at));
        return result;
    }
    int quoted = tokens[token].type == BB_STRING;
    return json_loadb(model->text + tokens[token].start - quoted,
                      tokens[token].size + 2 * (size_t)quoted, JSON_DECODE_ANY, NULL);
}

/* One edit on both sides. Returns what differs. */
static inline const char *splice_step(busbar_event *event, splice_model *model, const uint8_t *code)
{
    const char *name = splice_names[code[1] % (sizeof(splice_names) / sizeof(*splice_names))];
    const char *value = splice_values[code[2] % (sizeof(splice_values) / sizeof(*splice_values))];
    uint32_t slot = code[1] % SPLICE_SLOTS;
    uint32_t token = event->token_count > 1 ? 1 + code[1] % (event->token_count - 1) : 1;
    bool object = model->tokens[0].type == BB_OBJECT;
    bool had = false;
    switch (code[0] % 4) {
    case 0:
        bb_event_set_slot(event, slot, busbar_text(value));
        if (object)
            splice_note(model, splice_member(model, splice_names[slot]), splice_names[slot], value);
        break;
    case 1:
        bb_event_set_token(event, token, busbar_text(value));
        if (token < event->token_count && !(model->tokens[token].flags & BB_TOKEN_KEY))
            splice_note(model, token, NULL, value);
        break;
    case 2:
        bb_event_set_name(event, busbar_text(name), busbar_text(value));
        if (object)
            splice_note(model, splice_member(model, name), name, value);
        break;
    default:
        had = splice_has(model, name);
        if (bb_event_remove_name(event, busbar_text(name)) != had)
            return "bb_event_remove_name answers wrongly";
        if (had)
            splice_note(model, splice_member(model, name), name, NULL);
    }
    return NULL;
}

static inline const char *splice_check_slots(const busbar_event *event, splice_model *model)
{
    for (uint32_t slot = 0; slot < SPLICE_SLOTS; slot++) {
        busbar_value value;
        uint32_t token = splice_member(model, splice_names[slot]);
        if (bb_event_get_original(event, slot, &value) != (token ? model->tokens[token].type : 0))
            return "bb_event_get_original differs";
        bool there = bb_event_get(event, slot, &value) != BUSBAR_ABSENT;
        if (there != splice_has(model, splice_names[slot]))
            return "bb_event_get differs";
        const splice_edit *edit = splice_find(model, token, splice_names[slot]);
        size_t quoted = value.type == BUSBAR_STRING;
        if (edit && edit->json &&
            (value.json.size + 2 * quoted != strlen(edit->json) ||
             memcmp(value.json.data - quoted, edit->json, strlen(edit->json)) != 0))
            return "bb_event_get has another value";
    }
    return NULL;
}

/* Whether the edited text parses and is what the model says, members in the same order. */
static inline const char *splice_check_text(bb_parser *parser, busbar_event *event,
                                            splice_model *model)
{
    busbar_bytes json = bb_event_json(event);
    busbar_bytes again = bb_event_json(event);
    if (json.data != again.data || json.size != again.size)
        return "bb_event_json is not cached";
    json_t *expected = splice_build(model, 0);
    json_t *result =
        json_loadb(json.data, json.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    char *expected_text = json_dumps(expected, JSON_ENCODE_ANY | JSON_COMPACT);
    char *result_text = result ? json_dumps(result, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    const char *difference = NULL;
    if (!result_text)
        difference = "the spliced text is not valid";
    else if (strcmp(expected_text, result_text) != 0)
        difference = "the spliced text is another value";
    free(result_text);
    free(expected_text);
    json_decref(result);
    json_decref(expected);
    bb_tape tape;
    if (!difference && !bb_parse(parser, json.data, json.size, &tape, NULL))
        difference = "the tape refuses the spliced text";
    return difference;
}

static inline const char *splice_run(bb_parser *parser, busbar_event *event, splice_model *model,
                                     const uint8_t *code, size_t code_size)
{
    const char *difference = NULL;
    for (size_t i = 0; !difference && i < SPLICE_EDITS && 3 * i + 3 <= code_size; i++) {
        difference = splice_step(event, model, code + 3 * i);
        if (!difference)
            difference = splice_check_slots(event, model);
        if (!difference && (code[3 * i] & 0x10))
            difference = splice_check_text(parser, event, model);
    }
    return difference ? difference : splice_check_text(parser, event, model);
}

/* Edits `text` as `code` says. NULL also when the text, or jansson's view of it, is not valid. */
static inline const char *splice_check(bb_parser *parser, const char *text, size_t size,
                                       const uint8_t *code, size_t code_size)
{
    bb_tape tape;
    if (!bb_parse(parser, text, size, &tape, NULL))
        return NULL;
    json_t *view = json_loadb(text, size, JSON_DECODE_ANY, NULL);
    if (!view)
        return NULL;
    json_decref(view);
    bb_arena *arena = bb_arena_new(0);
    bb_slot_name names[SPLICE_SLOTS];
    for (size_t i = 0; i < SPLICE_SLOTS; i++) {
        names[i].name = busbar_text(splice_names[i]);
        names[i].quoted = bb_quote(arena, names[i].name);
        names[i].hash = bb_name_hash(names[i].name.data, names[i].name.size);
    }
    bb_tape copy = bb_tape_copy(&tape, arena);
    busbar_event event;
    bb_event_init(&event, arena, text, size, &copy, names, SPLICE_SLOTS);
    splice_model model;
    memset(&model, 0, sizeof(model));
    model.text = text;
    model.tokens = copy.tokens;
    const char *difference = splice_run(parser, &event, &model, code, code_size);
    bb_event_release(&event);
    bb_arena_free(arena);
    return difference;
}

#endif
