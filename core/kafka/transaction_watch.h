/* Watches the requests that decide about a transaction on their way to the broker.
 *
 * librdkafka sends a request again, on another connection, when its answer does not come. The first
 * one may still be held up in the network and reach the coordinator while the next transaction is
 * open, which it then ends, or whose offsets it sets back. A producer with such a request behind it
 * is not to begin another transaction: a new one, initialised, fences whatever the old one sent. */
#ifndef BB_TRANSACTION_WATCH_H
#define BB_TRANSACTION_WATCH_H

#include <glib.h>
#include <librdkafka/rdkafka.h>

typedef struct bb_transaction_watch bb_transaction_watch;

bb_transaction_watch *bb_transaction_watch_new(void);
void bb_transaction_watch_free(bb_transaction_watch *watch);

/* Installs the watch; it must live as long as the client that is made from `conf`. */
gboolean bb_transaction_watch_install(bb_transaction_watch *watch, rd_kafka_conf_t *conf,
                                      GError **error);
/* TRUE while each request has had its answer. [any thread] */
gboolean bb_transaction_watch_is_clean(bb_transaction_watch *watch);

/* What the client calls; of one answer it may tell several times. [any thread] */
void bb_transaction_watch_sent(bb_transaction_watch *watch, gint16 api_key);
void bb_transaction_watch_answered(bb_transaction_watch *watch, gint16 api_key,
                                   rd_kafka_resp_err_t code);

#endif
