/* The names of a bucket, by their places. */
#include "app/demo_listing.h"

#include <stdio.h>
#include <string.h>

typedef struct site {
    guint64 objects, bytes;
} site;

struct bb_demo_listing {
    GTree *places;    /* char * -> site *, in their order */
    GPtrArray *names; /* of the data, as they came */
    char *last;
    gboolean goes_on;
    char *key; /* of the object that is being read */
};

static int compare(gconstpointer a, gconstpointer b, gpointer user)
{
    (void)user;
    return strcmp(a, b);
}

bb_demo_listing *bb_demo_listing_new(void)
{
    bb_demo_listing *listing = g_new0(bb_demo_listing, 1);
    listing->places = g_tree_new_full(compare, NULL, g_free, g_free);
    listing->names = g_ptr_array_new_with_free_func(g_free);
    return listing;
}

void bb_demo_listing_free(bb_demo_listing *listing)
{
    if (!listing)
        return;
    g_tree_unref(listing->places);
    g_ptr_array_unref(listing->names);
    g_free(listing->last);
    g_free(listing->key);
    g_free(listing);
}

/* "data-lake/customer/events" of ".../event_date=2026-01-02/file" and of ".../file". */
static char *place_of(const char *key)
{
    char *name = g_path_get_dirname(key);
    char *slash = strrchr(name, '/');
    if (slash && strchr(slash, '='))
        *slash = '\0';
    return name;
}

static void add_object(bb_demo_listing *listing, guint64 bytes)
{
    const char *key = listing->key ? listing->key : "";
    if (strstr(key, "/_"))
        return;
    g_autofree char *name = place_of(key);
    site *found = g_tree_lookup(listing->places, name);
    if (!found) {
        found = g_new0(site, 1);
        g_tree_insert(listing->places, g_steal_pointer(&name), found);
    }
    found->objects++;
    found->bytes += bytes;
    g_ptr_array_add(listing->names, g_strdup(key));
}

static void on_text(GMarkupParseContext *context, const char *text, gsize size, gpointer user,
                    GError **error)
{
    bb_demo_listing *listing = user;
    const char *element = g_markup_parse_context_get_element(context);
    g_autofree char *copy = g_strndup(text, size);
    (void)error;
    if (g_strcmp0(element, "Key") == 0) {
        g_free(listing->key);
        listing->key = g_strdup(copy);
        g_free(listing->last);
        listing->last = g_steal_pointer(&copy);
    } else if (g_strcmp0(element, "Size") == 0) {
        add_object(listing, g_ascii_strtoull(copy, NULL, 10));
    } else if (g_strcmp0(element, "IsTruncated") == 0) {
        listing->goes_on = strcmp(copy, "true") == 0;
    }
}

gboolean bb_demo_listing_add(bb_demo_listing *listing, const char *xml, gsize size, GError **error)
{
    const GMarkupParser parser = {.text = on_text};
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, listing, NULL);
    listing->goes_on = FALSE;
    gboolean good = g_markup_parse_context_parse(context, xml, (gssize)size, error) &&
                    g_markup_parse_context_end_parse(context, error);
    g_markup_parse_context_free(context);
    return good;
}

gboolean bb_demo_listing_goes_on(const bb_demo_listing *listing)
{
    return listing->goes_on && listing->last;
}

const char *bb_demo_listing_last(const bb_demo_listing *listing)
{
    return listing->last;
}

const char *bb_demo_listing_first(const bb_demo_listing *listing, const char *place)
{
    for (guint i = 0; i < listing->names->len; i++) {
        if (g_str_has_prefix(listing->names->pdata[i], place))
            return listing->names->pdata[i];
    }
    return NULL;
}

static gboolean print_place(gpointer key, gpointer value, gpointer user)
{
    const site *found = value;
    (void)user;
    printf("  %-42s %9" G_GUINT64_FORMAT " %11" G_GUINT64_FORMAT "\n", (const char *)key,
           found->objects, found->bytes);
    return FALSE;
}

void bb_demo_listing_print(const bb_demo_listing *listing)
{
    printf("  %-42s %9s %11s\n", "place", "objects", "bytes");
    g_tree_foreach(listing->places, print_place, NULL);
}
