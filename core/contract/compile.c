/* From the text of a schema to an immutable contract: the work list and its helpers. */
#include "contract/compiler.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { MAX_FILE_BYTES = 16 << 20 };

void *bb_compiler_zeros(const bb_compiler *compiler, size_t size)
{
    return memset(bb_arena_alloc(compiler->arena, size ? size : 1), 0, size);
}

static bb_draft *new_draft(bb_compiler *compiler, bb_document *document, uint32_t token)
{
    bb_draft *draft = bb_compiler_zeros(compiler, sizeof(*draft));
    draft->document = document;
    draft->token = token;
    draft->node.types = BB_TYPE_ANY;
    draft->links = g_ptr_array_new();
    draft->branches = g_ptr_array_new();
    g_ptr_array_add(compiler->drafts, draft);
    return draft;
}

bb_draft *bb_draft_get(bb_compiler *compiler, bb_document *document, uint32_t token, GError **error)
{
    uint8_t type = document->tokens[token].type;
    if (type == BB_TRUE || type == BB_FALSE)
        return type == BB_TRUE ? compiler->always : compiler->never;
    if (type != BB_OBJECT) {
        (void)bb_document_refuse(document, token, error,
                                 "a schema must be an object, true or false");
        return NULL;
    }
    if (!document->drafts[token]) {
        document->drafts[token] = new_draft(compiler, document, token);
        document->drafts[token]->node.resource = document->resources[token];
    }
    return document->drafts[token];
}

uint32_t bb_draft_keyword(const bb_draft *draft, const char *name, uint32_t vocabulary)
{
    if (!(draft->node.resource->vocabularies & vocabulary))
        return 0;
    return bb_document_member(draft->document, draft->token, name);
}

void bb_draft_link(bb_draft *draft, bb_draft *target, bool branch)
{
    g_ptr_array_add(branch ? draft->branches : draft->links, target);
}

bool bb_draft_schema(bb_compiler *compiler, bb_draft *draft, const char *name, uint32_t vocabulary,
                     bool branch, const bb_node **ret_node, GError **error)
{
    uint32_t value = bb_draft_keyword(draft, name, vocabulary);
    if (!value)
        return true;
    bb_draft *target = bb_draft_get(compiler, draft->document, value, error);
    if (!target)
        return false;
    bb_draft_link(draft, target, branch);
    *ret_node = &target->node;
    return true;
}

bool bb_draft_schemas(bb_compiler *compiler, bb_draft *draft, const char *name, bool branch,
                      const bb_node ***ret_nodes, uint32_t *ret_count, GError **error)
{
    const bb_token *tokens = draft->document->tokens;
    uint32_t value = bb_draft_keyword(draft, name, BB_VOCABULARY_APPLICATOR);
    uint32_t count = 0;
    if (!value)
        return true;
    if (tokens[value].type != BB_ARRAY || tokens[value].next == value + 1)
        return bb_document_refuse(draft->document, value, error,
                                  "must be an array of at least one schema");
    for (uint32_t i = value + 1; i < tokens[value].next; i = tokens[i].next)
        count++;
    const bb_node **nodes = bb_compiler_zeros(compiler, count * sizeof(bb_node *));
    count = 0;
    for (uint32_t i = value + 1; i < tokens[value].next; i = tokens[i].next) {
        bb_draft *target = bb_draft_get(compiler, draft->document, i, error);
        if (!target)
            return false;
        bb_draft_link(draft, target, branch);
        nodes[count++] = &target->node;
    }
    *ret_nodes = nodes;
    *ret_count = count;
    return true;
}

