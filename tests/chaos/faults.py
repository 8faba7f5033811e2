"""The table of faults. Each is a generator: what stands before its first `yield` happens before busbar starts, the rest while it works;
every `yield` lets a little time pass. `repeats` of a run says that events may come twice after it: something died that could not drain;
`losses` that at_most_once may have lost then what it had committed."""
import os
import resource
import signal
import subprocess
import time
import zlib

FAULTS = {}  # name -> (function, tiers)
ALL = ("mock", "single", "cluster")
REAL = ("single", "cluster")
POINTS = ("consume.read", "consume.hand", "consume.account", "lane.begin", "lane.stage", "lane.flush", "lane.flushed", "lane.finish",
          "commit.begin", "commit.sent", "commit.answer", "assign.begin", "assign.done", "letter.make", "letter.send", "letter.sent",
          "letter.confirmed", "letter.topic")
TRANSACTION_POINTS = ("transaction.init", "transaction.rewind", "transaction.begin", "transaction.offsets", "transaction.end",
                      "transaction.abort", "transaction.done")
REVOKE_POINTS = ("revoke.begin", "revoke.settled", "revoke.committed", "revoke.done")
DRAIN_POINTS = ("drain.begin", "drain.settled", "drain.committed", "drain.closed")
RARE = ("assign.begin", "assign.done", "letter.make", "letter.send", "letter.sent", "letter.confirmed", "letter.topic", *REVOKE_POINTS,
        *DRAIN_POINTS)
DEATHS = ("abort", "segv", "exit")
OPS = ("validate", "enrich", "handle", "sink", "flush")


def fault(name, tiers=ALL):
    def add(function):
        FAULTS[name] = (function, tiers)
        return function
    return add


def some_time(run, least=0.0, most=1.5):
    """Lets a time pass that the seed decides."""
    for _ in range(int(run.chance.uniform(least, most) / 0.05)):
        yield


@fault("none")
def none(run):
    yield


def at_point(point, action, repeats):
    """A fault point of a test build, reached for a time that the seed decides."""
    def act(run):
        nth = run.chance.choice([1, 1, 2] if point in RARE else [1, 2, 5, 20])
        given = run.environment.get("BB_FAULT", "")
        run.environment["BB_FAULT"] = f"{given};{point}:{nth}:{action}".lstrip(";")
        run.repeats |= repeats
        run.losses |= repeats
        yield
        if point in REVOKE_POINTS:
            yield from joins_and_leaves(run, 2)
        if point in DRAIN_POINTS:
            yield from restart(run)
    return act


for _point in (*POINTS, *TRANSACTION_POINTS, *REVOKE_POINTS, *DRAIN_POINTS):
    FAULTS[f"kill@{_point}"] = (at_point(_point, "kill", True), ALL)
    FAULTS[f"kill_supervisor@{_point}"] = (at_point(_point, "parent", True), ALL)
    FAULTS[f"delay@{_point}"] = (at_point(_point, "delay:400", False), ALL)
FAULTS["fail@commit.begin"] = (at_point("commit.begin", "errno:ECONNRESET", False), ALL)
FAULTS["fail@letter.answer"] = (at_point("letter.answer", "errno:ETIMEDOUT", True), ALL)


@fault("kill_worker")
def kill_worker(run):
    run.repeats = run.losses = True
    yield
    for _ in range(run.chance.randrange(1, 4)):
        yield from some_time(run, 0.1, 0.7)
        run.signal_worker(signal.SIGKILL)


@fault("kill_supervisor")
def kill_supervisor(run):
    run.repeats = run.losses = True
    yield
    for _ in range(run.chance.randrange(1, 3)):
        yield from some_time(run, 0.1, 0.7)
        run.members[-1].kill()


def pause(run, seconds):
    """SIGSTOP for longer than the session lasts: the group goes on without it, and it comes back."""
    run.repeats = run.losses = True
    yield
    yield from some_time(run, 0.1, 0.8)
    pid = run.signal_worker(signal.SIGSTOP)
    for _ in range(int(seconds / 0.05)):
        yield
    try:
        os.kill(pid, signal.SIGCONT)
    except (ProcessLookupError, TypeError):
        pass


@fault("stop_5s")
def stop_short(run):
    yield from pause(run, 5)


@fault("stop_20s", REAL)
def stop_long(run):
    run.settle_seconds = 90
    yield from pause(run, 20)


