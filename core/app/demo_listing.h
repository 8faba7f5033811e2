/* The names of a bucket, from the XML that an S3 server answers, by their places. */
#ifndef BB_DEMO_LISTING_H
#define BB_DEMO_LISTING_H

#include <glib.h>

typedef struct bb_demo_listing bb_demo_listing;

bb_demo_listing *bb_demo_listing_new(void);
void bb_demo_listing_free(bb_demo_listing *listing);

/* Adds the objects of a page. What begins with `_` in its place is no data and left out. */
gboolean bb_demo_listing_add(bb_demo_listing *listing, const char *xml, gsize size, GError **error);
/* Whether there are more behind the last page, and the last name of it; NULL: none yet. */
gboolean bb_demo_listing_goes_on(const bb_demo_listing *listing);
const char *bb_demo_listing_last(const bb_demo_listing *listing);

/* The first name in a place; NULL: none. */
const char *bb_demo_listing_first(const bb_demo_listing *listing, const char *place);
/* Objects and bytes of each place, which is what is before the directory of a date. */
void bb_demo_listing_print(const bb_demo_listing *listing);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_demo_listing, bb_demo_listing_free)

#endif
