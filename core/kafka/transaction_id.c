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

enum { MAX_PLACES = 1000, LOOKS = 10, LOOK_MS = 50 };

/* What the settings say of this process, or NULL. */
static char *named_instance(const bb_event_type *type)
{
    if (type->settings->transaction_instance)
        return g_strdup(type->settings->transaction_instance);
    return bb_membership_instance(type);
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

/* Takes the lowest number that is free; -1 with errno when there is none. */
static int lowest_place(const char *hash, int *ret_number)
{
    for (*ret_number = 0; *ret_number < MAX_PLACES; (*ret_number)++) {
        g_autofree char *name = g_strdup_printf("busbar/%.48s/%d", hash, *ret_number);
        int place = take_place(name);
        if (place >= 0 || errno != EADDRINUSE)
            return place;
    }
    return -1;
}

/* A predecessor that was killed may take a moment to die: who finds a lower number taken looks
 * again, so as to inherit its id and with it the transaction that it left open. */
static gboolean find_place(bb_transaction_id *id, const char *prefix, GError **error)
{
    int number = 0;
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, prefix, -1);
    id->place = lowest_place(hash, &number);
    for (int i = 0; i < LOOKS && id->place >= 0 && number > 0; i++) {
        (void)close(id->place); /* it is taken anew */
        g_usleep(LOOK_MS * 1000);
        id->place = lowest_place(hash, &number);
    }
    if (id->place >= 0) {
        id->text = g_strdup_printf("%s.%s-%d", prefix, g_get_host_name(), number);
        return TRUE;
    }
    g_set_error(error, BB_ERROR, BB_ERROR_INTERNAL,
                "no id for the transactions of %s could be taken: %s; name one with "
                "consume.transaction.instance, different for every process",
                prefix, g_strerror(errno));
    return FALSE;
}

gboolean bb_transaction_id_init(bb_transaction_id *id, const bb_event_type *type, GError **error)
{
    g_autofree char *instance = named_instance(type);
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