bool bb_draft_count(const bb_draft *draft, const char *name, uint32_t *value, bool *ret_found,
                    GError **error)
{
    uint32_t token = bb_draft_keyword(draft, name, BB_VOCABULARY_VALIDATION);
    int64_t number = 0;
    if (!token)
        return true;
    const bb_token *at = &draft->document->tokens[token];
    if (at->type == BB_NUMBER && !bb_document_integer(draft->document, token, &number)) {
        bb_decimal decimal = bb_decimal_parse(draft->document->text + at->start, at->size);
        if (bb_decimal_is_integer(&decimal)) /* beyond 64 bits */
            number = decimal.negative ? -1 : (int64_t)UINT32_MAX;
        else
            number = -1;
    } else if (at->type != BB_NUMBER) {
        number = -1;
    }
    if (number < 0)
        return bb_document_refuse(draft->document, token, error,
                                  "must be an integer of at least 0");
    *value = number > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)number;
    *ret_found = true;
    return true;
}

static bool has_no_rules(const bb_node *node)
{
    return node->types == BB_TYPE_ANY && !node->edits && !node->constants && !node->constant &&
           !node->string && !node->number && !node->array && !node->object && !node->logic;
}

static bool fill_draft(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    if (draft == compiler->always || draft == compiler->never)
        return true;
    if (!bb_plan_values(compiler, draft, error) || !bb_plan_object(compiler, draft, error) ||
        !bb_plan_array(compiler, draft, error) || !bb_plan_logic(compiler, draft, error) ||
        !bb_plan_annotations(compiler, draft, error))
        return false;
    if (has_no_rules(&draft->node))
        draft->node.verdict = BB_VERDICT_ALWAYS;
    return true;
}

static bool fill_drafts(bb_compiler *compiler, GError **error)
{
    while (compiler->done < compiler->drafts->len) {
        bb_draft *draft = g_ptr_array_index(compiler->drafts, compiler->done++);
        if (!fill_draft(compiler, draft, error))
            return false;
    }
    return true;
}

/* Makes nodes of all dynamic anchors; any of them may be the target of a `$dynamicRef`. */
static bool fill_anchors(bb_compiler *compiler, GError **error)
{
    for (guint i = 0; i < compiler->resource_list->len; i++) {
        bb_resource *resource = g_ptr_array_index(compiler->resource_list, i);
        for (guint j = 0; j < resource->anchor_list->len; j++) {
            bb_dynamic_anchor *anchor = &g_array_index(resource->anchor_list, bb_dynamic_anchor, j);
            bb_draft *draft = bb_draft_get(compiler, resource->document, anchor->token, error);
            if (!draft)
                return false;
            anchor->node = &draft->node;
        }
        guint count = resource->anchor_list->len;
        bb_dynamic_anchor *copy = bb_compiler_zeros(compiler, count * sizeof(bb_dynamic_anchor));
        if (count)
            memcpy(copy, resource->anchor_list->data, count * sizeof(bb_dynamic_anchor));
        resource->dynamic = copy;
        resource->dynamic_count = count;
    }
    return true;
}

static bool fill_reached(bb_compiler *compiler, GError **error)
{
    do {
        if (!fill_drafts(compiler, error) ||
            (compiler->uses_dynamic && !fill_anchors(compiler, error)))
            return false;
    } while (compiler->done < compiler->drafts->len);
    compiler->reached = compiler->drafts->len;
    return true;
}

/* Schemas that nothing refers to are looked at too, so that a mistake in them is no secret. */
static bool fill_rest(bb_compiler *compiler, bb_document *document, GError **error)
{
    for (uint32_t i = 0; i < document->tokens[0].next; i++) {
        if (document->resources[i] && !bb_draft_get(compiler, document, i, error))
            return false;
    }
    return fill_drafts(compiler, error);
}

