/* pipeline layer; see core/CMakeLists.txt. */
typedef int bb_pipeline_is_not_empty;
