/* What the contract as a whole says: slots, wire form, key, filling, and rules across schemas. */
#include "contract/compiler.h"

#include <string.h>

#include "base/text.h"
#include "contract/evaluator.h"

static bb_draft *draft_of(const bb_node *node)
{
    return (bb_draft *)node;
}

/* The next schema on the way of `$ref`; NULL at its end. `visited` guards against cycles. */
static bb_draft *next_reference(bb_draft *draft)
{
    if (!draft->node.logic || !draft->node.logic->ref)
        return NULL;
    return draft_of(draft->node.logic->ref);
}

/* A keyword of a schema or of what it refers to. */
static uint32_t find_keyword(bb_draft *draft, const char *name, bb_draft **ret_owner)
{
    for (guint steps = 0; draft && steps < 64; steps++, draft = next_reference(draft)) {
        if (draft->node.verdict != BB_VERDICT_RULES && !draft->node.resource)
            return 0;
        uint32_t value = bb_draft_keyword(draft, name, BB_VOCABULARY_ALL);
        if (value) {
            *ret_owner = draft;
            return value;
        }
    }
    return 0;
}

static void find_slots(bb_compiler *compiler)
{
    bb_contract *contract = compiler->contract;
    bb_draft *draft = draft_of(contract->root);
    for (guint steps = 0; draft && steps < 64; steps++, draft = next_reference(draft)) {
        if (draft->node.object && draft->node.object->declared_count) {
            contract->slot_rules = draft->node.object;
            break;
        }
    }
    if (!contract->slot_rules)
        return;
    contract->slot_count = contract->slot_rules->declared_count;
    bb_slot_name *slots = bb_compiler_zeros(compiler, contract->slot_count * sizeof(bb_slot_name));
    for (uint32_t i = 0; i < contract->slot_count; i++) {
        const bb_property *property = &contract->slot_rules->properties[i];
        slots[i].name = property->name;
        slots[i].quoted = bb_quote(compiler->arena, property->name);
        slots[i].hash = property->hash;
    }
    contract->slot_names = slots;
}

/* "when" of x-busbar-generate. */
static bool read_when(const bb_draft *draft, uint32_t list, bb_member *member, GError **error)
{
    const bb_document *document = draft->document;
    const bb_token *tokens = document->tokens;
    member->generate_absent = member->generate_null = false;
    bool valid = tokens[list].type == BB_ARRAY && tokens[list].next > list + 1;
    for (uint32_t i = list + 1; valid && i < tokens[list].next; i = tokens[i].next) {
        if (tokens[i].type == BB_STRING && bb_token_equals(document->text, &tokens[i], "absent", 6))
            member->generate_absent = true;
        else if (tokens[i].type == BB_STRING &&
                 bb_token_equals(document->text, &tokens[i], "null", 4))
            member->generate_null = true;
        else
            valid = false;
    }
    return valid ||
           bb_document_refuse(document, list, error, "must be an array of \"absent\" and \"null\"");
}

static bool read_generated(const bb_draft *draft, uint32_t value, bb_member *member, GError **error)
{
    const bb_token *at = &draft->document->tokens[value];
    const char *text = draft->document->text;
    if (at->type == BB_STRING && bb_token_equals(text, at, "now", 3))
        member->generate = BB_GENERATE_NOW;
    else if (at->type == BB_STRING && bb_token_equals(text, at, "uuid4", 5))
        member->generate = BB_GENERATE_UUID4;
    else
        return bb_document_refuse(
            draft->document, value, error,
            "must be \"now\" or \"uuid4\", or an object with such a \"value\" "
            "and \"when\"");
    member->generate_absent = true;
    return true;
}

static bool read_generate(bb_draft *draft, bb_member *member, GError **error)
{
    bb_draft *owner = NULL;
    uint32_t value = find_keyword(draft, "x-busbar-generate", &owner);
    if (!value)
        return true;
    const bb_document *document = owner->document;
    const bb_token *tokens = document->tokens;
    if (tokens[value].type != BB_OBJECT)
        return read_generated(owner, value, member, error);
    uint32_t what = bb_document_member(document, value, "value");
    uint32_t when = bb_document_member(document, value, "when");
    uint32_t known = (what ? 1u : 0u) + (when ? 1u : 0u), count = 0;
    for (uint32_t i = value + 1; i < tokens[value].next; i = tokens[i + 1].next)
        count++;
    if (!what || count != known)
        return bb_document_refuse(document, value, error,
                                  "must have the members \"value\" and, where wanted, \"when\"");
    return read_generated(owner, what, member, error) &&
           (!when || read_when(owner, when, member, error));
}

static bool read_personal(bb_draft *draft, bb_member *member, GError **error)
{
    bb_draft *owner = NULL;
    uint32_t value = find_keyword(draft, "x-busbar-pii", &owner);
    if (!value)
        return true;
    uint8_t type = owner->document->tokens[value].type;
    if (type != BB_TRUE && type != BB_FALSE)
        return bb_document_refuse(owner->document, value, error, "must be true or false");
    member->personal = type == BB_TRUE;
    return true;
}

