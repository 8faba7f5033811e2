/* Translation of ECMA-262 regular expressions (unicode mode) to the spelling of PCRE2. */
#include "contract/ecma.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

/* ECMA-262 counts all Unicode spaces; PCRE2 without UCP only the ASCII ones. */
#define SPACES                                                                                     \
    "\\t\\n\\x{b}\\f\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"            \
    "\\x{205f}\\x{3000}\\x{feff}"

typedef struct reader {
    const char *start, *at, *end;
    GString *out;
    bool in_class;
} reader;

static const struct {
    const char *name, *code;
} categories[] = {
    {"Letter", "L"},
    {"Cased_Letter", "L&"},
    {"LC", "L&"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
    {"Unassigned", "Cn"},
};

static bool refuse(const reader *in, GError **error, const char *reason)
{
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "bad regular expression: %s at character %zu",
                reason, (size_t)(in->at - in->start) + 1);
    return false;
}

/* Up to `count` hexadecimal digits at `text`; false when there are fewer. */
static bool read_hex(const char *text, const char *end, size_t count, gunichar *ret_value)
{
    gunichar value = 0;
    if ((size_t)(end - text) < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int digit = g_ascii_xdigit_value(text[i]);
        if (digit < 0)
            return false;
        value = value * 16 + (gunichar)digit;
    }
    *ret_value = value;
    return true;
}

/* "\u{1F600}" with `in->at` at the brace. */
static bool translate_braced_point(reader *in, GError **error)
{
    const char *close = memchr(in->at, '}', (size_t)(in->end - in->at));
    gunichar value = 0;
    size_t count = close ? (size_t)(close - in->at) - 1 : 0;
    if (count == 0 || count > 6 || !read_hex(in->at + 1, close, count, &value) || value > 0x10ffff)
        return refuse(in, error, "\\u{...} needs the hexadecimal number of a code point");
    g_string_append_printf(in->out, "\\x{%x}", value);
    in->at = close + 1;
    return true;
}

/* "\u00e9", also as a pair of surrogates, or "\u{...}"; `in->at` is behind the u. */
static bool translate_point(reader *in, GError **error)
{
    gunichar high = 0, low = 0;
    if (in->at < in->end && *in->at == '{')
        return translate_braced_point(in, error);
    if (!read_hex(in->at, in->end, 4, &high))
        return refuse(in, error, "\\u needs four hexadecimal digits");
    in->at += 4;
    if (high >= 0xd800 && high < 0xdc00 && in->end - in->at >= 6 && in->at[0] == '\\' &&
        in->at[1] == 'u' && read_hex(in->at + 2, in->end, 4, &low) && low >= 0xdc00 &&
        low < 0xe000) {
        in->at += 6;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    g_string_append_printf(in->out, "\\x{%x}", high);
    return true;
}

static bool translate_byte(reader *in, GError **error)
{
    gunichar value = 0;
    if (!read_hex(in->at, in->end, 2, &value))
        return refuse(in, error, "\\x needs two hexadecimal digits");
    in->at += 2;
    g_string_append_printf(in->out, "\\x{%x}", value);
    return true;
}

/* The part of "Script=Greek" behind the equals sign, where PCRE2 takes the bare value. */
static const char *strip_property_kind(const char *name)
{
    static const char *const kinds[] = {"General_Category=", "gc=", "Script=", "sc="};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_has_prefix(name, kinds[i]))
            return name + strlen(kinds[i]);
    }
    return name;
}

/* "\p{...}" or "\P{...}"; `in->at` is behind the letter. */
static bool translate_property(reader *in, char letter, GError **error)
{
    const char *close = memchr(in->at, '}', (size_t)(in->end - in->at));
    if (in->at >= in->end || *in->at != '{' || !close)
        return refuse(in, error, "\\p needs the name of a property in braces");
    g_autofree char *name = g_strndup(in->at + 1, (gsize)(close - in->at) - 1);
    const char *code = strip_property_kind(name);
    for (size_t i = 0; i < G_N_ELEMENTS(categories); i++) {
        if (strcmp(code, categories[i].name) == 0) {
            code = categories[i].code;
            break;
        }
    }
    if (strcmp(code, "ASCII") == 0)
        g_string_append(in->out, letter == 'p' ? "[\\x{0}-\\x{7f}]" : "[^\\x{0}-\\x{7f}]");
    else
        g_string_append_printf(in->out, "\\%c{%s}", letter, code);
    in->at = close + 1;
    return true;
}

/* "\s" and "\S"; a negated class inside a class stays with the ASCII spaces. */
static void translate_space(reader *in, char letter)
{
    if (letter == 's')
        g_string_append(in->out, in->in_class ? SPACES : "[" SPACES "]");
    else
        g_string_append(in->out, in->in_class ? "\\S" : "[^" SPACES "]");
}

/* An escape with `in->at` behind the backslash. */
static bool translate_escape(reader *in, GError **error)
{
    if (in->at >= in->end)
        return refuse(in, error, "\\ at the end");
    char letter = *in->at++;
    switch (letter) {
    case 'u':
        return translate_point(in, error);
    case 'x':
        return translate_byte(in, error);
    case 'p':
    case 'P':
        return translate_property(in, letter, error);
    case 's':
    case 'S':
        translate_space(in, letter);
        return true;
    case 'v':
        g_string_append(in->out, "\\x{b}");
        return true;
    default:
        break;
    }
    if (g_ascii_isalpha(letter) && !strchr("dDwWbBnrtfck", letter))
        return refuse(in, error, "escape that ECMA-262 does not know");
    g_string_append_c(in->out, '\\');
    g_string_append_c(in->out, letter);
    return true;
}

static bool translate_plain(reader *in, GError **error)
{
    char letter = *in->at;
    if (!in->in_class && letter == '(' && in->end - in->at > 1 && in->at[1] == '*')
        return refuse(in, error, "nothing to repeat behind (");
    if (in->in_class && letter == '[') /* "[[:alpha:]]" and "[[=a=]]" mean nothing in ECMA-262 */
        g_string_append_c(in->out, '\\');
    if (letter == '[')
        in->in_class = true;
    else if (letter == ']')
        in->in_class = false;
    g_string_append_c(in->out, letter);
    in->at++;
    return true;
}

GString *bb_ecma_translate(const char *text, gsize size, GError **error)
{
    g_autoptr(GString) out = g_string_sized_new(size + 16);
    if (size == 0)
        text = ""; /* it may be NULL */
    reader in = {text, text, text + size, out, false};
    while (in.at < in.end) {
        bool done = false;
        if (*in.at == '\\') {
            in.at++;
            done = translate_escape(&in, error);
        } else {
            done = translate_plain(&in, error);
        }
        if (!done)
            return NULL;
    }
    return g_steal_pointer(&out);
}
