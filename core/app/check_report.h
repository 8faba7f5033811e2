/* What `busbar check` says about a sound configuration. */
#ifndef BB_CHECK_REPORT_H
#define BB_CHECK_REPORT_H

#include "app/session.h"

/* A table for people. */
void bb_check_print(const bb_session *session);
/* What Kafka said about the topics (bb_topic_state *). */
void bb_check_print_topics(const bb_session *session, const GPtrArray *topics);
/* One JSON object for programs; secrets are masked. Kafka was asked when `topics` or `trouble` is
 * given. */
void bb_check_print_json(const bb_session *session, const GPtrArray *topics, const char *trouble);
/* Problems as one JSON object. */
void bb_check_print_problems_json(const GPtrArray *problems);

/* What weakens or bends "at least once" for an event type: char *, maybe none. */
GPtrArray *bb_check_notes(const bb_settings *settings, const bb_event_type *type);

#endif
