/* The `format` keyword: checks of the formats that JSON Schema 2020-12 section 7.3 lists, and of
 * those busbar adds. Pure functions on decoded UTF-8 text; no allocation unless stated. */
#ifndef BB_FORMAT_H
#define BB_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

typedef bool (*bb_format_fn)(const char *text, size_t size);

/* The check for a format name, or NULL for a name that is not known (which JSON Schema ignores).
 * Known: date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri
 * uri-reference iri iri-reference uuid uri-template json-pointer relative-json-pointer regex; and
 * of busbar: ip (ipv4 or ipv6), timezone (an IANA name, "UTC" and "Etc/GMT+1" included), http-url.
 */
bb_format_fn bb_format_find(const char *name);

/* What the format expects, for messages: "an RFC 3339 date and time such as 2025-03-14T09:26:53Z".
 */
const char *bb_format_expectation(const char *name);

#endif
