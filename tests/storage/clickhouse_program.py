#!/usr/bin/env python3
"""Stands in for the program `clickhouse` where only its engine is: PyPI's wheel chdb behind the test server of clickhouse_server.py.

It is not ClickHouse's program. It reads the configuration files that the real one is given, for the ports, the password and the place of
the data, and takes queries over HTTP on both ports; the engine that answers them is the real one.

  clickhouse_program.py WHEEL client --version
  clickhouse_program.py WHEEL server --config-file FILE
  clickhouse_program.py WHEEL client --config-file FILE --query QUERY"""
import os
import sys
import threading
import urllib.request
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clickhouse_server  # noqa: E402


def serve(wheel, config):
    users = xml.etree.ElementTree.parse(config.findtext("user_directories/users_xml/path")).getroot()
    clickhouse_server.PASSWORD = users.findtext("users/default/password")
    data, threads = config.findtext("path"), []
    for name in ("http_port", "tcp_port"):
        server = clickhouse_server.listen(config.findtext("listen_host"), int(config.findtext(name)), wheel,
                                          os.path.dirname(os.path.dirname(data)), data)
        threads.append(threading.Thread(target=server.serve_forever))
        threads[-1].start()
    threads[0].join()


def ask(config, query):
    request = urllib.request.Request(f"http://{config.findtext('host')}:{config.findtext('port')}/", data=query.encode(),
                                     headers={"X-ClickHouse-Key": config.findtext("password")})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            sys.stdout.buffer.write(answer.read())
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode())


def main():
    wheel, mode, *arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print("ClickHouse client version 26.9.0.1.")
    elif mode == "server" and arguments[0] == "--config-file":
        serve(wheel, xml.etree.ElementTree.parse(arguments[1]).getroot())
    elif mode == "client" and (arguments[0], arguments[2]) == ("--config-file", "--query"):
        ask(xml.etree.ElementTree.parse(arguments[1]).getroot(), arguments[3])
    else:
        sys.exit(f"Unrecognized option: {arguments}")


if __name__ == "__main__":
    main()
