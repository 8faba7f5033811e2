/* kafka layer; see core/CMakeLists.txt. */
typedef int bb_kafka_is_not_empty;