/* A default must satisfy its own schema where it is going to be used. A schema without any busbar
 * annotation may say what it likes, as the standard asks; then such a default is not used. */
static bool read_default(bb_compiler *compiler, bb_draft *draft, bb_member *member, GError **error)
{
    bb_draft *owner = NULL;
    uint32_t value = find_keyword(draft, "default", &owner);
    if (!value)
        return true;
    g_autofree char *reason = NULL;
    busbar_bytes json = bb_document_json(owner->document, value);
    bool fits = bb_evaluator_check(compiler->contract, member->node, json, &reason);
    if (!fits && compiler->annotated)
        return bb_document_refuse(owner->document, value, error,
                                  "the default breaks its own schema: %s", reason);
    if (fits)
        member->default_json = json;
    return true;
}

static bool read_member(bb_compiler *compiler, uint32_t slot, bb_member *member, GError **error)
{
    const bb_property *property = &compiler->contract->slot_rules->properties[slot];
    bb_draft *draft = draft_of(property->node);
    member->node = property->node;
    member->required = property->required;
    for (guint steps = 0; draft && steps < 64; steps++, draft = next_reference(draft))
        draft->root_member = true;
    draft = draft_of(property->node);
    return read_generate(draft, member, error) && read_personal(draft, member, error) &&
           read_default(compiler, draft, member, error);
}

static bool read_members(bb_compiler *compiler, GError **error)
{
    bb_contract *contract = compiler->contract;
    uint32_t count = contract->slot_count;
    bb_member *members = bb_compiler_zeros(compiler, count * sizeof(bb_member));
    uint32_t *fills = bb_compiler_zeros(compiler, count * sizeof(uint32_t));
    uint32_t *personal = bb_compiler_zeros(compiler, count * sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++) {
        if (!read_member(compiler, i, &members[i], error))
            return false;
        if (members[i].generate || members[i].default_json.data)
            fills[contract->fill_count++] = i;
        if (members[i].personal)
            personal[contract->personal_count++] = i;
    }
    contract->members = members;
    contract->fills = fills;
    contract->personal = personal;
    return true;
}

static bool read_text(bb_compiler *compiler, const bb_document *document, uint32_t object,
                      const char *name, const char **ret_text, GError **error)
{
    uint32_t value = bb_document_member(document, object, name);
    if (!value)
        return true;
    if (document->tokens[value].type != BB_STRING)
        return bb_document_refuse(document, value, error, "must be a string");
    *ret_text = bb_document_string(compiler, document, value);
    return true;
}

static const char *nearest_slot(const bb_contract *contract, const char *name)
{
    g_autofree const char **names = g_new0(const char *, contract->slot_count + 1);
    for (uint32_t i = 0; i < contract->slot_count; i++)
        names[i] = contract->slot_names[i].name.data;
    return bb_text_nearest(name, names);
}

static bool check_template(const bb_compiler *compiler, const bb_document *document, uint32_t token,
                           const char *text, GError **error)
{
    const bb_contract *contract = compiler->contract;
    while (*(text += strcspn(text, "{}"))) {
        size_t size = strcspn(text + 1, "{}");
        if (*text == '}' || text[size + 1] != '}')
            return bb_document_refuse(document, token, error, "braces do not match");
        g_autofree char *name = g_strndup(text + 1, size);
        if (bb_contract_slot(contract, name, size) == BB_NO_SLOT) {
            const char *nearest = nearest_slot(contract, name);
            return bb_document_refuse(document, token, error,
                                      "\"%s\" is not a member that the contract declares%s%s%s",
                                      name, nearest ? "; did you mean \"" : "",
                                      nearest ? nearest : "", nearest ? "\"?" : "");
        }
        text += size + 2;
    }
    return true;
}

static bool read_key(bb_compiler *compiler, const bb_document *document, GError **error)
{
    bb_contract *contract = compiler->contract;
    if (!read_text(compiler, document, 0, "x-busbar-key", &contract->key_template, error))
        return false;
    return !contract->key_template ||
           check_template(compiler, document, bb_document_member(document, 0, "x-busbar-key"),
                          contract->key_template, error);
}

static bool check_wire_names(const bb_compiler *compiler, const bb_document *document,
                             uint32_t wire, GError **error)
{
    static const char *const names[] = {"key", "metadata", "producer", "version", NULL};
    const bb_token *tokens = document->tokens;
    if (tokens[wire].type != BB_OBJECT)
        return bb_document_refuse(document, wire, error, "must be an object");
    for (uint32_t i = wire + 1; i < tokens[wire].next; i = tokens[i + 1].next) {
        const char *name = bb_document_string(compiler, document, i);
        if (g_strv_contains(names, name))
            continue;
        const char *nearest = bb_text_nearest(name, names);
        return bb_document_refuse(document, i, error,
                                  "unknown; known are key, metadata, producer "
                                  "and version%s%s%s",
                                  nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                                  nearest ? "\"?" : "");
    }
    return true;
}

