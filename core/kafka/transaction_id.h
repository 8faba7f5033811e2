/* The id under which an event type's transactions of this process are known to the brokers.
 *
 * A producer that is initialised under an id ends what its predecessor of the same id left open. So
 * the id must be the same after a restart, or others wait for the transaction to time out before
 * they can read the group's offsets; and no two processes may have it at one time, or they end each
 * other's transactions. It is `<group>.<event type>.<instance>`; the instance is the setting
 * `transaction.instance`, else the static member's `instance_id`, else
 * `<host>-<n>` with the lowest number that no other process of the machine has taken for the same
 * group and event type. */
#ifndef BB_TRANSACTION_ID_H
#define BB_TRANSACTION_ID_H

#include "pipeline/event_type.h"

typedef struct bb_transaction_id {
    char *text;
    int place; /* socket that keeps the number ours; -1: none */
} bb_transaction_id;

gboolean bb_transaction_id_init(bb_transaction_id *id, const bb_event_type *type, GError **error);
void bb_transaction_id_clear(bb_transaction_id *id);

#endif
