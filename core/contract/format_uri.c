/* Checks URIs (RFC 3986), IRIs (RFC 3987) and the web addresses of the OwnLens models. */
#include "contract/format_checks.h"

#include <string.h>

#include "contract/calendar.h"

/* Which characters a component allows beside unreserved, percent-encoded and sub-delims. */
typedef struct charset {
    const char *extra;
    bool international; /* ucschar of RFC 3987 */
    bool private_use;   /* iprivate, in the query only */
} charset;

static bool is_hex(char c)
{
    return bb_is_digit(c) || (unsigned char)((c | 0x20) - 'a') < 6;
}

static bool is_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_private_use(uint32_t rune)
{
    return (rune >= 0xE000 && rune <= 0xF8FF) || (rune >= 0xF0000 && rune <= 0xFFFFD) ||
           (rune >= 0x100000 && rune <= 0x10FFFD);
}

static bool is_ucschar(uint32_t rune)
{
    if (rune < 0x10000)
        return (rune >= 0xA0 && rune <= 0xD7FF) || (rune >= 0xF900 && rune <= 0xFDCF) ||
               (rune >= 0xFDF0 && rune <= 0xFFEF);
    return (rune & 0xFFFF) <= 0xFFFD && rune < 0xF0000 && (rune < 0xE0000 || rune >= 0xE1000);
}

static bool is_text_of(const char *text, size_t size, const charset *set)
{
    for (size_t at = 0; at < size;) {
        char c = text[at];
        if ((unsigned char)c >= 0x80) {
            uint32_t rune = bb_format_next_rune(text, size, &at);
            if (!(set->international && is_ucschar(rune)) &&
                !(set->private_use && is_private_use(rune)))
                return false;
            continue;
        }
        if (c == '%') {
            if (size - at < 3 || !is_hex(text[at + 1]) || !is_hex(text[at + 2]))
                return false;
            at += 3;
            continue;
        }
        if (!is_letter(c) && !bb_is_digit(c) &&
            (c == '\0' || (!strchr("-._~!$&'()*+,;=", c) && !strchr(set->extra, c))))
            return false;
        at++;
    }
    return true;
}

/* IPvFuture: "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_future_address(const char *text, size_t size)
{
    size_t at = 1;
    while (at < size && is_hex(text[at]))
        at++;
    if (at == 1 || at + 1 >= size || text[at] != '.' || memchr(text, '%', size))
        return false;
    charset set = {":", false, false};
    return is_text_of(text + at + 1, size - at - 1, &set);
}

static bool is_host(const char *text, size_t size, bool international)
{
    if (size > 0 && text[0] == '[') {
        if (size < 4 || text[size - 1] != ']')
            return false;
        if ((text[1] | 0x20) == 'v')
            return is_future_address(text + 1, size - 2);
        return bb_format_ipv6(text + 1, size - 2);
    }
    charset set = {"", international, false};
    return is_text_of(text, size, &set);
}

static bool is_authority(const char *text, size_t size, bool international)
{
    const char *at_sign = memrchr(text, '@', size);
    if (at_sign) {
        charset set = {":", international, false};
        if (!is_text_of(text, (size_t)(at_sign - text), &set))
            return false;
        size -= (size_t)(at_sign + 1 - text);
        text = at_sign + 1;
    }
    size_t host = size;
    while (host > 0 && bb_is_digit(text[host - 1]))
        host--;
    host = host > 0 && text[host - 1] == ':' ? host - 1 : size;
    return is_host(text, host, international);
}

/* Bytes of "scheme:" at the start; 0 when there is none. */
static size_t read_scheme(const char *text, size_t size)
{
    if (size == 0 || !is_letter(text[0]))
        return 0;
    size_t at = 1;
    while (at < size && (is_letter(text[at]) || bb_is_digit(text[at]) || text[at] == '+' ||
                         text[at] == '-' || text[at] == '.'))
        at++;
    return at < size && text[at] == ':' ? at + 1 : 0;
}

static bool is_path(const char *text, size_t size, bool after_scheme, bool international)
{
    if (size >= 2 && text[0] == '/' && text[1] == '/') {
        const char *end = memchr(text + 2, '/', size - 2);
        size_t authority = end ? (size_t)(end - text) : size;
        if (!is_authority(text + 2, authority - 2, international))
            return false;
        text += authority;
        size -= authority;
    } else if (!after_scheme) {
        /* The first segment of a relative path has no colon: it would read as a scheme. */
        const char *end = memchr(text, '/', size);
        if (memchr(text, ':', end ? (size_t)(end - text) : size))
            return false;
    }
    charset set = {":@/", international, false};
    return is_text_of(text, size, &set);
}

static bool is_reference(const char *text, size_t size, bool need_scheme, bool international)
{
    if (size == 0)
        return !need_scheme;
    charset fragment_set = {":@/?", international, false};
    charset query_set = {":@/?", international, international};
    size_t scheme = read_scheme(text, size);
    if (need_scheme && scheme == 0)
        return false;
    text += scheme;
    size -= scheme;
    const char *fragment = memchr(text, '#', size);
    if (fragment) {
        size_t before = (size_t)(fragment - text);
        if (!is_text_of(fragment + 1, size - before - 1, &fragment_set))
            return false;
        size = before;
    }
    const char *query = memchr(text, '?', size);
    if (query) {
        size_t before = (size_t)(query - text);
        if (!is_text_of(query + 1, size - before - 1, &query_set))
            return false;
        size = before;
    }
    return is_path(text, size, scheme > 0, international);
}

bool bb_format_uri(const char *text, size_t size)
{
    return is_reference(text, size, /* need_scheme= */ true, /* international= */ false);
}

bool bb_format_uri_reference(const char *text, size_t size)
{
    return is_reference(text, size, /* need_scheme= */ false, /* international= */ false);
}

bool bb_format_iri(const char *text, size_t size)
{
    return is_reference(text, size, /* need_scheme= */ true, /* international= */ true);
}

bool bb_format_iri_reference(const char *text, size_t size)
{
    return is_reference(text, size, /* need_scheme= */ false, /* international= */ true);
}
