/* JSON arrays in the binary form of PostgreSQL's arrays. */
#include "encode.h"

#include "../handler_common/elements.h"

static void note_element(pg_cell *cell, int32_t number)
{
    char reason[sizeof(cell->problem)];
    memcpy(reason, cell->problem, sizeof(reason));
    (void)pg_refuse(cell, "element %d: %.120s", number, reason);
}

bool pg_encode_array(pg_cell *cell, const busbar_value *value, pg_encoder element)
{
    if (value->type != BUSBAR_ARRAY)
        return pg_refuse(cell, "expected a list");
    handler_elements list = handler_elements_of(value);
    busbar_value item;
    size_t length_at = cell->out->size, head = length_at + 4, nulls_at = head + 4;
    int32_t count = 0, nulls = 0;
    pg_buffer_add_int32(cell->out, 0); /* the length, set at the end, as are the next two */
    pg_buffer_add_int32(cell->out, 0); /* dimensions */
    pg_buffer_add_int32(cell->out, 0); /* whether there are nulls */
    pg_buffer_add_int32(cell->out, (int32_t)cell->type);
    size_t size_at = cell->out->size;
    pg_buffer_add_int32(cell->out, 0);
    pg_buffer_add_int32(cell->out, 1); /* the first element has number 1 */
    while (handler_elements_next(&list, &item)) {
        if (item.type == BUSBAR_NULL) {
            pg_buffer_add_int32(cell->out, -1);
            nulls = 1;
        } else if (!element(cell, &item)) {
            note_element(cell, count);
            return false;
        }
        count++;
    }
    if (count == 0 && !cell->out->failed)
        cell->out->size = size_at; /* an empty array has no dimension */
    pg_buffer_set_int32(cell->out, head, count ? 1 : 0);
    pg_buffer_set_int32(cell->out, nulls_at, nulls);
    if (count)
        pg_buffer_set_int32(cell->out, size_at, count);
    pg_buffer_set_int32(cell->out, length_at, (int32_t)(cell->out->size - head));
    return true;
}
