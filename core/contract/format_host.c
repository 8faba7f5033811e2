/* Checks host names (RFC 1123, IDNA 2008) and IP addresses (RFC 2673, RFC 4291). */
#include "contract/format_checks.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>
#include <strings.h>

#include "contract/calendar.h"

enum { LABEL_MAX = 63, HOST_MAX = 253 };

static bool is_letter_or_digit(char c)
{
    return bb_is_digit(c) || (unsigned char)((c | 0x20) - 'a') < 26;
}

/* An A-label is the encoding of a U-label, and of nothing else: decoded, checked, encoded again it
 * must be itself. */
static bool is_a_label(const char *label, size_t size)
{
    char text[LABEL_MAX + 1];
    for (size_t i = 0; i < size; i++)
        text[i] = bb_is_digit(label[i]) || label[i] == '-' ? label[i] : (char)(label[i] | 0x20);
    text[size] = '\0';
    char *decoded = NULL;
    char *encoded = NULL;
    bool good =
        idn2_to_unicode_8z8z(text, &decoded, 0) == IDN2_OK &&
        idn2_register_u8((const uint8_t *)decoded, NULL, (uint8_t **)&encoded, 0) == IDN2_OK &&
        strcmp(encoded, text) == 0;
    idn2_free(decoded);
    idn2_free(encoded);
    return good;
}

static bool is_ascii_label(const char *label, size_t size)
{
    if (size == 0 || size > LABEL_MAX || label[0] == '-' || label[size - 1] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!is_letter_or_digit(label[i]) && label[i] != '-')
            return false;
    }
    if (size < 4 || label[2] != '-' || label[3] != '-')
        return true;
    /* Hyphens at places three and four are reserved for A-labels (RFC 5891 section 4.2.3.1). */
    return strncasecmp(label, "xn", 2) == 0 && is_a_label(label, size);
}

bool bb_format_hostname(const char *text, size_t size)
{
    if (size == 0 || size > HOST_MAX)
        return false;
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && text[i] != '.')
            continue;
        if (!is_ascii_label(text + start, i - start))
            return false;
        start = i + 1;
    }
    return true;
}

static bool is_ascii(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] >= 0x80)
            return false;
    }
    return true;
}

/* Bytes of the label in its A-form; 0 when it is none. */
static size_t measure_label(const char *label, size_t size)
{
    if (is_ascii(label, size))
        return is_ascii_label(label, size) ? size : 0;
    char text[4 * LABEL_MAX + 1];
    if (size >= sizeof text || label[0] == '-' || label[size - 1] == '-')
        return 0;
    memcpy(text, label, size);
    text[size] = '\0';
    char *encoded = NULL;
    size_t length = 0;
    if (strlen(text) == size &&
        idn2_register_u8((const uint8_t *)text, NULL, (uint8_t **)&encoded, 0) == IDN2_OK)
        length = strlen(encoded);
    idn2_free(encoded);
    return length <= LABEL_MAX ? length : 0;
}

/* U+3002, U+FF0E and U+FF61 separate labels as the full stop does (RFC 3490 section 3.1). */
static bool is_separator(uint32_t rune)
{
    return rune == '.' || rune == 0x3002 || rune == 0xFF0E || rune == 0xFF61;
}

bool bb_format_idn_hostname(const char *text, size_t size)
{
    size_t total = 0;
    size_t start = 0;
    for (size_t at = 0; at < size;) {
        size_t before = at;
        bool separator = is_separator(bb_format_next_rune(text, size, &at));
        if (!separator && at < size)
            continue;
        size_t length = measure_label(text + start, (separator ? before : at) - start);
        if (length == 0 || (separator && at == size))
            return false;
        total += length + separator;
        start = at;
    }
    return total > 0 && total <= HOST_MAX;
}

bool bb_format_ipv4(const char *text, size_t size)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        if (part > 0 && (at >= size || text[at++] != '.'))
            return false;
        size_t start = at;
        unsigned value = 0;
        for (; at < size && at < start + 3 && bb_is_digit(text[at]); at++)
            value = value * 10 + (unsigned)(text[at] - '0');
        if (at == start || value > 255 || (at > start + 1 && text[start] == '0'))
            return false;
    }
    return at == size;
}

bool bb_format_ipv6(const char *text, size_t size)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (size < 2 || size >= sizeof copy || memchr(text, '\0', size))
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

bool bb_format_ip(const char *text, size_t size)
{
    return bb_format_ipv4(text, size) || bb_format_ipv6(text, size);
}
