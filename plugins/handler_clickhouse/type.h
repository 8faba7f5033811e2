/* Types of columns, as the server writes them. */
#ifndef CH_TYPE_H
#define CH_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CH_STRING = 1,
    CH_FIXED, /* FixedString */
    CH_BOOL,
    CH_INT,
    CH_UINT,
    CH_FLOAT,
    CH_DECIMAL,
    CH_DATE,
    CH_DATE32,
    CH_DATETIME,
    CH_DATETIME64,
    CH_UUID,
    CH_IPV4,
    CH_IPV6,
    CH_ENUM
};

/* A label of an enumeration. */
typedef struct ch_label {
    char *text;
    size_t size;
    int64_t value;
} ch_label;

typedef struct ch_type {
    int kind;      /* of the value, or of the elements */
    bool is_array; /* Array of them */
    bool nullable;
    size_t size;   /* bytes of a number or a fixed text */
    int precision; /* of a decimal */
    int scale;     /* of a decimal; digits of a fraction of a second */
    size_t label_count;
    ch_label *labels;
} ch_type;

/* False when the type is none that this handler can fill, or memory is out. Clear it in both
 * cases. */
bool ch_type_read(ch_type *type, const char *text);
/* The text without its LowCardinality: values in full, of which the server makes it. NULL when
 * memory is out; free it. */
char *ch_type_in_full(const char *text);
void ch_type_clear(ch_type *type);

#endif
