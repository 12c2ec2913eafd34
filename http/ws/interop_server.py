"""python3-websockets as the server: an echo. Prints its port, serves one connection, and prints how it ended."""

import asyncio

import websockets


async def main():
    ended = asyncio.get_running_loop().create_future()

    async def echo(socket):
        try:
            while True:
                await socket.send(await socket.recv())
        except websockets.ConnectionClosed:
            pass
        ended.set_result("%s %s" % (socket.close_code, socket.close_reason))

    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, subprotocols=["chat"]) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        print(await asyncio.wait_for(ended, 30), flush=True)


asyncio.run(main())
