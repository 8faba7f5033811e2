/* Versions of librdkafka for people. */
#ifndef BB_KAFKA_VERSION_H
#define BB_KAFKA_VERSION_H

/* Of the library that runs: "2.0.2". @owns the library */
const char *bb_kafka_version_text(void);
/* Of the headers this was built with, in the same form. */
const char *bb_kafka_build_version_text(void);

#endif
