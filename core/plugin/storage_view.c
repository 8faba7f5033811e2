/* Extension "busbar.storage/1": what a handler works for, and where its records stand. */
#include "plugin/host.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "contract/contract.h"

/* Random, so that no process before or beside this one has the same. */
static char process[17];

static void make_process(void)
{
    guint64 number = 0; /* the system's: GLib's generator is copied by a fork */
    if (getentropy(&number, sizeof(number)) != 0)
        number = (guint64)getpid() << 32 ^ (guint64)g_get_real_time();
    (void)g_snprintf(process, sizeof(process), "%016" G_GINT64_MODIFIER "x", number);
}

static const char *process_id(void)
{
    static pthread_once_t made = PTHREAD_ONCE_INIT; /* the thread sanitizer sees it */
    (void)pthread_once(&made, make_process);
    return process;
}

/* Fills the caller's struct as far as it reaches. */
static void give(void *to, uint32_t to_size, const void *from, uint32_t from_size)
{
    uint32_t size = MIN(to_size, from_size);
    memcpy(to, from, size);
    memcpy(to, &size, MIN(sizeof(size), to_size)); /* the first member of each */
}

static uint32_t order_of(bb_order order)
{
    return order == BB_ORDER_KEY         ? BUSBAR_ORDER_KEY
           : order == BB_ORDER_PARTITION ? BUSBAR_ORDER_PARTITION
                                         : BUSBAR_ORDER_NONE;
}

static int32_t get_binding(busbar_call *call, busbar_binding *ret_binding)
{
    const bb_call *own = bb_call_of(call);
    const bb_event_type *type = own->type;
    gsize size = 0;
    if (!type || !type->contract)
        return 0;
    const char *contract = bb_contract_text(type->contract, &size);
    const busbar_binding binding = {
        .struct_size = sizeof(binding),
        .event = busbar_text(type->full_name),
        .handler = busbar_text(own->who),
        .topic = busbar_text(type->topic),
        .group = busbar_text(type->group),
        .contract = {contract, size},
        .process = busbar_text(process_id()),
        .order = order_of(type->settings->order),
        .lanes = type->settings->concurrency,
    };
    give(ret_binding, ret_binding->struct_size, &binding, sizeof(binding));
    return 1;
}

static int32_t get_position(busbar_call *call, uint32_t index, busbar_position *ret_position)
{
    const bb_call *own = bb_call_of(call);
    if (!own->items || index >= own->statement_count)
        return 0;
    const bb_item *item = own->items[index];
    const uint32_t lost = item->epoch < own->lost_before ? 1 : 0;
    const busbar_position position = {sizeof(position), lost, item->epoch, item->done_from,
                                      item->done_below};
    give(ret_position, ret_position->struct_size, &position, sizeof(position));
    return 1;
}

const busbar_storage_v1 bb_storage_extension = {
    .struct_size = sizeof(busbar_storage_v1),
    .reserved = 0,
    .binding = get_binding,
    .position = get_position,
};
