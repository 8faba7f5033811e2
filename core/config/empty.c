/* config layer; see core/CMakeLists.txt. */
typedef int bb_config_is_not_empty;
