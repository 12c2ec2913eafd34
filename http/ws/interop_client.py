"""python3-websockets as the client: usage: interop_client.py PORT. Prints what it saw, a line a case."""

import asyncio
import sys

import websockets


async def echo(uri, compression, messages):
    async with websockets.connect(uri, compression=compression, max_size=None) as socket:
        for message in messages:
            await socket.send(message)
            assert await socket.recv() == message, "not what was sent"
        # In fragments.
        await socket.send(["frag", "ments ", "\u00e9\U0001f600"])
        assert await socket.recv() == "fragments \u00e9\U0001f600"
        await (await socket.ping(b"ping"))
        extension = ",".join(e.name for e in socket.extensions)
    return "%s %s" % (extension or "plain", socket.close_code)


async def closed_by_server(uri, first):
    async with websockets.connect(uri, subprotocols=["x", "chat"]) as socket:
        await socket.send(first)
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed:
            pass
        return "%s %s %s" % (socket.subprotocol, socket.close_code, socket.close_reason)


async def refused(uri, **options):
    try:
        async with websockets.connect(uri, **options):
            return "accepted"
    except websockets.InvalidStatusCode as error:
        return str(error.status_code)


async def main():
    uri = "ws://127.0.0.1:%s" % sys.argv[1]
    messages = ["", "a", "\u20ac" * 1000, b"", b"\x00\xff" * 40000, "text " * 100000]
    print("echo", await echo(uri + "/echo", None, messages))
    print("deflate", await echo(uri + "/echo", "deflate", messages))
    print("closed", await closed_by_server(uri + "/closes", "go"))
    print("too big", await closed_by_server(uri + "/closes", "x" * 2000000))
    print("origin", await refused(uri + "/echo", origin="https://other.example"))
    print("missing", await refused(uri + "/none"))


asyncio.run(main())
