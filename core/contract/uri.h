/* URI references as RFC 3986 section 5 resolves them. */
#ifndef BB_URI_H
#define BB_URI_H

#include <glib.h>

/* `reference` relative to `base`, which may be empty. @owns caller */
char *bb_uri_resolve(const char *base, const char *reference);

/* The text with %XX decoded; NULL where an escape is broken. @owns caller */
char *bb_uri_decode(const char *text);

#endif
