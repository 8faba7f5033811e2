/* The annotations of the x-busbar- name space on one schema. */
#include "contract/compiler.h"

#include <string.h>

#include "base/text.h"

static const char *const known_names[] = {
    "x-busbar-key",   "x-busbar-wire",     "x-busbar-lax", "x-busbar-case",    "x-busbar-trim",
    "x-busbar-empty", "x-busbar-generate", "x-busbar-pii", "x-busbar-storage", NULL};

/* What a canonical form is: the types it has and the format it satisfies by construction. */
static const struct {
    uint8_t lax;
    uint8_t types;
    const char *format;
} lax_forms[] = {
    {BB_LAX_UUID, BB_TYPE_BIT(BB_STRING), "uuid"},
    {BB_LAX_UUID_ANY, BB_TYPE_BIT(BB_STRING), "uuid"},
    {BB_LAX_TIMESTAMP, BB_TYPE_BIT(BB_STRING), "date-time"},
    {BB_LAX_DATE, BB_TYPE_BIT(BB_STRING), "date"},
    {BB_LAX_INTEGER, BB_TYPE_INTEGER, NULL},
    {BB_LAX_NUMBER, BB_TYPE_BIT(BB_NUMBER) | BB_TYPE_INTEGER, NULL},
    {BB_LAX_BOOLEAN, BB_TYPE_BIT(BB_TRUE) | BB_TYPE_BIT(BB_FALSE), NULL},
};

static bool check_names(const bb_compiler *compiler, const bb_draft *draft, bool *ret_any,
                        GError **error)
{
    const bb_document *document = draft->document;
    const bb_token *tokens = document->tokens;
    for (uint32_t i = draft->token + 1; i < tokens[draft->token].next; i = tokens[i + 1].next) {
        const char *name = bb_document_string(compiler, document, i);
        if (!g_str_has_prefix(name, "x-busbar"))
            continue;
        *ret_any = true;
        if (g_strv_contains(known_names, name))
            continue;
        const char *nearest = bb_text_nearest(name, known_names);
        return bb_document_refuse(document, i, error, "unknown annotation%s%s%s",
                                  nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                                  nearest ? "\"?" : "");
    }
    return true;
}

/* Number of the keyword's text in `choices`; false when it is none of them. */
static bool read_choice(const bb_compiler *compiler, const bb_draft *draft, uint32_t value,
                        const char *const *choices, uint8_t *ret_choice, GError **error)
{
    const bb_document *document = draft->document;
    if (document->tokens[value].type == BB_STRING) {
        const char *text = bb_document_string(compiler, document, value);
        for (uint8_t i = 0; choices[i]; i++) {
            if (strcmp(text, choices[i]) == 0) {
                *ret_choice = i;
                return true;
            }
        }
    }
    g_autofree char *list = g_strjoinv(", ", (char **)choices);
    return bb_document_refuse(document, value, error, "must be one of: %s", list);
}

static bool read_boolean(const bb_draft *draft, const char *name, bool *ret_value, GError **error)
{
    uint32_t value = bb_draft_keyword(draft, name, BB_VOCABULARY_ALL);
    if (!value)
        return true;
    uint8_t type = draft->document->tokens[value].type;
    if (type != BB_TRUE && type != BB_FALSE)
        return bb_document_refuse(draft->document, value, error, "must be true or false");
    *ret_value = type == BB_TRUE;
    return true;
}

/* The canonical form must be what the contract says, or no event would ever pass. */
static bool check_form(bb_draft *draft, uint32_t value, size_t at, GError **error)
{
    bb_node *node = &draft->node;
    uint8_t form = lax_forms[at].types;
    bool fits = (node->types & form) == form ||
                (form == BB_TYPE_INTEGER && (node->types & BB_TYPE_BIT(BB_NUMBER)));
    if (!fits)
        return bb_document_refuse(draft->document, value, error,
                                  "\"type\" does not allow the canonical form");
    if (node->string && node->string->format_name && lax_forms[at].format &&
        strcmp(node->string->format_name, lax_forms[at].format) == 0)
        ((bb_string_rules *)node->string)->format = NULL;
    return true;
}

static bool read_lax(const bb_compiler *compiler, bb_draft *draft, GError **error)
{
    static const char *const names[] = {"uuid",    "uuid-any", "timestamp", "date",
                                        "integer", "number",   "boolean",   NULL};
    uint32_t value = bb_draft_keyword(draft, "x-busbar-lax", BB_VOCABULARY_ALL);
    uint8_t choice = 0;
    if (!value)
        return true;
    if (!read_choice(compiler, draft, value, names, &choice, error))
        return false;
    draft->node.lax = (uint8_t)bb_lax_find(names[choice]);
    for (size_t i = 0; i < G_N_ELEMENTS(lax_forms); i++) {
        if (lax_forms[i].lax == draft->node.lax)
            return check_form(draft, value, i, error);
    }
    return true;
}

static bool read_text_edits(const bb_compiler *compiler, bb_draft *draft, GError **error)
{
    static const char *const cases[] = {"lower", "upper", NULL};
    static const char *const empties[] = {"null", NULL};
    uint32_t letters = bb_draft_keyword(draft, "x-busbar-case", BB_VOCABULARY_ALL);
    uint32_t empty = bb_draft_keyword(draft, "x-busbar-empty", BB_VOCABULARY_ALL);
    uint8_t choice = 0;
    if (letters) {
        if (!read_choice(compiler, draft, letters, cases, &choice, error))
            return false;
        draft->node.letters = choice == 0 ? BB_CASE_LOWER : BB_CASE_UPPER;
    }
    if (empty && !read_choice(compiler, draft, empty, empties, &choice, error))
        return false;
    draft->node.empty_null = empty != 0;
    return read_boolean(draft, "x-busbar-trim", &draft->node.trim, error);
}

static bool check_places(const bb_compiler *compiler, bb_draft *draft, GError **error)
{
    static const char *const root_names[] = {"x-busbar-key", "x-busbar-wire", "x-busbar-storage"};
    for (size_t i = 0; i < G_N_ELEMENTS(root_names); i++) {
        uint32_t value = bb_draft_keyword(draft, root_names[i], BB_VOCABULARY_ALL);
        if (value && &draft->node != compiler->contract->root)
            return bb_document_refuse(draft->document, value, error,
                                      "belongs to the root of the contract");
    }
    draft->root_only = bb_draft_keyword(draft, "x-busbar-generate", BB_VOCABULARY_ALL) ||
                       bb_draft_keyword(draft, "x-busbar-pii", BB_VOCABULARY_ALL);
    return true;
}

bool bb_plan_annotations(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    bool any = false;
    bb_node *node = &draft->node;
    if (!check_names(compiler, draft, &any, error))
        return false;
    if (!any)
        return true;
    compiler->annotated = true;
    if (!read_lax(compiler, draft, error) || !read_text_edits(compiler, draft, error) ||
        !check_places(compiler, draft, error))
        return false;
    node->edits = node->lax || node->letters || node->trim || node->empty_null;
    if (node->edits && node == compiler->contract->root)
        return bb_document_refuse(draft->document, draft->token, error,
                                  "the event as a whole cannot be rewritten: x-busbar-lax, -case, "
                                  "-trim and -empty belong to members");
    return true;
}
