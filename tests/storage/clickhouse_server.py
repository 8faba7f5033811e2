#!/usr/bin/env python3
"""A test server: the query and the body of ClickHouse's HTTP interface, handed to the engine of PyPI's wheel chdb.

It is not a ClickHouse server. The engine is the real one, with its types, errors and deduplication; what speaks HTTP is this file:
`query` in the URL or in the body, settings as parameters, bodies with Content-Encoding, name and password in headers, the code of an
exception in X-ClickHouse-Exception-Code. Faults that the engine does not make on demand are asked for with POST /fault.

  python3 clickhouse_server.py FOLDER PORT WHEEL     serves until it is killed; the data are in FOLDER"""
import contextlib
import http.server
import json
import os
import queue
import re
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import urllib.parse

OWN = {"query", "database", "wait_end_of_query"}
SUFFIXES = {"zstd": "zst", "gzip": "gz", "": "none"}
PASSWORD = "wonder land's\\ pass"
faults = []
lock = threading.Lock()
idle = queue.SimpleQueue()  # sessions: the engine runs one query of each at a time
count = {"inserts": 0, "queries": 0, "ended": {}}  # ended: table: when its last insert was done, by time.time()


def with_settings(query, settings):
    """The query with a SETTINGS clause before its FORMAT; statements without FORMAT take none."""
    text = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
    head, mark, form = query.rpartition(" FORMAT ")
    return f"{head} SETTINGS {text}{mark}{form}" if mark and text and not query.startswith("DESCRIBE") else query


def take_fault(query):
    """The first fault that is due for the query; each counts down."""
    with lock:
        for fault in faults:
            if fault["times"] > 0 and re.search(fault["match"], query):
                if fault.get("skip", 0) > 0:
                    fault["skip"] -= 1
                    return None
                fault["times"] -= 1
                return fault
    return None


@contextlib.contextmanager
def engine(server):
    """A session that nobody else uses meanwhile."""
    try:
        session = idle.get_nowait()
    except queue.Empty:
        session = server.new_session()
    try:
        yield session
    finally:
        idle.put(session)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, body, code=0):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    @staticmethod
    def kill(fault):
        """The client with all of its group, where the fault names it: it never learns how the query ended."""
        if "group" in fault:
            os.killpg(fault["group"], signal.SIGKILL)

    def run(self, query, settings, body):
        """Rows as bytes, or an exception of the engine."""
        if not query.startswith("INSERT") or " FORMAT " not in query:
            with engine(self.server) as session:
                return session.query(with_settings(query, settings), "TSV").bytes()
        encoding = self.headers.get("Content-Encoding", "")
        with tempfile.NamedTemporaryFile(dir=self.server.folder, suffix=".body") as file:
            file.write(body)
            file.flush()
            target, mark, form = query.rpartition(" FORMAT ")
            text = f"{target} FROM INFILE '{file.name}' COMPRESSION '{SUFFIXES[encoding]}'{mark}{form}"
            with engine(self.server) as session:
                found = session.query(with_settings(text, settings), "TSV").bytes()
        with lock:
            count["ended"][query.split()[2].replace("`", "")] = time.time()
        return found

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        address = urllib.parse.urlsplit(self.path)
        if address.path == "/fault":
            with lock:
                faults[:] = json.loads(body)
            return self.answer(200, json.dumps(count).encode())
        if address.path == "/pending":
            with lock:
                return self.answer(200, str(sum(fault["times"] for fault in faults)).encode())
        parameters = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
        query, inline = parameters.get("query"), False
        if query is None:
            query, inline = body.decode(), True
        settings = {name: value for name, value in parameters.items() if name not in OWN}
        if self.headers.get("X-ClickHouse-Key") != PASSWORD:
            return self.answer(403, b"Code: 516. DB::Exception: default: Authentication failed. (AUTHENTICATION_FAILED)", 516)
        count["inserts" if query.startswith("INSERT") else "queries"] += 1
        fault = take_fault(query) or {}
        if fault.get("kind") == "reset":
            self.kill(fault)
            return self.reset()
        if fault.get("kind") == "slow":
            time.sleep(fault["seconds"])
        if fault.get("kind") == "answer":
            return self.answer(fault["status"], fault["body"].encode(), fault.get("code", 0))
        try:
            found = self.run(query, settings, b"" if inline else body)
        except Exception as error:  # whatever the engine raises
            if fault.get("kind") == "late":  # it is about queries that were done
                with lock:
                    fault["times"] += 1
            text = re.sub(r"^.*?(?=Code: \d+)", "", str(error), flags=re.S)
            code = re.match(r"Code: (\d+)", text)
            return self.answer(500, text.encode(), int(code[1]) if code else 1002)
        if fault.get("kind") == "late":  # done, and nobody hears of it
            self.kill(fault)
            time.sleep(fault.get("seconds", 0))
            return self.reset()
        return self.answer(200, found)


def listen(host, port, wheel, folder, data):
    """A server over the data in a folder, with the first session of the engine open."""
    if wheel not in sys.path:
        sys.path.insert(0, wheel)
    from chdb import session
    server = http.server.ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    server.folder = folder
    server.new_session = lambda: session.Session(data)
    with engine(server):
        return server


def main():
    folder, port, wheel = sys.argv[1:4]
    server = listen("127.0.0.1", int(port), wheel, folder, os.path.join(folder, "data"))
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
