/* Finds the id of an event type's transactions. */
#include "kafka/transaction_id.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "kafka/membership.h"

enum { MAX_PLACES = 1000 };

/* What the settings say of this process, or NULL. */
static char *named_instance(const bb_settings *settings, const bb_event_type *type)
{
    if (type->settings->transaction_instance)
        return g_strdup(type->settings->transaction_instance);
    char *member = bb_membership_instance(type);
    if (member)
        return member;
    for (guint i = 0; settings->kafka && i < settings->kafka->len; i++) {
        const bb_kafka_property *property = g_ptr_array_index(settings->kafka, i);
        if (strcmp(property->name, "group.instance.id") == 0)
            return g_strdup(property->value);
    }
    return NULL;
}

/* A socket in the abstract name space: the kernel gives the name back when the process dies,
 * however it does. -1 with errno when another has it. */
static int take_place(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int handle = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (handle < 0)
        return -1;
    gsize size = MIN(strlen(name), sizeof address.sun_path - 1);
    memcpy(address.sun_path + 1, name, size); /* the zero before it makes it abstract */
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
    if (bind(handle, (struct sockaddr *)&address, length) == 0)
        return handle;
    int cause = errno;
    (void)close(handle); /* nothing was written to it */
    errno = cause;
    return -1;
}

static gboolean find_place(bb_transaction_id *id, const char *prefix, GError **error)
{
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, prefix, -1);
    for (int number = 0; number < MAX_PLACES; number++) {
        g_autofree char *name = g_strdup_printf("busbar/%.48s/%d", hash, number);
        id->place = take_place(name);
        if (id->place >= 0) {
            id->text = g_strdup_printf("%s.%s-%d", prefix, g_get_host_name(), number);
            return TRUE;
        }
        if (errno != EADDRINUSE)
            break;
    }
    g_set_error(error, BB_ERROR, BB_ERROR_INTERNAL,
                "no id for the transactions of %s could be taken: %s; name one with "
                "consume.transaction.instance, different for every process",
                prefix, g_strerror(errno));
    return FALSE;
}

gboolean bb_transaction_id_init(bb_transaction_id *id, const bb_settings *settings,
                                const bb_event_type *type, GError **error)
{
    g_autofree char *instance = named_instance(settings, type);
    g_autofree char *prefix = g_strdup_printf("%s.%s", type->group, type->full_name);
    *id = (bb_transaction_id){NULL, -1};
    if (!instance)
        return find_place(id, prefix, error);
    id->text = g_strdup_printf("%s.%s", prefix, instance);
    return TRUE;
}

void bb_transaction_id_clear(bb_transaction_id *id)
{
    g_clear_pointer(&id->text, g_free);
    if (id->place >= 0)
        (void)close(id->place); /* only its name mattered */
    id->place = -1;
}
