/* The order of things in exactly-once: what is to be done next about the transaction of an event
 * type, and what follows from how it went.
 *
 * Pure: no Kafka calls, no threads, no clock. The caller asks bb_transaction_next, does what it
 * says and reports with bb_transaction_answer. A transaction is committed only when every record
 * that was handed over in it is final; anything else ends in ABORT, a new producer where the old
 * one cannot be trusted, and REWIND. */
#ifndef BB_TRANSACTION_H
#define BB_TRANSACTION_H

#include <glib.h>
#include <librdkafka/rdkafka.h>

typedef enum {
    BB_TRANSACTION_INIT = 1, /* the producer fences its predecessor; `replace`: a new one does */
    BB_TRANSACTION_REWIND,   /* partitions back to what is committed */
    BB_TRANSACTION_BEGIN,
    BB_TRANSACTION_READ,   /* records may be handed over */
    BB_TRANSACTION_DRAIN,  /* none may; what is out comes back */
    BB_TRANSACTION_COMMIT, /* offsets and all that was sent */
    BB_TRANSACTION_ABORT,  /* discard it; `replace`: without asking the producer, which goes */
    BB_TRANSACTION_WAIT    /* nothing, before `due_ms` */
} bb_transaction_action;

/* How an action went. */
typedef enum {
    BB_OUTCOME_DONE = 1,
    BB_OUTCOME_AGAIN,   /* nothing has changed: the same again later */
    BB_OUTCOME_ABORT,   /* the transaction cannot be committed, its producer is sound */
    BB_OUTCOME_REPLACE, /* what became of it is not known, or the producer is done for */
    BB_OUTCOME_HOPELESS /* no new try can help: the event type stops */
} bb_transaction_outcome;

typedef struct bb_transaction_limits {
    gint64 interval_ms; /* from the first record to the end */
    guint64 records;    /* or so many */
    gint64 drain_ms;    /* longest wait for what is out */
} bb_transaction_limits;

/* What the caller sees. */
typedef struct bb_transaction_view {
    guint64 out;       /* records handed over that have not come back */
    gboolean complete; /* every record that was read is final */
    gboolean spoiled;  /* something that belongs to the transaction could not be sent */
} bb_transaction_view;

typedef struct bb_transaction {
    bb_transaction_limits limits;
    gint state;
    guint64 records;    /* handed over since it began */
    gint64 begun_ms;    /* when the first of them was */
    gint64 deadline_ms; /* of the drain */
    gint64 due_ms;      /* of the next try */
    guint failures;     /* since the last commit */
    gboolean replace;   /* the producer is not to be used again */
    gboolean rewind;    /* records of an aborted transaction are to be read again */
} bb_transaction;

void bb_transaction_init(bb_transaction *transaction, const bb_transaction_limits *limits);

bb_transaction_action bb_transaction_next(bb_transaction *transaction,
                                          const bb_transaction_view *view, gint64 now_ms);
/* How the action went that bb_transaction_next named last. `clean`: every request about the end of
 * the transaction was answered; FALSE costs the producer its place. `random` spreads the wait. */
void bb_transaction_answer(bb_transaction *transaction, bb_transaction_outcome outcome,
                           gboolean clean, gint64 now_ms, guint32 random);

/* Records were handed over. */
void bb_transaction_took(bb_transaction *transaction, guint64 records, gint64 now_ms);
/* It is to end now (a revocation, the end of the run), drained until `deadline_ms`. */
void bb_transaction_end_by(bb_transaction *transaction, gint64 deadline_ms);
/* It cannot be committed: what was handed over is lost to others. */
void bb_transaction_spoil(bb_transaction *transaction);
/* TRUE when nothing was handed over that is not committed. */
gboolean bb_transaction_is_settled(const bb_transaction *transaction);

/* The error of a call, as librdkafka describes it. */
typedef struct bb_transaction_error {
    rd_kafka_resp_err_t code;
    gboolean fatal, retriable, requires_abort;
} bb_transaction_error;

/* What an error means to the action it came from. A commit sends offsets first, which may be tried
 * again; `ending`: it came from the end that follows, whose fate is not known without an answer. */
bb_transaction_outcome bb_transaction_judge(bb_transaction_action action, gboolean ending,
                                            const bb_transaction_error *error);

#endif
