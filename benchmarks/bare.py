"""The peer: a script that somebody would write with asyncssh alone, doing what ``retrust check`` sends.

It logs in to both nodes of every site at once, verifies their host keys, opens a shell, types the same
commands and waits for each prompt. With ``looks`` it also looks at the same certificates as often: four times
from here, once through each channel. It judges nothing, keeps nothing, and trusts whatever is answered.

    python benchmarks/bare.py NODES.json commands|looks [AT_ONCE]
"""

import asyncio
import contextlib
import json
import logging
import ssl
import sys

import asyncssh

LOOKS = 4


class Client(asyncssh.SSHClient):
    def __init__(self, fingerprint):
        self.fingerprint = fingerprint

    def validate_host_public_key(self, host, addr, port, key):
        return key.get_fingerprint() == self.fingerprint


async def log_in(stack, node):
    return await stack.enter_async_context(
        asyncssh.connect(
            node["host"],
            node["port"],
            username=node["username"],
            password=node["password"],
            config=None,
            known_hosts=([], [], []),
            client_factory=lambda: Client(node["host_key"]),
            client_keys=None,
            agent_path=None,
        )
    )


async def type_all(connection, node):
    async with connection.create_process(term_type="vt100", term_size=(511, 1000)) as shell:
        await shell.stdout.readuntil(node["prompt"])
        answers = []
        for command in node["commands"]:
            shell.stdin.write(f"{command}\n")
            answers.append(await shell.stdout.readuntil(node["prompt"]))
        return answers


async def look(context, host, port):
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=None)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return certificate


async def look_through(connection, context, host, port):
    reader, writer = await connection.open_connection(host, port, encoding=None)
    came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(came, goes)
    while True:
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            break
        writer.write(goes.read())
        came.write(await reader.read(65536))
    writer.close()
    return tls.getpeercert(binary_form=True)


async def check(site, limit, context):
    async with limit, contextlib.AsyncExitStack() as stack:
        ends = await asyncio.gather(*(log_in(stack, node) for node in site["nodes"]))
        answers = await asyncio.gather(*(type_all(*pair) for pair in zip(ends, site["nodes"], strict=True)))
        if context is not None:
            await asyncio.gather(
                *(look(context, *place) for place in site["looks"] for _ in range(LOOKS)),
                *(look_through(ends[node], context, *place) for node, place in site["channels"]),
            )
        return answers


async def main(sites, what, at_once="100"):
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    context = None
    if what == "looks":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    limit = asyncio.Semaphore(int(at_once))
    answers = await asyncio.gather(*(check(site, limit, context) for site in sites))
    for site in answers:
        assert all("host=" in node[1] for node in site), site
    print(len(answers))


with open(sys.argv[1]) as file:
    listed = json.load(file)
asyncio.run(main(listed, *sys.argv[2:]))
