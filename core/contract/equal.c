/* Equality of JSON values: numbers by value, objects without order. */
#include "contract/evaluator.h"

#include <string.h>

/* Objects with more members are compared through a sorted list of names. */
#define SMALL_OBJECT 16u

/* One of the two values. */
typedef struct side {
    const char *text;
    const bb_token *tokens;
} side;

static busbar_bytes decode(const side *from, uint32_t token, char **ret_heap)
{
    const bb_token *at = &from->tokens[token];
    busbar_bytes text = {from->text + at->start, at->size};
    if (at->flags & BB_TOKEN_ESCAPED) {
        *ret_heap = g_malloc(at->size + 1u);
        text.size = bb_unescape(text.data, at->size, *ret_heap);
        text.data = *ret_heap;
    }
    return text;
}

static bool strings_equal(const side *left, uint32_t a, const side *right, uint32_t b)
{
    const bb_token *x = &left->tokens[a], *y = &right->tokens[b];
    if (!((x->flags | y->flags) & BB_TOKEN_ESCAPED))
        return x->size == y->size &&
               memcmp(left->text + x->start, right->text + y->start, x->size) == 0;
    g_autofree char *heap = NULL;
    busbar_bytes text = decode(left, a, &heap);
    return bb_token_equals(right->text, y, text.data, text.size);
}

static bool numbers_equal(const side *left, uint32_t a, const side *right, uint32_t b)
{
    bb_decimal x = bb_decimal_parse(left->text + left->tokens[a].start, left->tokens[a].size);
    bb_decimal y = bb_decimal_parse(right->text + right->tokens[b].start, right->tokens[b].size);
    return bb_decimal_compare(&x, &y) == 0;
}

static bool values_equal(const side *left, uint32_t a, const side *right, uint32_t b);

static bool arrays_equal(const side *left, uint32_t a, const side *right, uint32_t b)
{
    uint32_t i = a + 1, j = b + 1;
    uint32_t a_end = left->tokens[a].next, b_end = right->tokens[b].next;
    while (i < a_end && j < b_end) {
        if (!values_equal(left, i, right, j))
            return false;
        i = left->tokens[i].next;
        j = right->tokens[j].next;
    }
    return i == a_end && j == b_end;
}

static uint32_t count_members(const side *from, uint32_t object)
{
    uint32_t count = 0;
    for (uint32_t i = object + 1; i < from->tokens[object].next; i = from->tokens[i + 1].next)
        count++;
    return count;
}

static bool names_equal(const side *left, uint32_t a, const side *right, uint32_t b)
{
    return left->tokens[a].hash == right->tokens[b].hash && strings_equal(left, a, right, b);
}

/* An order of names that no choice of names can spoil: by hash, then by decoded text. */
static int compare_names(const side *left, uint32_t a, const side *right, uint32_t b)
{
    int difference = (int)left->tokens[a].hash - (int)right->tokens[b].hash;
    if (difference)
        return difference;
    g_autofree char *a_heap = NULL;
    g_autofree char *b_heap = NULL;
    busbar_bytes x = decode(left, a, &a_heap), y = decode(right, b, &b_heap);
    difference = memcmp(x.data, y.data, MIN(x.size, y.size));
    return difference ? difference : (x.size > y.size) - (x.size < y.size);
}

static int compare_listed(const void *a, const void *b, void *data)
{
    const side *from = data;
    return compare_names(from, *(const uint32_t *)a, from, *(const uint32_t *)b);
}

/* Member names of an object in that order. */
static uint32_t *sort_names(const side *from, uint32_t object, uint32_t count)
{
    uint32_t *names = g_new(uint32_t, count), at = 0;
    for (uint32_t i = object + 1; i < from->tokens[object].next; i = from->tokens[i + 1].next)
        names[at++] = i;
    g_qsort_with_data(names, (gint)count, sizeof(uint32_t), compare_listed, (gpointer)from);
    return names;
}

/* The member of the sorted list with this name, or 0. */
static uint32_t find_sorted(const side *left, uint32_t name, const side *right,
                            const uint32_t *names, uint32_t count)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_names(left, name, right, names[middle]);
        if (order == 0)
            return names[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static uint32_t find_member(const side *left, uint32_t name, const side *right, uint32_t object)
{
    const bb_token *tokens = right->tokens;
    for (uint32_t j = object + 1; j < tokens[object].next; j = tokens[j + 1].next) {
        if (names_equal(left, name, right, j))
            return j;
    }
    return 0;
}

static bool objects_equal(const side *left, uint32_t a, const side *right, uint32_t b)
{
    uint32_t count = count_members(left, a);
    if (count != count_members(right, b))
        return false;
    g_autofree uint32_t *names = count > SMALL_OBJECT ? sort_names(right, b, count) : NULL;
    for (uint32_t i = a + 1; i < left->tokens[a].next; i = left->tokens[i + 1].next) {
        uint32_t j =
            names ? find_sorted(left, i, right, names, count) : find_member(left, i, right, b);
        if (!j || !values_equal(left, i + 1, right, j + 1))
            return false;
    }
    return true;
}

static bool values_equal(const side *left, uint32_t a, const side *right, uint32_t b)
{
    if (left->tokens[a].type != right->tokens[b].type)
        return false;
    switch (left->tokens[a].type) {
    case BB_NUMBER:
        return numbers_equal(left, a, right, b);
    case BB_STRING:
        return strings_equal(left, a, right, b);
    case BB_ARRAY:
        return arrays_equal(left, a, right, b);
    case BB_OBJECT:
        return objects_equal(left, a, right, b);
    default:
        return true;
    }
}

bool bb_json_equal(const char *a_text, const bb_token *a_tokens, uint32_t a, const char *b_text,
                   const bb_token *b_tokens, uint32_t b)
{
    side left = {a_text, a_tokens}, right = {b_text, b_tokens};
    return values_equal(&left, a, &right, b);
}

static uint32_t mix(uint32_t hash, uint32_t more)
{
    hash = (hash ^ more) * 0x9e3779b1u;
    return hash ^ (hash >> 15);
}

static uint32_t hash_text(const side *from, uint32_t token)
{
    g_autofree char *heap = NULL;
    busbar_bytes text = decode(from, token, &heap);
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    return mix(hash, BB_STRING);
}

static uint32_t hash_value(const side *from, uint32_t token)
{
    const bb_token *at = &from->tokens[token];
    uint32_t hash = mix(17, at->type);
    if (at->type == BB_STRING)
        return hash_text(from, token);
    if (at->type == BB_NUMBER) {
        bb_decimal decimal = bb_decimal_parse(from->text + at->start, at->size);
        return mix(hash, bb_decimal_hash(&decimal));
    }
    if (at->type == BB_ARRAY) {
        for (uint32_t i = token + 1; i < at->next; i = from->tokens[i].next)
            hash = mix(hash, hash_value(from, i));
    } else if (at->type == BB_OBJECT) {
        for (uint32_t i = token + 1; i < at->next; i = from->tokens[i + 1].next)
            hash += mix(from->tokens[i].hash, hash_value(from, i + 1)); /* in any order */
    }
    return hash;
}

uint32_t bb_json_hash(const char *text, const bb_token *tokens, uint32_t token)
{
    side from = {text, tokens};
    return hash_value(&from, token);
}
