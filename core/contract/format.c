/* Finds the check and the description of a format by its name. */
#include "contract/format.h"

#include <string.h>

#include "contract/format_checks.h"

typedef struct format_entry {
    const char *name;
    bb_format_fn check;
    const char *expectation;
} format_entry;

static const format_entry entries[] = {
    {"date-time", bb_format_date_time, "an RFC 3339 date and time such as 2025-03-14T09:26:53Z"},
    {"date", bb_format_date, "a date such as 2025-03-14"},
    {"time", bb_format_time, "an RFC 3339 time with an offset such as 09:26:53Z"},
    {"duration", bb_format_duration, "an ISO 8601 duration such as P3DT4H"},
    {"email", bb_format_email, "an email address such as name@example.com"},
    {"idn-email", bb_format_idn_email, "an email address such as name@example.com"},
    {"hostname", bb_format_hostname, "a host name such as www.example.com"},
    {"idn-hostname", bb_format_idn_hostname, "a host name such as www.example.com"},
    {"ipv4", bb_format_ipv4, "an IPv4 address such as 192.0.2.7"},
    {"ipv6", bb_format_ipv6, "an IPv6 address such as 2001:db8::7"},
    {"uri", bb_format_uri, "a URI with a scheme such as https://example.com/a"},
    {"uri-reference", bb_format_uri_reference, "a URI reference such as /a?b=c"},
    {"iri", bb_format_iri, "an IRI with a scheme such as https://example.com/a"},
    {"iri-reference", bb_format_iri_reference, "an IRI reference such as /a?b=c"},
    {"uuid", bb_format_uuid, "a UUID such as 123e4567-e89b-12d3-a456-426614174000"},
    {"uri-template", bb_format_uri_template, "an RFC 6570 URI template such as /a/{id}"},
    {"json-pointer", bb_format_json_pointer, "a JSON pointer such as /tags/3"},
    {"relative-json-pointer", bb_format_relative_json_pointer,
     "a relative JSON pointer such as 1/name"},
    {"regex", bb_format_regex, "a regular expression (ECMA-262)"},
    {"ip", bb_format_ip, "an IPv4 or IPv6 address such as 192.0.2.7 or 2001:db8::7"},
    {"timezone", bb_format_timezone, "an IANA time zone name such as Europe/Berlin"},
    {"http-url", bb_format_http_url, "a URL such as https://example.com/a"},
};

static const format_entry *find_entry(const char *name)
{
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    }
    return NULL;
}

bb_format_fn bb_format_find(const char *name)
{
    const format_entry *entry = find_entry(name);
    return entry ? entry->check : NULL;
}

const char *bb_format_expectation(const char *name)
{
    const format_entry *entry = find_entry(name);
    return entry ? entry->expectation : NULL;
}

uint32_t bb_format_next_rune(const char *text, size_t size, size_t *offset)
{
    const unsigned char *at = (const unsigned char *)text + *offset;
    size_t left = size - *offset;
    *offset += 1;
    if (at[0] < 0x80)
        return at[0];
    size_t more = at[0] >= 0xF0 ? 3 : at[0] >= 0xE0 ? 2 : at[0] >= 0xC2 ? 1 : 0;
    if (more == 0 || at[0] > 0xF4 || left <= more)
        return 0xFFFD;
    uint32_t rune = at[0] & (0x3Fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0xFFFD;
        rune = rune << 6 | (at[i] & 0x3Fu);
    }
    *offset += more;
    return rune;
}
