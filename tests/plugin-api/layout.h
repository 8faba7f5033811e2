/* What layout.c measured. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stddef.h>

typedef struct layout_entry {
    const char *type;
    const char *member; /* NULL: the struct itself */
    size_t at;          /* offset of the member, or size of the struct */
    size_t size;        /* of the member */
} layout_entry;

#ifdef __cplusplus
extern "C" {
#endif
extern const layout_entry layout_measured[];
extern const size_t layout_count;
#ifdef __cplusplus
}
#endif

#endif
