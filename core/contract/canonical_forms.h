/* The single lax types, for canonical.c; arguments as those of bb_canonicalize. */
#ifndef BB_CANONICAL_FORMS_H
#define BB_CANONICAL_FORMS_H

#include "contract/canonical.h"

bb_canonical bb_canonical_uuid(const char *text, size_t size, bool any_hyphens, char *out,
                               size_t *ret_size);
bb_canonical bb_canonical_timestamp(int type, const char *text, size_t size, char *out,
                                    size_t *ret_size);
bb_canonical bb_canonical_date(int type, const char *text, size_t size, char *out,
                               size_t *ret_size);
bb_canonical bb_canonical_integer(int type, const char *text, size_t size, char *out,
                                  size_t *ret_size);
bb_canonical bb_canonical_number(int type, const char *text, size_t size, char *out,
                                 size_t *ret_size);
bb_canonical bb_canonical_boolean(int type, const char *text, size_t size, char *out,
                                  size_t *ret_size);

#endif
