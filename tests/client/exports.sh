#!/bin/sh
# exports.sh LIBRARY: fails unless libbusbar shows exactly the functions of busbar/client.h.
found=$(nm -D --defined-only "$1" | sed -n 's/.* [TDBRVW] \([^@]*\).*/\1/p' | sort | tr '\n' ' ')
wanted="busbar_client_close busbar_client_flush busbar_client_open busbar_client_publish busbar_client_publish_batch "
[ "$found" = "$wanted" ] || { echo "found:  $found"; echo "wanted: $wanted"; exit 1; }