def restart(run):
    yield from some_time(run, 0.1, 0.8)
    member = run.members[-1]
    run.check_exit(run.end_member(member))


@fault("restart")
def clean_restart(run):
    """Stopped with SIGTERM and started again: nothing may come twice."""
    yield
    for _ in range(2):
        yield from restart(run)


@fault("restart_fast")
def fast_restart(run):
    """A second signal ends without waiting: what was in hand comes again."""
    run.repeats = run.losses = True
    yield
    yield from some_time(run, 0.1, 0.8)
    member = run.members[-1]
    member.send_signal(signal.SIGTERM)
    run.end_member(member)


def joins_and_leaves(run, times):
    run.repeats |= run.broker.tier == "mock"  # other than Kafka it takes no commit while it rebalances
    for _ in range(times):
        yield from some_time(run, 0.1, 0.4)
        run.wanted = 2
        yield from some_time(run, 0.5, 1.0)
        run.wanted = 1
        if len(run.members) > 1:
            run.end_member(run.members[run.chance.randrange(2)])


@fault("rebalances")
def rebalances(run):
    """Members join and leave, cleanly: nothing may come twice."""
    yield
    yield from joins_and_leaves(run, 3)


@fault("rebalances_by_kill")
def rebalances_by_kill(run):
    run.repeats = run.losses = True
    yield
    for _ in range(2):
        run.wanted = 2
        yield from some_time(run, 0.5, 1.0)
        if len(run.members) > 1:
            run.signal_worker(signal.SIGKILL, run.members[run.chance.randrange(2)])
    run.wanted = 1
    while len(run.members) > 1:
        run.end_member(run.members[0])


def dies(how):
    def act(run):
        """A function of the plugin ends the process, once."""
        run.repeats = run.losses = True
        yield
        yield from some_time(run, 0.0, 1.0)
        run.control(run.chance.choice(OPS), how)
        yield
    return act


for _how in DEATHS:
    FAULTS[f"plugin_{_how}"] = (dies(_how), ALL)


