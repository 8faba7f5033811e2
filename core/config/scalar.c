/* Scalars under the core schema of YAML 1.2. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "config/node.h"

static gboolean is_one_of(const char *text, const char *const *words)
{
    return g_strv_contains(words, text);
}

/* Digits of a base behind a prefix such as "0x". */
static gboolean is_based(const char *text, const char *prefix, const char *digits)
{
    return g_str_has_prefix(text, prefix) && text[2] &&
           strspn(text + 2, digits) == strlen(text + 2);
}

static gboolean is_decimal(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* [-+]? ( "." [0-9]+ | [0-9]+ ( "." [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static gboolean is_real(const char *text)
{
    text += *text == '-' || *text == '+';
    gsize whole = strspn(text, "0123456789"), fraction = 0;
    text += whole;
    if (*text == '.') {
        text++;
        fraction = strspn(text, "0123456789");
        text += fraction;
    }
    if (whole + fraction == 0)
        return FALSE;
    return *text == '\0' || ((*text == 'e' || *text == 'E') && is_decimal(text + 1));
}

bb_scalar_type bb_scalar_resolve(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const booleans[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const specials[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                           "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                           ".NaN",  ".NAN",  NULL};
    if (is_one_of(text, nulls))
        return BB_SCALAR_NULL;
    if (is_one_of(text, booleans))
        return BB_SCALAR_BOOLEAN;
    if (is_decimal(text) || is_based(text, "0o", "01234567") ||
        is_based(text, "0x", "0123456789abcdefABCDEF"))
        return BB_SCALAR_INTEGER;
    return is_real(text) || is_one_of(text, specials) ? BB_SCALAR_REAL : BB_SCALAR_TEXT;
}

static json_t *integer_json(const char *text)
{
    guint base = g_str_has_prefix(text, "0o") ? 8 : g_str_has_prefix(text, "0x") ? 16 : 10;
    errno = 0;
    gint64 value = g_ascii_strtoll(base == 10 ? text : text + 2, NULL, base);
    if (errno == ERANGE)
        return json_real(g_ascii_strtod(text, NULL));
    return json_integer(value);
}

json_t *bb_scalar_json(const bb_node *node)
{
    double value = 0;
    switch (node->type) {
    case BB_SCALAR_NULL:
        return json_null();
    case BB_SCALAR_BOOLEAN:
        return json_boolean(g_ascii_tolower(node->text[0]) == 't');
    case BB_SCALAR_INTEGER: {
        json_t *integer = integer_json(node->text);
        return integer ? integer : json_string_nocheck(node->text);
    }
    case BB_SCALAR_REAL:
        value = g_ascii_strtod(node->text, NULL);
        return isfinite(value) && !strpbrk(node->text, "nN") ? json_real(value)
                                                             : json_string_nocheck(node->text);
    case BB_SCALAR_TEXT:
        break;
    }
    return json_string_nocheck(node->text);
}
