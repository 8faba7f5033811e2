/* Checks email addresses: the Mailbox of RFC 5321, with UTF-8 for RFC 6531. */
#include "contract/format_checks.h"

#include <string.h>
#include <strings.h>

enum { LOCAL_MAX = 64, ADDRESS_MAX = 254 };

static bool is_atom_char(unsigned char c, bool international)
{
    if (c >= 0x80)
        return international;
    return c > 0x20 && c < 0x7F && !strchr("\"(),.:;<>@[\\]", c);
}

/* Bytes of a dot-string at the start of `text`; 0 when there is none. */
static size_t read_dot_string(const char *text, size_t size, bool international)
{
    size_t at = 0;
    for (;;) {
        size_t start = at;
        while (at < size && is_atom_char((unsigned char)text[at], international))
            at++;
        if (at == start)
            return 0;
        if (at == size || text[at] != '.')
            return at;
        at++;
    }
}

/* Bytes of a quoted string at the start of `text`; 0 when there is none. */
static size_t read_quoted(const char *text, size_t size, bool international)
{
    for (size_t at = 1; at < size; at++) {
        unsigned char c = (unsigned char)text[at];
        if (c == '"')
            return at + 1;
        if (c == '\\') {
            at++;
            c = at < size ? (unsigned char)text[at] : 0;
        }
        if (c < 0x20 || c == 0x7F || (c >= 0x80 && !international))
            return 0;
    }
    return 0;
}

static bool is_address_literal(const char *text, size_t size)
{
    if (size < 2 || text[0] != '[' || text[size - 1] != ']')
        return false;
    if (size > 7 && strncasecmp(text + 1, "IPv6:", 5) == 0)
        return bb_format_ipv6(text + 6, size - 7);
    return bb_format_ipv4(text + 1, size - 2);
}

static bool is_address(const char *text, size_t size, bool international)
{
    if (size < 3 || size > ADDRESS_MAX)
        return false;
    size_t local = text[0] == '"' ? read_quoted(text, size, international)
                                  : read_dot_string(text, size, international);
    if (local == 0 || local > LOCAL_MAX || local + 1 >= size || text[local] != '@')
        return false;
    const char *domain = text + local + 1;
    size_t domain_size = size - local - 1;
    if (domain[0] == '[')
        return is_address_literal(domain, domain_size);
    return international ? bb_format_idn_hostname(domain, domain_size)
                         : bb_format_hostname(domain, domain_size);
}

bool bb_format_email(const char *text, size_t size)
{
    return is_address(text, size, /* international= */ false);
}

bool bb_format_idn_email(const char *text, size_t size)
{
    return is_address(text, size, /* international= */ true);
}
