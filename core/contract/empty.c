/* contract layer; see core/CMakeLists.txt. */
typedef int bb_contract_is_not_empty;
