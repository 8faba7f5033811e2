/* Regular expressions of ECMA-262 in the spelling of PCRE2. */
#ifndef BB_ECMA_H
#define BB_ECMA_H

#include <glib.h>

/* The same expression for PCRE2. NULL for what ECMA-262 does not know, where PCRE2 would read it as
 * something else. */
GString *bb_ecma_translate(const char *text, gsize size, GError **error);

#endif
