/* What `kafka:` may hold. */
#ifndef BB_PROPERTIES_H
#define BB_PROPERTIES_H

#include <glib.h>

/* Why the property `name` cannot be given, and what to do instead, as a sentence; the caller frees.
 * NULL: it can. */
char *bb_property_refusal(const char *name);

/* A value of this key is not to be shown. */
gboolean bb_property_secret(const char *name);

#endif
