/* event layer; see core/CMakeLists.txt. */
typedef int bb_event_is_not_empty;