def worker_size(pid):
    """Bytes of address space of a process."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def is_alive(pid):
    return pid is not None and os.path.exists(f"/proc/{pid}")


def bound_memory(run, more):
    """The worker may have `more` bytes than it has now. Its successor may have what it likes."""
    pid = run.worker_of(run.members[-1]) if run.members else None
    try:
        if pid:
            resource.prlimit(pid, resource.RLIMIT_AS, (worker_size(pid) + more, resource.RLIM_INFINITY))
    except (ProcessLookupError, FileNotFoundError):
        return None
    return pid


@fault("plugin_leaks")
def plugin_leaks(run):
    """A function of the plugin takes all memory that its process may have: the worker cannot go on, another one does."""
    run.repeats = run.losses = True
    yield
    yield from some_time(run, 0.0, 0.8)
    pid = bound_memory(run, 32 << 20)
    stage = run.chance.choice(["validate", "enrich", "handle"])
    if pid:
        run.control(stage, "leak 256")
    for _ in range(60):
        if not is_alive(pid):
            run.note("the worker died of it")
            break
        yield
    run.uncontrol(stage)


@fault("memory_short")
def memory_short(run):
    """For a while the worker gets hardly any more memory."""
    run.repeats = run.losses = True
    yield
    yield from some_time(run, 0.0, 0.8)
    pid = bound_memory(run, run.chance.choice([0, 256 << 10, 2 << 20]))
    yield from some_time(run, 0.5, 1.5)
    if not is_alive(pid):
        run.note("the worker died of it")
    try:
        if pid:
            resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ProcessLookupError:
        pass


def answers(how):
    def act(run):
        """A function of the plugin answers for its whole call, once for each function: an error, or nothing at all."""
        yield
        for op in run.chance.sample(OPS, 5):
            run.control(op, how)
            yield from some_time(run, 0.05, 0.3)
        for op in OPS:
            run.uncontrol(op)
    return act


FAULTS["plugin_error"] = (answers("error"), ALL)
FAULTS["plugin_zero"] = (answers("zero"), ALL)


def while_there(name, stage, text, least, most):
    def act(run):
        yield
        yield from some_time(run, 0.0, 0.5)
        run.control(stage, text)
        yield from some_time(run, least, most)
        run.uncontrol(stage)
    FAULTS[name] = (act, ALL)


while_there("handler_slow", "sink", "slow 60", 1, 2)
while_there("handler_down", "sink", "down", 1, 2)
while_there("handle_down", "handle", "down", 1, 2)
while_there("flush_down", "flush", "down", 1, 2)
while_there("handler_fails_1", "sink", "fail 1", 2, 3)
while_there("handler_fails_always", "sink", "fail 100", 0.3, 0.6)
while_there("handle_fails_10", "handle", "fail 10", 1, 2)
while_there("enrich_fails_10", "enrich", "fail 10", 1, 2)


@fault("disk_full")
def disk_full(run):
    """Writes of the handler fail as on a full disk, some in a row."""
    first = run.chance.choice([1, 3, 8])
    writes = ";".join(f"write:{first + i}:errno:ENOSPC" for i in range(run.chance.randrange(1, 6)))
    run.preload(BB_FAULT=f"{run.environment.get('BB_FAULT', '')};{writes}".lstrip(";"))
    yield


@fault("disk_short_writes")
def short_writes(run):
    run.preload(BB_FAULT=f"{run.environment.get('BB_FAULT', '')};write:1:short;write:4:short;write:9:short".lstrip(";"))
    yield


def clock_jumps(step_ms):
    def act(run):
        """The wall clock of busbar jumps; the monotonic one does not, as on any Linux."""
        run.preload(BB_CLOCK=f"{run.chance.uniform(3, 4.5):.1f}:{step_ms}")
        run.wall_clock_is_right = False
        yield
    return act


FAULTS["clock_forward"] = (clock_jumps(3600000), ALL)
FAULTS["clock_back"] = (clock_jumps(-3600000), ALL)

KINDS = {"Produce": 0, "Fetch": 1, "ListOffsets": 2, "Metadata": 3, "OffsetCommit": 8, "OffsetFetch": 9, "FindCoordinator": 10,
         "JoinGroup": 11, "Heartbeat": 12, "LeaveGroup": 13, "SyncGroup": 14}
TRANSACTION_KINDS = {"InitProducerId": 22, "AddPartitionsToTxn": 24, "AddOffsetsToTxn": 25, "EndTxn": 26, "TxnOffsetCommit": 28}
EARLY = ("ListOffsets", "Metadata", "OffsetFetch", "FindCoordinator", "JoinGroup", "SyncGroup")


def on_the_way(kind, action, direction, number):
    def act(run):
        """The proxy does this to some requests of a kind, or to their answers. A member whose heartbeats (or what holds them up) come
        too late is put out of its group, and the embedded broker does not recognise a record that is sent again."""
        run.repeats |= action in ("hold", "throttle") and kind not in ("Fetch", "Produce", "ListOffsets", "Metadata")
        run.repeats |= action == "drop" and kind in ("OffsetFetch", "FindCoordinator", "JoinGroup", "Heartbeat", "LeaveGroup", "SyncGroup")
        run.repeats |= kind == "Produce" and run.broker.tier == "mock"
        run.losses |= run.repeats
        api = {**KINDS, **TRANSACTION_KINDS}[kind]
        run.start_proxy()
        if kind in EARLY and run.chance.random() < 0.7:
            run.rule(f"{action} {direction} {api} * 1 {number}")
        yield
        if kind == "LeaveGroup":
            run.rule(f"{action} {direction} {api} * 1 {number}")
            yield from restart(run)
            return
        for _ in range(2):
            yield from some_time(run, 0.1, 0.6)
            run.rule(f"{action} {direction} {api} * {run.chance.choice([1, 1, 2])} {number}")
    return act


for _kind in (*KINDS, *TRANSACTION_KINDS):
    for _action, _direction, _number in (("hold", "request", 1500), ("hold", "response", 1500), ("drop", "request", 0),
                                         ("drop", "response", 0), ("reset", "request", 0), ("reset", "response", 0),
                                         ("swap", "request", 0), ("throttle", "response", 30000)):
        _what = {"request": "", "response": "_answer"}[_direction]
        FAULTS[f"{_action}{_what}:{_kind}"] = (on_the_way(_kind, _action, _direction, _number), ALL)


@fault("dead_letters_away")
def dead_letters_away(run):
    """Nothing can be produced for a while: records that are refused must wait."""
    run.start_proxy()
    run.rule("drop request 0 * 1+")
    yield
    yield from some_time(run, 1, 3)
    run.rule("clear")


@fault("broker_kill", REAL)
def broker_kill(run):
    """kill -9 of a node and its return. What one node had acknowledged is in the page cache, which survives that. A session does not
    outlast a coordinator that is away."""
    run.repeats = run.losses = True
    yield
    yield from some_time(run, 0.2, 1.0)
    node = run.chance.randrange(1, run.broker.kafka.nodes + 1)
    run.broker.kafka.node("kill", node)
    yield from some_time(run, 0.5, 2)
    start_node(run, node)


@fault("broker_restart", REAL)
def broker_restart(run):
    """Node after node, as an upgrade does it."""
    run.repeats = run.losses = True
    yield
    yield from some_time(run, 0.2, 0.6)
    for node in range(1, run.broker.kafka.nodes + 1):
        run.broker.kafka.node("stop", node)
        start_node(run, node)
        yield from some_time(run, 0.5, 1)


@fault("broker_pause", REAL)
def broker_pause(run):
    """A node that stands still for longer than a session."""
    run.repeats = run.losses = True
    yield
    yield from some_time(run, 0.2, 1.0)
    node = run.chance.randrange(1, run.broker.kafka.nodes + 1)
    run.broker.kafka.node("pause", node)
    yield from some_time(run, 1, 4)
    run.broker.kafka.node("resume", node)


def node_goes(run, find, verb, least, most):
    """A node that has a part in the run's group or topic goes and comes back."""
    run.repeats = run.losses = True
    yield
    yield from some_time(run, 0.2, 1.0)
    node = find()
    run.broker.kafka.node(verb, node)
    yield from some_time(run, least, most)
    if verb == "pause":
        run.broker.kafka.node("resume", node)
    else:
        start_node(run, node)


