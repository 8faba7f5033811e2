/* Inside of the generator of events: plan (from the contract), dice, values. */
#ifndef BB_GENERATE_PRIVATE_H
#define BB_GENERATE_PRIVATE_H

#include <jansson.h>

#include "app/generate.h"

typedef enum bb_make {
    BB_MAKE_TEXT,
    BB_MAKE_UUID,
    BB_MAKE_INSTANT,
    BB_MAKE_DATE,
    BB_MAKE_URL,
    BB_MAKE_IP,
    BB_MAKE_TIMEZONE,
    BB_MAKE_COUNTRY,
    BB_MAKE_EMAIL,
    BB_MAKE_ENUM,
    BB_MAKE_INTEGER,
    BB_MAKE_NUMBER,
    BB_MAKE_BOOLEAN,
    BB_MAKE_OBJECT,
    BB_MAKE_ARRAY,
    BB_MAKE_NULL
} bb_make;

/* A member of the event, or the items of an array. */
typedef struct bb_plan_field {
    char *name;
    bb_make make;
    gboolean required;
    gboolean nullable;
    gboolean fresh;   /* an id that is generated when absent: new for every event */
    gboolean lax;     /* other forms than the canonical one are accepted */
    gsize max_length; /* 0: none */
    gboolean has_minimum, has_maximum;
    double minimum, maximum;
    char **values; /* JSON texts of an enum, without null */
    guint value_count;
    double low, high;              /* usual range of a number by this name, within the bounds */
    const char *const *words;      /* for a text by this name; NULL: a title is made */
    guint64 word_count, pool_size; /* pool: how many different ids there are */
    struct bb_plan_field *items;
    guint64 hash; /* of the name: chooses the set that ids come from */
} bb_plan_field;

typedef struct bb_plan {
    json_t *schema;
    GPtrArray *fields; /* bb_plan_field * */
    gboolean closed;   /* unknown members are refused */
} bb_plan;

bb_plan *bb_plan_new(const char *contract, gsize size, GError **error);
void bb_plan_free(bb_plan *plan);

/* Numbers that depend on nothing but their seed. */
guint64 bb_dice_mix(guint64 value);
guint64 bb_dice_next(guint64 *dice);
guint64 bb_dice_below(guint64 *dice, guint64 bound);
gboolean bb_dice_percent(guint64 *dice, guint percent);

/* What the values of one event have in common. */
typedef struct bb_scene {
    guint64 dice;
    gint64 when_us;
    guint place;
} bb_scene;

/* Looks up what goes by the member's name: words, range, number of ids. */
void bb_value_prepare(bb_plan_field *field);
/* Appends the JSON text of a value for `field`. */
void bb_value_make(const bb_plan_field *field, bb_scene *scene, GString *out);
/* Appends `text` as a JSON string. */
void bb_value_quote(GString *out, const char *text);

#endif
