#!/usr/bin/env python3
"""Counts the round trips of a PostgreSQL client, by standing between it and the server.

  count_round_trips.py DIRECTORY OUTPUT COMMAND ARG...

DIRECTORY holds the server's socket. In the ARGs @SOCKET@ becomes the directory of the socket
to connect to instead. What COMMAND prints goes to the file OUTPUT. Prints: connections, round
trips, bytes from the client.

A round trip is a wait of the client for the server: one for the greeting of a connection, and
one for each ReadyForQuery, with which the server ends every answer. A client that sent a
second request without waiting would be counted as if it had waited, never the other way.
Needs Python 3.10 and nothing else.
"""

import asyncio
import sys
import tempfile

SOCKET = ".s.PGSQL.5432"
# The requests for encryption, which the server answers with one byte before the greeting.
ENCRYPTION_REQUESTS = (80877103, 80877104)


class Count:
    """What went through."""

    def __init__(self):
        self.connections = 0
        self.round_trips = 0
        self.bytes_sent = 0


async def pass_on_requests(client, server, count):
    """Passes on what the client says."""
    while data := await client.read(1 << 16):
        count.bytes_sent += len(data)
        server.write(data)
        await server.drain()
    server.close()


async def pass_on_answers(server, client, count):
    """Passes on what the server says, and counts the ends of answers."""
    unread = b""
    while data := await server.read(1 << 16):
        unread += data
        at = 0
        while len(unread) - at >= 5:
            end = at + 1 + int.from_bytes(unread[at + 1 : at + 5], "big")
            if end > len(unread):
                break
            if unread[at : at + 1] == b"Z":
                count.round_trips += 1
            at = end
        unread = unread[at:]
        client.write(data)
        await client.drain()
    client.close()


async def serve(directory, client_reader, client_writer, count):
    """Passes one connection on, both ways."""
    head = await client_reader.readexactly(8)
    if int.from_bytes(head[4:], "big") in ENCRYPTION_REQUESTS:
        sys.exit("count_round_trips.py: the client wants encryption: connect with sslmode=disable")
    server_reader, server_writer = await asyncio.open_unix_connection(f"{directory}/{SOCKET}")
    count.connections += 1
    count.bytes_sent += len(head)
    server_writer.write(head)
    await asyncio.gather(
        pass_on_requests(client_reader, server_writer, count),
        pass_on_answers(server_reader, client_writer, count),
    )


async def main(directory, output, *command):
    count, connections = Count(), []
    with tempfile.TemporaryDirectory() as own, open(output, "wb") as out:

        async def accept(reader, writer):
            connections.append(asyncio.current_task())
            await serve(directory, reader, writer, count)

        listening = await asyncio.start_unix_server(accept, f"{own}/{SOCKET}")
        client = await asyncio.create_subprocess_exec(
            *[argument.replace("@SOCKET@", own) for argument in command], stdout=out
        )
        status = await client.wait()
        await asyncio.gather(*connections)
        listening.close()
    if status != 0:
        sys.exit(f"count_round_trips.py: exit {status}: {' '.join(command)}")
    print(count.connections, count.round_trips, count.bytes_sent)


if len(sys.argv) < 4 or sys.argv[1] in ("-h", "--help"):
    sys.exit(__doc__)
asyncio.run(main(*sys.argv[1:]))
