/* Types of columns, as the server writes them. */
#include "type.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int kind;
    size_t size;
} plain[] = {{"String", CH_STRING, 0}, {"Bool", CH_BOOL, 1},     {"Int8", CH_INT, 1},
             {"Int16", CH_INT, 2},     {"Int32", CH_INT, 4},     {"Int64", CH_INT, 8},
             {"UInt8", CH_UINT, 1},    {"UInt16", CH_UINT, 2},   {"UInt32", CH_UINT, 4},
             {"UInt64", CH_UINT, 8},   {"Float32", CH_FLOAT, 4}, {"Float64", CH_FLOAT, 8},
             {"Date", CH_DATE, 2},     {"Date32", CH_DATE32, 4}, {"DateTime", CH_DATETIME, 4},
             {"UUID", CH_UUID, 16},    {"IPv4", CH_IPV4, 4},     {"IPv6", CH_IPV6, 16}};

/* What is in the parentheses behind `name`; NULL: it is another type. */
static const char *inside(const char *text, const char *name)
{
    size_t size = strlen(name);
    return strncmp(text, name, size) == 0 && text[size] == '(' ? text + size + 1 : NULL;
}

static bool read_plain(ch_type *type, const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strlen(plain[i].name) != size || memcmp(plain[i].name, text, size) != 0)
            continue;
        type->kind = plain[i].kind;
        type->size = plain[i].size;
        return true;
    }
    return false;
}

/* Behind the quoted text at `at`; the label's text has its escapes resolved. */
static const char *read_quoted(const char *at, ch_label *label)
{
    label->text = malloc(strlen(at) + 1);
    if (!label->text || *at++ != '\'')
        return NULL;
    while (*at && *at != '\'') {
        at += *at == '\\' && at[1] ? 1 : 0;
        label->text[label->size++] = *at++;
    }
    label->text[label->size] = '\0';
    return *at ? at + 1 : NULL;
}

/* "'a' = 1, 'b' = 2)" */
static bool read_labels(ch_type *type, const char *at, size_t size)
{
    type->kind = CH_ENUM;
    type->size = size;
    while (*at && *at != ')') {
        ch_label *labels = realloc(type->labels, (type->label_count + 1) * sizeof(*labels));
        if (!labels)
            return false;
        type->labels = labels;
        ch_label *label = &labels[type->label_count++];
        *label = (ch_label){.text = NULL};
        at = read_quoted(at, label);
        if (!at || strncmp(at, " = ", 3) != 0)
            return false;
        char *end = NULL;
        label->value = strtoll(at + 3, &end, 10);
        at = end + strspn(end, ", ");
    }
    return type->label_count > 0;
}

/* Decimal(P, S) of at most 18 digits. */
static bool read_decimal(ch_type *type, const char *text)
{
    char *end = NULL;
    long precision = strtol(text, &end, 10);
    if (*end != ',' || precision < 1 || precision > 18)
        return false;
    type->kind = CH_DECIMAL;
    type->precision = (int)precision;
    type->size = precision > 9 ? 8 : 4;
    type->scale = (int)strtol(end + 1, NULL, 10);
    return type->scale >= 0 && type->scale <= precision;
}

static bool read_value(ch_type *type, const char *text)
{
    const char *part;
    if ((part = inside(text, "LowCardinality")) != NULL)
        return read_value(type, part);
    if ((part = inside(text, "Nullable")) != NULL) {
        type->nullable = true;
        return read_value(type, part);
    }
    if ((part = inside(text, "Enum8")) != NULL)
        return read_labels(type, part, 1);
    if ((part = inside(text, "Enum16")) != NULL)
        return read_labels(type, part, 2);
    if ((part = inside(text, "Decimal")) != NULL)
        return read_decimal(type, part);
    if ((part = inside(text, "FixedString")) != NULL) {
        type->kind = CH_FIXED;
        type->size = (size_t)strtoul(part, NULL, 10);
        return type->size > 0;
    }
    if ((part = inside(text, "DateTime64")) != NULL) {
        type->kind = CH_DATETIME64;
        type->size = 8;
        type->scale = atoi(part);
        return type->scale >= 0 && type->scale <= 9;
    }
    return read_plain(type, text, strcspn(text, "()"));
}

bool ch_type_read(ch_type *type, const char *text)
{
    *type = (ch_type){.kind = 0};
    const char *part = inside(text, "Array");
    type->is_array = part != NULL;
    if (part && (inside(part, "Array") || inside(part, "Nullable")))
        return false;
    return read_value(type, part ? part : text) && !(type->is_array && type->nullable);
}

char *ch_type_in_full(const char *text)
{
    static const char array[] = "Array(", low[] = "LowCardinality(";
    const size_t before = strncmp(text, array, sizeof(array) - 1) == 0 ? sizeof(array) - 1 : 0;
    char *type = strdup(text);
    if (!type || strncmp(text + before, low, sizeof(low) - 1) != 0)
        return type;
    const char *inner = text + before + sizeof(low) - 1;
    size_t size = strlen(inner) - 1; /* one parenthesis less; those behind it are alike */
    memcpy(type + before, inner, size);
    type[before + size] = '\0';
    return type;
}

void ch_type_clear(ch_type *type)
{
    for (size_t i = 0; i < type->label_count; i++)
        free(type->labels[i].text);
    free(type->labels);
    *type = (ch_type){.kind = 0};
}