@fault("coordinator_kill", ("cluster",))
def coordinator_kill(run):
    """kill -9 of the node that has the group: another one takes it over."""
    yield from node_goes(run, lambda: run.broker.coordinator(run.group), "kill", 2, 6)


@fault("coordinator_pause", ("cluster",))
def coordinator_pause(run):
    """It stands still for longer than a session."""
    yield from node_goes(run, lambda: run.broker.coordinator(run.group), "pause", 3.5, 6)


@fault("leader_kill", ("cluster",))
def leader_kill(run):
    """kill -9 of the node that leads one of the partitions: a follower does, from where it is."""
    partition = run.chance.randrange(4)
    yield from node_goes(run, lambda: run.broker.leader(run.topic, partition), "kill", 2, 6)


@fault("leader_moves", ("cluster",))
def leader_moves(run):
    """The node that leads one of the partitions is stopped in order, which hands its partitions over first."""
    partition = run.chance.randrange(4)
    yield from node_goes(run, lambda: run.broker.leader(run.topic, partition), "stop", 0.5, 2)


@fault("offset_out_of_range", REAL)
def offset_out_of_range(run):
    """While the group is behind and away, the topic's oldest records are deleted: busbar must stop with the choices, at every start,
    until somebody chooses; then it goes on with what is there."""
    run.at_once = 0.1
    yield
    yield from some_time(run, 0.2, 0.6)
    stop_all(run)
    while not run.load_done or run.producer.poll() is None:
        yield
    cuts = delete_unread(run)
    log_before = len(run.log())
    if cuts:
        run.wanted = 1
        for _ in range(600):
            if run.exits and run.exits[-1] != 0 and "on_out_of_range is `stop`" in run.log()[log_before:]:
                run.note("busbar stopped and named the choices")
                break
            yield
        else:
            run.problems.append("busbar did not stop at records that were deleted before they were handled")
        stop_all(run, checked=False)
    chosen = int(time.monotonic() * 1000000) if not run.problems else "-"
    with open(run.path("deleted.tsv"), "w") as out:
        out.writelines(f"{chosen}\t{partition}\t{committed}\t{first}\n" for partition, (committed, first) in cuts.items())
    run.consume += ", on_out_of_range: earliest"
    run.write_config()
    run.wanted = 1
    yield


def stop_all(run, checked=True):
    run.wanted = 0
    for member in list(run.members):
        code = run.end_member(member)
        if checked:
            run.check_exit(code)


