/* plugin layer; see core/CMakeLists.txt. */
typedef int bb_plugin_is_not_empty;
