/* The single format checks, for format.c and the tests of this layer; others go through
 * bb_format_find. All take decoded UTF-8 text that need not end with NUL. */
#ifndef BB_FORMAT_CHECKS_H
#define BB_FORMAT_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* format_time.c */
bool bb_format_date(const char *text, size_t size);
bool bb_format_time(const char *text, size_t size);
bool bb_format_date_time(const char *text, size_t size);
bool bb_format_duration(const char *text, size_t size);

/* format_timezone.c */
bool bb_format_timezone(const char *text, size_t size);

/* format_host.c; the idn checks allocate (libidn2) */
bool bb_format_hostname(const char *text, size_t size);
bool bb_format_idn_hostname(const char *text, size_t size);
bool bb_format_ipv4(const char *text, size_t size);
bool bb_format_ipv6(const char *text, size_t size);
bool bb_format_ip(const char *text, size_t size);

/* format_email.c */
bool bb_format_email(const char *text, size_t size);
bool bb_format_idn_email(const char *text, size_t size);

/* format_uri.c */
bool bb_format_uri(const char *text, size_t size);
bool bb_format_uri_reference(const char *text, size_t size);
bool bb_format_iri(const char *text, size_t size);
bool bb_format_iri_reference(const char *text, size_t size);
bool bb_format_http_url(const char *text, size_t size);

/* format_uri_template.c */
bool bb_format_uri_template(const char *text, size_t size);

/* format_pointer.c */
bool bb_format_json_pointer(const char *text, size_t size);
bool bb_format_relative_json_pointer(const char *text, size_t size);

/* format_uuid.c */
bool bb_format_uuid(const char *text, size_t size);
/* The same, saying also whether there are capitals. */
bool bb_uuid_read(const char *text, size_t size, bool *ret_capitals);

/* format_regex.c; allocates (PCRE2) */
bool bb_format_regex(const char *text, size_t size);

/* One code point of valid UTF-8 at `text`; moves `*offset` behind it. Broken UTF-8 gives U+FFFD and
 * moves by one byte. */
uint32_t bb_format_next_rune(const char *text, size_t size, size_t *offset);

#endif
