#!/usr/bin/env bash
# A real Apache Kafka (KRaft; every node is broker and controller) on loopback, for the tests.
#
#   kafka.sh fetch             get the jars (start does it too)
#   kafka.sh start [N]         start 1 or 3 nodes and wait until they serve
#   kafka.sh stop | wipe       stop the nodes started here; wipe also deletes their data
#   kafka.sh status | bootstrap
#   kafka.sh node-start ID | node-stop ID | node-kill ID | node-pause ID | node-resume ID
#   kafka.sh topic ARGS... | groups ARGS... | acls ARGS...   Kafka's own tools
#   kafka.sh tool CLASS ARGS...                              any other class of the jars
#
# BUSBAR_KAFKA_DIR    state folder, required, outside the source tree
# BUSBAR_KAFKA_JARS   where the jars are kept (~/.cache/busbar/kafka-jars)
# BUSBAR_KAFKA_PORT   client port of node 1 (19092); node i: + 100 * (i - 1), its controller one above
# BUSBAR_KAFKA_HEAP   heap of a node (512m)
# BUSBAR_KAFKA_JVM    options of a node's JVM (-XX:+UseG1GC)
# BUSBAR_KAFKA_PROPS  more lines for server.properties
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage() { sed -n '2,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
case ${1:-} in '' | -h | --help) usage; [ -n "${1:-}" ] && exit 0; exit 2 ;; esac

jars=${BUSBAR_KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/busbar/kafka-jars}
first_port=${BUSBAR_KAFKA_PORT:-19092}
heap=${BUSBAR_KAFKA_HEAP:-512m}
host=127.0.0.1
cluster_id=busbarTestsAAAAAAAAAAA
if [ "$1" != fetch ]; then
    dir=${BUSBAR_KAFKA_DIR:?set BUSBAR_KAFKA_DIR to a temp folder outside the source tree}
    mkdir -p "$dir"
fi