def delete_unread(run):
    """Half of what is not committed of each partition, at least. Returns {partition: (committed, first that is left)}."""
    run.broker.dump(run.topic, run.path("topic.wire"))
    committed = run.broker.tools.committed(run.group, run.topic, 4)
    cuts = {}
    for partition, end in run.ends().items():
        behind = end - committed[partition]
        if committed[partition] >= 0 and behind > 1:  # one without an offset counts as new
            cuts[partition] = (committed[partition], committed[partition] + run.chance.randrange(behind // 2, behind) + 1)
    for partition, (_, first) in cuts.items():
        run.broker.cut(run.topic, partition, first)
    return cuts


@fault("partitions_added", REAL)
def partitions_added(run):
    yield
    yield from some_time(run, 0.2, 0.6)
    run.broker.grow_topic(run.topic, 6)
    yield from some_time(run, 0.5, 1)


@fault("topic_made_again", REAL)
def topic_made_again(run):
    """A topic that was consumed is deleted and, after the group has seen that, made again: its new records all count."""
    run.properties += ", topic.metadata.refresh.interval.ms: 500"
    run.consume += ", on_out_of_range: earliest"
    run.at_once = -1000  # the load comes when this is over
    yield
    first = [run.make_value("first", f"k{i}", 0) for i in range(300)]
    run.broker.tools.write(run.topic, [(-1, 1, f"k{i}".encode(), value, []) for i, value in enumerate(first)])
    with open(run.path("produced.tsv"), "a") as out:
        out.writelines(f"first-k{i}-0\t{zlib.crc32(value):08x}\tfailed\t-1\t-1\n" for i, value in enumerate(first))
    for _ in range(400):
        if sum(run.committed().values()) >= len(first):
            break
        yield
    run.broker.delete_topic(run.topic)
    yield from some_time(run, 2.5, 2.6)
    os.truncate(run.path("commits.tsv"), 0)
    run.broker.make_topic(run.topic)
    run.at_once, run.load_began = 0, time.monotonic()
    yield from some_time(run, 1, 2)



@fault("killer_segv")
def killer_segv(run):
    """A record that ends the process whenever it is handled: it alone becomes a dead letter."""
    yield from killer(run, "segv")


@fault("killer_abort")
def killer_abort(run):
    yield from killer(run, "abort")


@fault("killer_exit")
def killer_exit(run):
    yield from killer(run, "exit")


@fault("killer_loop")
def killer_loop(run):
    run.deadline = "2s"
    yield from killer(run, "loop")


@fault("plugin_loop")
def plugin_loop(run):
    """A function of the plugin does not return, once."""
    run.deadline = "2s"
    yield from dies("loop")(run)


def killer(run, how):
    run.repeats = run.losses = True
    run.killers = [(run.chance.randrange(run.records), how)]
    run.settle_seconds = 90
    yield


def start_node(run, node):
    run.settle_seconds = 90
    run.broker.kafka.node("start", node)


@fault("planted_skip", ())
def planted_skip(run):
    """No fault of busbar's: the handler says PASS and writes nothing now and then. The checker must see it; never drawn."""
    yield
    run.control("sink", "skip")
    yield


def hits_brokers(name):
    """Runs beside it would be hit too."""
    return name.startswith(("broker_", "coordinator_", "leader_"))


def leaves_a_note(name):
    """What happened says so in the run's line, where it can: fault points, preloaded writes and the proxy."""
    return "@" in name or ":" in name or name.startswith(("disk", "dead_letters", "plugin_leaks"))


def group_of(name):
    """Faults of one kind, so that a kind with many members is drawn no more often than others."""
    for sign in "@:":
        if sign in name:
            return name.split(sign)[0 if sign == "@" else 1]
    return name.split("_")[0] if name.startswith(("plugin", "handle", "broker", "clock", "disk")) else name


def fits(name, tier, mode):
    """Exactly once is a matter between topics of a real Kafka: there is no handler that writes files; and transactions are its alone."""
    if mode == "exactly_once":
        return not name.startswith(("handler_", "flush_", "disk_"))
    if mode == "at_most_once" and (name == "fail@letter.answer" or (tier == "mock" and (name.endswith(":Produce")))):
        return False  # a dead letter whose answer is lost is sent again, and that broker takes it again
    return not name.endswith(tuple(f":{kind}" for kind in TRANSACTION_KINDS)) and "@transaction." not in name


def draw(tier, mode, chance):
    """One fault, or two at once, for this tier."""
    groups = {}
    for name in sorted(name for name, (_, tiers) in FAULTS.items() if tier in tiers and fits(name, tier, mode)):
        groups.setdefault(group_of(name), []).append(name)
    return [chance.choice(groups[group]) for group in chance.sample(sorted(groups), chance.choice([1, 1, 1, 2]))]
