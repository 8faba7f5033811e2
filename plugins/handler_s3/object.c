/* Objects that are being filled: the rows of one partition, for one directory. */
#include "object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../handler_common/instant.h"

static s3_object *take_spare(s3_objects *objects)
{
    s3_object *object = objects->spare;
    if (object)
        objects->spare = object->next;
    else
        object = calloc(1, sizeof(*object));
    return object;
}

s3_object *s3_objects_get(s3_objects *objects, int32_t partition, const char *date)
{
    for (s3_object **link = &objects->list; *link; link = &(*link)->next) {
        s3_object *object = *link;
        if (object->full || object->partition != partition || strcmp(object->date, date) != 0)
            continue;
        *link = object->next;
        object->next = objects->list;
        objects->list = object;
        return object;
    }
    s3_object *object = take_spare(objects);
    if (!object)
        return NULL;
    object->partition = partition;
    memcpy(object->date, date, strlen(date) + 1);
    object->full = false;
    object->first = -1;
    object->rows = 0;
    object->raw.size = object->body.size = 0;
    handler_ranges_reset(&object->offsets);
    object->next = objects->list;
    objects->list = object;
    return object;
}

bool s3_objects_added(s3_objects *objects, s3_object *object, int64_t offset)
{
    if (object->first < 0 || offset < object->first)
        object->first = offset;
    object->rows++;
    object->full = object->rows >= objects->settings->max_rows ||
                   object->raw.size >= objects->settings->max_bytes;
    return handler_ranges_add(&object->offsets, offset, offset);
}

void s3_objects_reset(s3_objects *objects)
{
    while (objects->list) {
        s3_object *object = objects->list;
        objects->list = object->next;
        object->next = objects->spare;
        objects->spare = object;
    }
}

void s3_objects_clear(s3_objects *objects)
{
    s3_objects_reset(objects);
    while (objects->spare) {
        s3_object *object = objects->spare;
        objects->spare = object->next;
        handler_ranges_clear(&object->offsets);
        handler_buffer_clear(&object->raw);
        handler_buffer_clear(&object->body);
        free(object);
    }
}

bool s3_date_of(const char *text, size_t size, char ret_date[S3_DATE_SIZE])
{
    int64_t ignored;
    if (!handler_read_day((busbar_bytes){text, size}, &ignored))
        return false;
    memcpy(ret_date, text, S3_DATE_SIZE - 1);
    ret_date[S3_DATE_SIZE - 1] = '\0';
    return true;
}

bool s3_object_name(s3_object *object, const s3_settings *settings, const char *topic,
                    uint64_t number, const char *suffix)
{
    char directory[300] = "", version[32] = "";
    if (settings->column)
        (void)snprintf(directory, sizeof(directory), "%.200s=%s/", settings->column,
                       *object->date ? object->date : "__HIVE_DEFAULT_PARTITION__");
    if (number)
        (void)snprintf(version, sizeof(version), "-%020" PRIu64, number);
    int size = snprintf(object->key, sizeof(object->key), "%s/%s%s-%05d-%020" PRId64 "%s%s",
                        settings->path, directory, topic, (int)object->partition, object->first,
                        version, suffix);
    return size > 0 && (size_t)size < sizeof(object->key);
}
