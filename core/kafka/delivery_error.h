/* What a delivery error means to the one who published. */
#ifndef BB_DELIVERY_ERROR_H
#define BB_DELIVERY_ERROR_H

#include <glib.h>
#include <librdkafka/rdkafka.h>

/* Whether the same event may pass later without anyone changing anything. */
gboolean bb_delivery_retriable(rd_kafka_resp_err_t code);
/* One sentence that names the topic and, where there is one, the way out. `stored`: whether the
 * broker may have the record all the same. */
char *bb_delivery_text(rd_kafka_resp_err_t code, const char *topic, rd_kafka_msg_status_t stored);
/* Whether a new producer cannot help against this fatal error. */
gboolean bb_delivery_hopeless(rd_kafka_resp_err_t code);

#endif
