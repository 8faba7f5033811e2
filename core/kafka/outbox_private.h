/* Inside of an outbox, shared by its files: letters and their way (outbox.c), the client
 * (outbox_client.c), transactions (outbox_transaction.c). */
#ifndef BB_OUTBOX_PRIVATE_H
#define BB_OUTBOX_PRIVATE_H

#include "kafka/outbox.h"
#include "kafka/transaction_watch.h"
#include "pipeline/monitor.h"

#define BB_OUTBOX_POLL_MS 20

/* Of an outbox whose letters go through transactions. */
typedef struct bb_outbox_transactions {
    char *id;
    gint64 timeout_ms;
    bb_transaction_watch *watch; /* of the client */
    gboolean open;               /* the gate: letters are let in; under client_lock */
    gint64 floor;                /* none of batches before this epoch is; under client_lock */
    gint spoiled;
    char *reason; /* of that, the first; under monitor */
} bb_outbox_transactions;

struct bb_outbox {
    const bb_settings *settings;
    bb_outbox_transactions *transactions; /* NULL: there are none */
    pthread_rwlock_t client_lock;         /* writers replace the client, open and shut the gate */
    rd_kafka_t *client;
    pthread_t thread;
    gboolean running;
    gint stopping;
    gint pending;
    bb_monitor monitor; /* guards what follows */
    bb_letter *waiting; /* to be tried (again), in no order */
    GHashTable *known;  /* topics that need not be made */
    gint64 said_ms;
    gboolean busy;      /* the thread uses the client */
    gboolean held;      /* and is not to */
    gint64 replaced_ms; /* outbox thread only */
};

/* outbox.c */
bb_outbox *bb_outbox_make(const bb_settings *settings, bb_outbox_transactions *transactions,
                          GError **error);
/* Gives up what waits to be tried again. */
void bb_outbox_give_up_waiting(bb_outbox *outbox);
/* [the thread that polls the client] */
void bb_outbox_on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque);

/* outbox_client.c */
/* `watch` may be NULL. */
rd_kafka_t *bb_outbox_client_new(bb_outbox *outbox, bb_transaction_watch *watch, GError **error);
/* Puts `fresh` in its place and ends the old one, which the outbox's thread does not use; FALSE: it
 * has not ended. */
gboolean bb_outbox_client_swap(bb_outbox *outbox, rd_kafka_t *fresh);
/* Fails what the client has in hand, through the delivery reports. */
void bb_outbox_client_purge(rd_kafka_t *client);

/* outbox_transaction.c */
void bb_outbox_transactions_free(bb_outbox_transactions *transactions);
/* Whether `letter` belongs to the transaction that is open. With client_lock held. */
gboolean bb_outbox_admits(const bb_outbox *outbox, const bb_letter *letter);
/* A letter of the open transaction could not be sent. */
void bb_outbox_spoil(bb_outbox *outbox, const bb_letter *letter, const char *reason);

#endif
