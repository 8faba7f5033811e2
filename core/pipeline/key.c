/* Record keys from a template over root members. */
#include "pipeline/key.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

typedef struct part {
    char *literal; /* NULL: a member */
    gsize size;
    uint32_t slot;
} part;

struct bb_key {
    GArray *parts; /* part */
};

static void part_clear(gpointer data)
{
    g_free(((part *)data)->literal);
}

static void add_literal(bb_key *key, const char *text, gsize size)
{
    part fresh = {g_strndup(text, size), size, BB_NO_SLOT};
    g_array_append_val(key->parts, fresh);
}

/* The declared name nearest to `wanted`, as " (did you mean 'x'?)", or "". */
static char *suggestion(const bb_contract *contract, const char *wanted)
{
    uint32_t count = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &count);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < count; i++)
        g_ptr_array_add(names, g_strndup(slots[i].name.data, slots[i].name.size));
    g_ptr_array_add(names, NULL);
    const char *nearest = bb_text_nearest(wanted, (const char *const *)names->pdata);
    return nearest ? g_strdup_printf(" (did you mean '%s'?)", nearest) : g_strdup("");
}

static gboolean add_member(bb_key *key, const char *text, gsize size, const bb_contract *contract,
                           GError **error)
{
    part fresh = {NULL, 0, bb_contract_slot(contract, text, size)};
    if (fresh.slot == BB_NO_SLOT) {
        g_autofree char *name = g_strndup(text, size);
        g_autofree char *hint = suggestion(contract, name);
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "the key names '%s', which is not a member that the contract declares%s", name,
                    hint);
        return FALSE;
    }
    g_array_append_val(key->parts, fresh);
    return TRUE;
}

static gboolean add_parts(bb_key *key, const char *text, const bb_contract *contract,
                          GError **error)
{
    for (const char *at = text; *at;) {
        gsize plain = strcspn(at, "{}");
        if (plain) {
            add_literal(key, at, plain);
            at += plain;
            continue;
        }
        const char *end = *at == '{' ? strpbrk(at + 1, "{}") : NULL;
        if (!end || *end != '}') {
            g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                        "the key template '%s' has a brace without its partner at character %u",
                        text, (guint)(at - text) + 1);
            return FALSE;
        }
        if (!add_member(key, at + 1, (gsize)(end - at - 1), contract, error))
            return FALSE;
        at = end + 1;
    }
    return TRUE;
}

bb_key *bb_key_new(const char *text, const bb_contract *contract, GError **error)
{
    g_autoptr(bb_key) key = g_new0(bb_key, 1);
    key->parts = g_array_new(FALSE, FALSE, sizeof(part));
    g_array_set_clear_func(key->parts, part_clear);
    if (!add_parts(key, text, contract, error))
        return NULL;
    return g_steal_pointer(&key);
}

void bb_key_free(bb_key *key)
{
    if (!key)
        return;
    g_array_unref(key->parts);
    g_free(key);
}

/* Text of one part; false when its member is absent or null. */
static gboolean part_text(const part *from, const busbar_event *event, busbar_bytes *ret_text)
{
    if (from->literal) {
        *ret_text = (busbar_bytes){from->literal, from->size};
        return TRUE;
    }
    busbar_value value;
    uint32_t type = bb_event_get(event, from->slot, &value);
    if (type == BUSBAR_ABSENT || type == BUSBAR_NULL)
        return FALSE;
    if (type != BUSBAR_STRING || !bb_event_text(event, &value, ret_text))
        *ret_text = value.json;
    return TRUE;
}

/* Appends behind `head` in memory of the arena; keys are short, so the copies are cheap. */
static busbar_bytes join(busbar_bytes head, busbar_bytes tail, bb_arena *arena)
{
    if (!head.size)
        return tail;
    char *memory = bb_arena_alloc(arena, head.size + tail.size + 1);
    memcpy(memory, head.data, head.size);
    if (tail.size)
        memcpy(memory + head.size, tail.data, tail.size);
    return (busbar_bytes){memory, head.size + tail.size};
}

busbar_bytes bb_key_text(const bb_key *key, const busbar_event *event, bb_arena *arena)
{
    const busbar_bytes none = {NULL, 0};
    busbar_bytes text = none;
    for (guint i = 0; i < key->parts->len; i++) {
        busbar_bytes next;
        if (!part_text(&g_array_index(key->parts, part, i), event, &next))
            return none;
        text = join(text, next, arena);
    }
    return text.size ? text : none;
}

static gboolean is_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
            return FALSE;
    }
    return TRUE;
}

static char *put_unit(char *out, guint unit)
{
    static const char digits[] = "0123456789abcdef";
    *out++ = '\\';
    *out++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *out++ = digits[(unit >> shift) & 15];
    return out;
}

static char *put_point(char *out, gunichar point)
{
    static const char named[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    const char *found = point && point < 0x80 ? strchr(named, (int)point) : NULL;
    if (found) {
        *out++ = '\\';
        *out++ = letters[found - named];
        return out;
    }
    if (point >= 0x20 && point <= 0x7e) {
        *out++ = (char)point;
        return out;
    }
    if (point < 0x10000)
        return put_unit(out, point);
    out = put_unit(out, 0xd800 + ((point - 0x10000) >> 10));
    return put_unit(out, 0xdc00 + ((point - 0x10000) & 0x3ff));
}

busbar_bytes bb_key_json(busbar_bytes text, bb_arena *arena)
{
    if (is_plain(text.data, text.size)) {
        char *plain = bb_arena_alloc(arena, text.size + 2);
        plain[0] = '"';
        memcpy(plain + 1, text.data, text.size);
        plain[text.size + 1] = '"';
        return (busbar_bytes){plain, text.size + 2};
    }
    /* One byte becomes six at most: a control character. */
    char *quoted = bb_arena_alloc(arena, text.size * 6 + 2);
    char *out = quoted;
    *out++ = '"';
    for (const char *at = text.data; at < text.data + text.size; at = g_utf8_next_char(at))
        out = put_point(out, g_utf8_get_char(at));
    *out++ = '"';
    return (busbar_bytes){quoted, (size_t)(out - quoted)};
}
