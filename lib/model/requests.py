"""Many requests to a server at once: tried again, and whose fault a failure is."""

import asyncio
import random
import time
from itertools import islice

from lib.model.server import Failure, Usage, client_of, try_once
from lib.records import StageError

# fields of a request whose last message is a turn of the assistant to go on with: vLLM, SGLang
CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}


async def complete(client, server, messages, seed, temperature, top_p, max_tokens, extra=None):
    """As try_once, with retries.

    Raises Failure where this request alone fails, StageError where the server answers no other either. A
    server that fails at one request twice (HTTP 500) and answers others is not asked a third time.
    """
    sampling = dict(temperature=temperature, top_p=top_p, max_tokens=max_tokens, extra_body=extra)
    if server.seed:
        sampling["seed"] = seed % 2**31  # 31 bits: what every server takes
    began, answered = time.time(), None
    for attempt in range(server.retries + 1):
        try:
            return await try_once(client, server, messages, sampling)
        except Failure as error:
            failure = error
        refuse_switched_off(server, failure)
        if answered is not None and failure.may_be_of_the_request():
            if client.usage.requests > answered or not await refusal_of_all(
                client, server, messages, sampling
            ):
                raise failure
        answered = client.usage.requests  # an answer to another request from here on says that it lives
        late = time.time() - began + failure.wait > 2 * server.timeout
        if not failure.again or attempt == server.retries or late:
            break
        if failure.status not in client.told:  # of many in flight the first; what follows may take minutes
            client.told.add(failure.status)
            print(f"{server.url}: {failure.why}; trying again, {server.retries} times at most", flush=True)
        await asyncio.sleep(failure.wait + min(60, 2**attempt) * random.uniform(0.5, 1.5))
    refusal = await refusal_of_all(client, server, messages, sampling)
    if not refusal:
        raise failure
    then = f"; then {refusal.why}" if refusal.why != failure.why else ""
    does = "refuses every request" if refusal.status else "does not answer"
    raise StageError(
        f"{server.url}: the model {server.name!r} {does}: {failure.why}{then}\n"
        "  everything answered is kept: run the same command again when it does; "
        "a key is read from VIDEO_STAR_API_KEY or OPENAI_API_KEY"
    )


async def refusal_of_all(client, server, messages, sampling):
    """The Failure of a request of the same form without its content, or None: whose fault was it?"""
    text = "Say yes."
    content = text if isinstance(messages[0]["content"], str) else [{"type": "text", "text": text}]
    try:
        await try_once(
            client, server, [{"role": "user", "content": content}], {**sampling, "extra_body": None}
        )
    except Failure as failure:
        return failure
    return None


async def continues(client, server):
    """Whether the server goes on with a turn of the assistant when it is asked to. One that ignores the wish
    closes the turn and opens another, so that its prompt is longer.

    Raises StageError where ,continue=yes was given and it does not, or where it answers nothing.
    """
    if server.continues == "no":
        return False
    turns = [{"role": "user", "content": [{"type": "text", "text": "Say yes."}]}]
    turns.append({"role": "assistant", "content": "Yes, it"})
    try:
        with_wish = await complete(client, server, turns, 0, 0.0, 1.0, 1, CONTINUE)
        without = await complete(client, server, turns, 0, 0.0, 1.0, 1)
        lengths = with_wish.prompt_tokens, without.prompt_tokens
        why = f"its prompts are {lengths[0]} tokens with that wish and {lengths[1]} without it"
        if None not in lengths and lengths[0] < lengths[1]:
            return True
    except Failure as failure:
        why = failure.why
    if server.continues == "yes":
        raise StageError(
            f"{server.url}: ,continue=yes: the server does not go on with a turn of the assistant "
            f"(continue_final_message): {why}; leave it out, or use ,continue=no",
            code=2,
        )
    print(
        f"{server.url} does not continue a turn ({why}): last lines are asked for in a second turn",
        flush=True,
    )
    return False


def refuse_switched_off(server, failure):
    """Raises StageError where a server refuses all videos, for want of a flag at its start."""
    if failure.status == 400 and "media_io_kwargs are disabled" in failure.why:
        raise StageError(
            f"{server.url}: this vLLM does not take the times of the frames that video={server.video} sends: "
            "start it with --trust-request-mm-kwargs, or ask it with video=frames\n"
            f"  it said {failure.why}"
        )


def as_they_come(server, function, items, in_flight, usage=None):
    """Yields the results of the coroutine function(client, item) as they come, `in_flight` at a time; what
    they cost is counted in `usage`.

    When closed it cancels what is under way.
    """
    client = client_of(server, in_flight, usage or Usage())
    loop, pending, items = asyncio.new_event_loop(), set(), iter(items)

    async def stop():
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await client.hub.close()

    try:
        while True:
            room = islice(items, in_flight - len(pending))
            pending |= {loop.create_task(function(client, item)) for item in room}
            if not pending:
                return
            first = asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            done, pending = loop.run_until_complete(first)
            # what is answered before what ends the stage
            for task in sorted(done, key=lambda task: task.exception() is not None):
                yield task.result()
    finally:
        loop.run_until_complete(stop())
        loop.close()