/* The number of a member's text in `choices`, `value` where it is absent. */
static bool read_wire_choice(bb_compiler *compiler, const bb_document *document, uint32_t wire,
                             const char *name, const char *const *choices, guint *value,
                             GError **error)
{
    const char *text = NULL;
    if (!read_text(compiler, document, wire, name, &text, error))
        return false;
    if (!text)
        return true;
    for (guint i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *value = i;
            return true;
        }
    }
    g_autofree char *list = g_strjoinv(", ", (char **)choices);
    return bb_document_refuse(document, bb_document_member(document, wire, name), error,
                              "must be one of: %s", list);
}

static bool read_wire(bb_compiler *compiler, const bb_document *document, GError **error)
{
    static const char *const keys[] = {"raw", "json", NULL};
    static const char *const places[] = {"headers", "body", "none", NULL};
    bb_wire *wire = &compiler->contract->wire;
    uint32_t value = bb_document_member(document, 0, "x-busbar-wire");
    guint key = 0, place = 0;
    if (!value)
        return true;
    if (!check_wire_names(compiler, document, value, error) ||
        !read_wire_choice(compiler, document, value, "key", keys, &key, error) ||
        !read_wire_choice(compiler, document, value, "metadata", places, &place, error) ||
        !read_text(compiler, document, value, "producer", &wire->producer, error) ||
        !read_text(compiler, document, value, "version", &wire->version, error))
        return false;
    wire->key = key == 1 ? BB_WIRE_KEY_JSON : BB_WIRE_KEY_RAW;
    wire->metadata = place == 1   ? BB_WIRE_METADATA_BODY
                     : place == 2 ? BB_WIRE_METADATA_NONE
                                  : BB_WIRE_METADATA_HEADERS;
    return true;
}

/* Adds what a schema leads to; also every dynamic anchor that its `$dynamicRef` may mean. */
static void push_targets(const bb_compiler *compiler, GPtrArray *stack, const bb_draft *draft)
{
    for (guint i = 0; i < draft->links->len; i++)
        g_ptr_array_add(stack, draft->links->pdata[i]);
    for (guint i = 0; i < draft->branches->len; i++)
        g_ptr_array_add(stack, draft->branches->pdata[i]);
    const char *name = draft->node.logic ? draft->node.logic->dynamic_name : NULL;
    for (guint i = 0; name && i < compiler->resource_list->len; i++) {
        const bb_resource *resource = g_ptr_array_index(compiler->resource_list, i);
        for (uint32_t j = 0; j < resource->dynamic_count; j++) {
            if (strcmp(resource->dynamic[j].name, name) == 0)
                g_ptr_array_add(stack, draft_of(resource->dynamic[j].node));
        }
    }
}

/* No edit may come from a branch whose failure is not the event's failure. */
static bool check_branches(const bb_compiler *compiler, GError **error)
{
    g_autoptr(GPtrArray) stack = g_ptr_array_new();
    for (guint i = 0; i < compiler->drafts->len; i++) {
        const bb_draft *draft = g_ptr_array_index(compiler->drafts, i);
        for (guint j = 0; j < draft->branches->len; j++)
            g_ptr_array_add(stack, draft->branches->pdata[j]);
    }
    while (stack->len) {
        bb_draft *draft = g_ptr_array_remove_index(stack, stack->len - 1);
        if (draft->visited)
            continue;
        draft->visited = true;
        if (draft->node.edits)
            return bb_document_refuse(draft->document, draft->token, error,
                                      "x-busbar-lax, -case, -trim and -empty must not be reached "
                                      "through anyOf, oneOf, not, if, contains or propertyNames");
        push_targets(compiler, stack, draft);
    }
    return true;
}

static bool check_root_only(const bb_compiler *compiler, GError **error)
{
    for (guint i = 0; i < compiler->reached; i++) {
        const bb_draft *draft = g_ptr_array_index(compiler->drafts, i);
        if (draft->root_only && !draft->root_member)
            return bb_document_refuse(draft->document, draft->token, error,
                                      "x-busbar-generate and x-busbar-pii belong to members of the "
                                      "root");
    }
    return true;
}

bool bb_plan_root(bb_compiler *compiler, GError **error)
{
    bb_contract *contract = compiler->contract;
    const bb_draft *root = draft_of(contract->root);
    if (!root->node.resource) /* true or false */
        return true;
    const bb_document *document = root->document;
    find_slots(compiler);
    return check_branches(compiler, error) && read_members(compiler, error) &&
           check_root_only(compiler, error) &&
           read_text(compiler, document, 0, "title", &contract->title, error) &&
           read_text(compiler, document, 0, "$id", &contract->id, error) &&
           read_key(compiler, document, error) && read_wire(compiler, document, error);
}
