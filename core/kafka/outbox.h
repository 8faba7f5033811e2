/* Records that must arrive: produced until the broker has confirmed them, however long that takes.
 *
 * Dead letters and emitted records of all lanes go through one idempotent producer. A letter holds
 * its batches until it is confirmed, so no offset moves before. */
#ifndef BB_OUTBOX_H
#define BB_OUTBOX_H

#include <librdkafka/rdkafka.h>

#include "config/settings.h"
#include "kafka/transaction.h"
#include "pipeline/batch.h"
#include "pipeline/event_type.h"

typedef struct bb_outbox bb_outbox;

/* One record to send. */
typedef struct bb_letter {
    struct bb_letter *next;
    char *topic;
    gboolean create; /* the topic may be made when it is missing */
    gint32 partition;
    gint64 timestamp_ms; /* 0: now */
    busbar_bytes key, value;
    rd_kafka_headers_t *headers; /* owned; may be NULL */
    char *memory;                /* owned bytes that key and value point into; may be NULL */
    bb_item *item;               /* a dead letter's: without outcome again when it is given up */
    const bb_event_type *type;   /* of a record for a retry topic; else NULL */
    bb_batch **batches;
    guint batch_count;
    guint attempts;
    gint64 due_ms;
    /* Makes a letter shorter that is too large for its topic; FALSE when it cannot. May be NULL. */
    gboolean (*shorten)(struct bb_letter *letter);
    struct bb_letter *behind; /* it goes when this one is confirmed */
    /* Told of the confirmation before the batches are released. Returns the letter that goes now.
     * NULL: nobody is. [thread of the outbox] */
    struct bb_letter *(*confirmed)(struct bb_letter *letter, const rd_kafka_message_t *message);
    void *keeper; /* for `confirmed` */
} bb_letter;

bb_letter *bb_letter_new(const char *topic);
/* Takes a reference to each of `batches`. */
void bb_letter_hold(bb_letter *letter, bb_batch *const *batches, guint count);
void bb_letter_free(bb_letter *letter);

bb_outbox *bb_outbox_new(const bb_settings *settings, GError **error);

/* An outbox whose letters go through transactions: it has an owner, one thread, that begins and
 * ends them. A letter that cannot be sent spoils the transaction it belongs to. While none is open,
 * and for batches of before its `floor`, letters are given up: their records will be read again. */
bb_outbox *bb_outbox_new_transactional(const bb_settings *settings, const char *id,
                                       gint64 timeout_ms, GError **error);
/* All below: on the owner's thread. `ret_reason`: why it is not DONE, to be freed; set anew. */
bb_transaction_outcome bb_outbox_init(bb_outbox *outbox, gint64 timeout_ms, char **ret_reason);
/* `floor`: epoch of the oldest batches that may send. */
bb_transaction_outcome bb_outbox_begin(bb_outbox *outbox, gint64 floor, char **ret_reason);
/* `offsets` may be NULL: there are none. */
bb_transaction_outcome bb_outbox_commit(bb_outbox *outbox,
                                        const rd_kafka_topic_partition_list_t *offsets,
                                        const rd_kafka_consumer_group_metadata_t *member,
                                        gint64 timeout_ms, char **ret_reason);
/* Lets nothing more in, and gives up what waits. Before an abort. */
void bb_outbox_shut(bb_outbox *outbox);
bb_transaction_outcome bb_outbox_abort(bb_outbox *outbox, gint64 timeout_ms, char **ret_reason);
/* Puts a new producer in the place of this one, which is ended. It is to be initialised. */
gboolean bb_outbox_replace(bb_outbox *outbox, GError **error);
/* Something that belongs to the open transaction could not be sent; and what (NULL: nothing). */
gboolean bb_outbox_is_spoiled(bb_outbox *outbox);
char *bb_outbox_spoiled_reason(bb_outbox *outbox);
/* Every request about a transaction has been answered. */
gboolean bb_outbox_is_clean(bb_outbox *outbox);

/* The producer, for metadata requests. @owns outbox, which may replace it: not while sending */
rd_kafka_t *bb_outbox_client(bb_outbox *outbox);
void bb_outbox_start(bb_outbox *outbox);

/* Takes the letter over. [any thread] Blocks while the producer's queue is full. NO_ERROR: it is on
 * its way for good. Anything else: it can never be sent as it is, or the outbox has been stopped;
 * the letter has been freed. */
rd_kafka_resp_err_t bb_outbox_send(bb_outbox *outbox, bb_letter *letter);
/* Takes the letter over, to go when `before` is confirmed: `before` has a `confirmed` that says so,
 * and the caller knows that it is not confirmed yet. Only of an outbox without transactions. */
void bb_outbox_send_behind(bb_outbox *outbox, bb_letter *letter, bb_letter *before);
/* Letters that are not confirmed. */
guint bb_outbox_pending(bb_outbox *outbox);
/* Ends the thread and gives up what is not confirmed: its items are without outcome again. */
void bb_outbox_stop(bb_outbox *outbox);
void bb_outbox_free(bb_outbox *outbox);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_outbox, bb_outbox_free)

#endif