static bool compile_all(bb_compiler *compiler, const char *text, gsize size, GError **error)
{
    const char *source = compiler->options->source ? compiler->options->source : "contract";
    bb_document *document = bb_document_parse(compiler, source, text, size, error);
    if (!document || !bb_resolve_root(compiler, document, "", error))
        return false;
    compiler->contract->source = document->source;
    compiler->contract->text = document->text;
    compiler->contract->text_size = size;
    compiler->always = new_draft(compiler, document, 0);
    compiler->always->node.verdict = BB_VERDICT_ALWAYS;
    compiler->never = new_draft(compiler, document, 0);
    compiler->never->node.verdict = BB_VERDICT_NEVER;
    bb_draft *root = bb_draft_get(compiler, document, 0, error);
    if (!root)
        return false;
    compiler->contract->root = &root->node;
    if (!fill_reached(compiler, error) || !fill_rest(compiler, document, error))
        return false;
    compiler->contract->dynamic = compiler->uses_dynamic;
    if (!bb_plan_root(compiler, error))
        return false;
    for (guint i = 0; i < compiler->drafts->len; i++)
        bb_plan_quick(&((bb_draft *)g_ptr_array_index(compiler->drafts, i))->node);
    bb_plan_shortcuts(compiler);
    return true;
}

static void clear_compiler(bb_compiler *compiler)
{
    for (guint i = 0; i < compiler->drafts->len; i++) {
        bb_draft *draft = g_ptr_array_index(compiler->drafts, i);
        g_ptr_array_unref(draft->links);
        g_ptr_array_unref(draft->branches);
    }
    for (guint i = 0; i < compiler->resource_list->len; i++) {
        bb_resource *resource = g_ptr_array_index(compiler->resource_list, i);
        g_hash_table_unref(resource->anchors);
        g_array_unref(resource->anchor_list);
    }
    g_ptr_array_unref(compiler->drafts);
    g_ptr_array_unref(compiler->resource_list);
    g_hash_table_unref(compiler->resources);
    bb_parser_free(compiler->parser);
}

bb_contract *bb_contract_compile(const char *text, gsize size, const bb_contract_options *options,
                                 GError **error)
{
    static const bb_contract_options no_options = {NULL, FALSE, NULL};
    g_autoptr(bb_contract) contract = g_new0(bb_contract, 1);
    bb_compiler compiler = {.contract = contract, .options = options ? options : &no_options};
    g_atomic_ref_count_init(&contract->refs);
    contract->arena = bb_arena_new(0);
    contract->patterns = g_ptr_array_new_with_free_func((GDestroyNotify)bb_pattern_free);
    compiler.arena = contract->arena;
    compiler.parser = bb_parser_new(/* limits= */ NULL);
    bb_parser_allow_nul(compiler.parser, true);
    compiler.resources = g_hash_table_new(g_str_hash, g_str_equal);
    compiler.resource_list = g_ptr_array_new();
    compiler.drafts = g_ptr_array_new();
    bool compiled = compile_all(&compiler, text, size, error);
    clear_compiler(&compiler);
    return compiled ? g_steal_pointer(&contract) : NULL;
}

/* The text of a file of at most MAX_FILE_BYTES; a pipe or a device may have no end. */
static GString *read_file(const char *path, GError **error)
{
    FILE *file = fopen(path, "re");
    g_autoptr(GString) text = g_string_new(NULL);
    char piece[65536];
    for (size_t more = 1; file && more && text->len <= MAX_FILE_BYTES;) {
        more = fread(piece, 1, sizeof(piece), file);
        g_string_append_len(text, piece, (gssize)more);
    }
    int why = !file || ferror(file) ? errno : 0;
    if (file)
        (void)fclose(file); /* it was only read */
    if (why)
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "cannot read the contract %s: %s", path,
                    g_strerror(why));
    else if (text->len > MAX_FILE_BYTES)
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "cannot read the contract %s: it is larger than %d MiB", path,
                    MAX_FILE_BYTES >> 20);
    else
        return g_steal_pointer(&text);
    return NULL;
}

bb_contract *bb_contract_compile_file(const char *path, const bb_contract_options *options,
                                      GError **error)
{
    g_autoptr(GString) text = read_file(path, error);
    if (!text)
        return NULL;
    bb_contract_options named = {.source = path};
    if (options)
        named = *options;
    if (!named.source)
        named.source = path;
    return bb_contract_compile(text->str, text->len, &named, error);
}