client_port() { echo $((first_port + 100 * ($1 - 1))); }
controller_port() { echo $((first_port + 100 * ($1 - 1) + 1)); }
node_count() { cat "$dir/nodes" 2>/dev/null || echo 0; }
pid_of() { cat "$dir/node$1.pid" 2>/dev/null || true; }
is_alive() { local pid; pid=$(pid_of "$1"); [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }

bootstrap() {
    local i list=""
    for i in $(seq 1 "$(node_count)"); do list+="${list:+,}$host:$(client_port "$i")"; done
    echo "$list"
}

# The jars arrive beside their place and are moved there whole, so that two tests can ask at once.
fetch() {
    [ -e "$jars/.complete" ] && return 0
    local fresh
    mkdir -p "$(dirname "$jars")"
    fresh=$(mktemp -d "$jars.XXXXXX")
    echo "fetching Kafka's jars into $jars (once, about 100 MB)" >&2
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$fresh" >&2
    : >"$fresh/.complete"
    [ -e "$jars/.complete" ] || { rm -rf "$jars"; mv -T "$fresh" "$jars" 2>/dev/null || true; }
    rm -rf "$fresh"
}

# Nothing expires: tests write records of long ago, and what is past its time goes within half a minute.
properties() { # node, number of nodes
    local voters="" i copies=1 in_sync=1
    [ "$2" -ge 3 ] && copies=3 in_sync=2
    for i in $(seq 1 "$2"); do voters+="${voters:+,}$i@$host:$(controller_port "$i")"; done
    cat <<EOF
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$voters
listeners=PLAINTEXT://$host:$(client_port "$1"),CONTROLLER://$host:$(controller_port "$1")
advertised.listeners=PLAINTEXT://$host:$(client_port "$1")
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$dir/data$1
num.partitions=6
auto.create.topics.enable=false
default.replication.factor=$copies
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$in_sync
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
log.segment.bytes=268435456
log.retention.ms=-1
EOF
    if [ -n "${BUSBAR_KAFKA_PROPS:-}" ]; then printf '%s\n' "$BUSBAR_KAFKA_PROPS"; fi
}

run_java() { # log folder, then arguments
    local logs=$1
    shift
    java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -Dkafka.logs.dir="$logs" \
        -Dlog4j2.configurationFile="$here/log4j2.properties" -cp "$jars/*" "$@"
}

spawn() { # node; in a session of its own, so that a Ctrl-C of the tests does not reach it
    local logs=$dir/logs$1
    mkdir -p "$logs"
    rm -f "$logs/server.log"
    (
        cd "$dir"
        # shellcheck disable=SC2086 # more than one option
        exec setsid java -Xms128m -Xmx"$heap" ${BUSBAR_KAFKA_JVM:--XX:+UseG1GC} -Djava.awt.headless=true \
            -Dkafka.logs.dir="$logs" -Dlog4j2.configurationFile="$here/log4j2.properties" \
            -cp "$jars/*" kafka.Kafka "$dir/node$1.properties" >"$logs/stdout" 2>&1 </dev/null
    ) &
    echo $! >"$dir/node$1.pid"
}

wait_until_up() { # node
    local logs=$dir/logs$1 tenths=0
    until grep -q 'Kafka Server started' "$logs/server.log" 2>/dev/null; do
        if ! is_alive "$1"; then
            echo "node $1 ended while starting; $logs/stdout:" >&2
            tail -5 "$logs/stdout" >&2
            return 1
        fi
        sleep 0.1
        tenths=$((tenths + 1))
        if [ $tenths -ge 900 ]; then
            echo "node $1 does not serve after 90 s; see $logs" >&2
            return 1
        fi
    done
}

node_start() {
    is_alive "$1" && return 0
    spawn "$1"
    wait_until_up "$1"
}

node_end() { # node, signal
    local pid tenths=0
    pid=$(pid_of "$1")
    [ -n "$pid" ] || return 0
    kill -CONT "$pid" 2>/dev/null || true
    kill -"$2" "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
        tenths=$((tenths + 1))
        if [ $tenths -eq 300 ]; then kill -KILL "$pid" 2>/dev/null || true; fi
    done
    rm -f "$dir/node$1.pid"
}

stop_all() {
    local i
    for i in $(seq 1 "$(node_count)"); do node_end "$i" TERM & done
    wait
}

delete_data() { rm -rf "$dir"/data[0-9] "$dir"/logs[0-9] "$dir"/node[0-9].properties "$dir/nodes"; }

format_nodes() { # number of nodes
    local i pids=() pid
    delete_data
    echo "$1" >"$dir/nodes"
    for i in $(seq 1 "$1"); do
        mkdir -p "$dir/logs$i"
        properties "$i" "$1" >"$dir/node$i.properties"
        run_java "$dir/logs$i" kafka.tools.StorageTool format -t "$cluster_id" \
            -c "$dir/node$i.properties" >"$dir/logs$i/format" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || { cat "$dir"/logs[0-9]/format >&2; return 1; }
    done
}

start() { # number of nodes
    local count=$1 i
    case $count in 1 | 3) ;; *) echo "start takes 1 or 3 nodes" >&2; return 2 ;; esac
    for i in 1 2 3; do
        if is_alive "$i"; then echo "already running: $(bootstrap)" >&2; return 1; fi
    done
    fetch
    if [ "$(node_count)" != "$count" ] || [ ! -f "$dir/data1/meta.properties" ]; then
        format_nodes "$count"
    fi
    for i in $(seq 1 "$count"); do properties "$i" "$count" >"$dir/node$i.properties"; spawn "$i"; done
    for i in $(seq 1 "$count"); do wait_until_up "$i"; done
    bootstrap
}

status() {
    local i
    echo "bootstrap $(bootstrap)"
    for i in $(seq 1 "$(node_count)"); do
        if is_alive "$i"; then echo "node $i runs, pid $(pid_of "$i")"; else echo "node $i is down"; fi
    done
}

with_cluster() { # class, arguments
    local class=$1
    shift
    run_java "$dir" "$class" --bootstrap-server "$(bootstrap)" "$@"
}

verb=$1
shift
case $verb in
fetch) fetch ;;
start) start "${1:-1}" ;;
stop) stop_all ;;
wipe) stop_all; delete_data ;;
status) status ;;
bootstrap) bootstrap ;;
node-start) node_start "$1" ;;
node-stop) node_end "$1" TERM ;;
node-kill) node_end "$1" KILL ;;
node-pause) kill -STOP "$(pid_of "$1")" ;;
node-resume) kill -CONT "$(pid_of "$1")" ;;
topic) with_cluster org.apache.kafka.tools.TopicCommand "$@" ;;
groups) with_cluster org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@" ;;
acls) with_cluster org.apache.kafka.tools.AclCommand "$@" ;;
tool) run_java "$dir" "$@" ;;
*) usage >&2; exit 2 ;;
esac
