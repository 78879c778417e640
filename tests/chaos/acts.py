"""The steps of a scenario: what the operator asks for, and what goes wrong."""

import asyncio
import contextlib
import signal
import time

from tests.broker.proxy import MqttProxy
from tests.chaos.actors import EngineProcess, Vehicles
from tests.chaos.evidence import Asked
from tests.chaos.plan import Act, Step
from tests.chaos.stage import Stage, active_dispatches
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Accepted, PlanView, Reply
from v2g_console.contract.snapshot import DispatchView

_PATIENCE_S = 2.0


async def take_step(stage: Stage, step: Step, after_s: float) -> None:
    """Do one thing, `after_s` from now, and undo it when its time is over."""
    await asyncio.sleep(after_s)
    stage.trace.note(step.act.value, for_s=step.for_s, kw=step.kw, signal=step.signal)
    try:
        await _do(stage, step)
    except OSError as error:
        stage.trace.note("harness", error=repr(error))
    stage.trace.note(f"{step.act.value}: over")


async def _do(stage: Stage, step: Step) -> None:
    match step.act:
        case Act.DISPATCH | Act.PREEMPT | Act.OPERATE | Act.UPDATE | Act.CANCEL | Act.RETRY | Act.STOP:
            await _ask(stage, step)
            return
        case Act.BROKER_KILL:
            await _broker_kill(stage, step.for_s)
        case Act.HOSTILE:
            await stage.hostile.rubbish()
        case Act.FLOOD:
            await stage.hostile.flood(step.for_s, 20, 4000)
        case Act.OLD_ACKS:
            await stage.hostile.old_acks()
        case Act.ENGINE_KILL:
            stage.engine.send(signal.SIGKILL)
            return  # counted by the engine's watch
        case Act.ENGINE_END:
            stage.engine.send(signal.SIGTERM)
        case Act.ENGINE_PAUSE:
            await _pause(stage.engine, step.for_s)
        case Act.CARS_PAUSE:
            await _pause(stage.vehicles, step.for_s)
        case _:
            await _on_the_way(stage.link if step.act.name.startswith("LINK_") else stage.cars, step)
    stage.injected[step.act.value] += 1


async def _on_the_way(proxy: MqttProxy, step: Step) -> None:
    match step.act.name.partition("_")[2]:
        case "CUT":
            proxy.cut()
        case "FREEZE":
            proxy.freeze()
            await asyncio.sleep(step.for_s)
            proxy.thaw()
        case "MUTE":
            proxy.mute(True)
            await asyncio.sleep(step.for_s)
            proxy.mute(False)
        case "OUTAGE":
            proxy.refuse(True)
            proxy.cut()
            await asyncio.sleep(step.for_s)
            proxy.refuse(False)
        case "FLAP":
            for _ in range(4):
                proxy.cut()
                await asyncio.sleep(step.for_s / 4)
        case "SLOW":
            proxy.shape.delay_s, proxy.shape.jitter_s = 0.2, 0.6
            await asyncio.sleep(step.for_s)
            proxy.shape.delay_s = proxy.shape.jitter_s = 0.0
        case "DUPLICATE":
            proxy.shape.duplicate = 0.5
            await asyncio.sleep(step.for_s)
            proxy.shape.duplicate = 0.0
        case "REORDER":
            proxy.shape.reorder = 0.4
            await asyncio.sleep(step.for_s)
            proxy.shape.reorder = 0.0


async def _broker_kill(stage: Stage, for_s: float) -> None:
    async with stage.broker_lock:
        await asyncio.to_thread(stage.broker.kill)
        await asyncio.sleep(for_s)
        await asyncio.to_thread(stage.broker.restart)


async def _pause(who: EngineProcess | Vehicles, for_s: float) -> None:
    who.send(signal.SIGSTOP)
    await asyncio.sleep(for_s)
    who.send(signal.SIGCONT)


async def _ask(stage: Stage, step: Step) -> None:
    match step.act:
        case Act.DISPATCH | Act.PREEMPT:
            preempt = step.act is Act.PREEMPT
            request = ask.Dispatch(signal=step.signal, power_kw=step.kw, duration_s=round(step.for_s, 1), preempt=preempt)
            await _asked(stage, step.act.value, request)
        case Act.OPERATE:
            await _operate(stage, step)
        case Act.STOP:
            await _asked(stage, "stop", ask.Stop(reason="chaos"))
            await asyncio.sleep(min(step.for_s, 2.0))
            reply = None
            while not isinstance(reply, Accepted):  # the engine may be away, or not be stopped at all after a restart
                reply = await _asked(stage, "resume", ask.Resume())
                if reply is not None:
                    break
                await asyncio.sleep(0.5)
        case _:
            active = await _active(stage)
            if not active:
                return
            chosen = active[int(step.kw * 10) % len(active)].dispatch_id
            requests: dict[Act, ask.Request] = {
                Act.UPDATE: ask.Update(dispatch_id=chosen, power_kw=step.kw),
                Act.CANCEL: ask.Cancel(dispatch_id=chosen),
                Act.RETRY: ask.Retry(dispatch_id=chosen),
            }
            await _asked(stage, step.act.value, requests[step.act])


async def _active(stage: Stage) -> list[DispatchView]:
    """The dispatches under way; a patient scenario waits for one, so that what it asks for is not in vain on a busy machine."""
    until_s = time.monotonic() + (_PATIENCE_S if stage.scenario.patient else 0.0)
    while True:
        status = await stage.engine.status()
        active = active_dispatches(status) if status is not None else []
        if active or time.monotonic() > until_s:
            return active
        await asyncio.sleep(0.05)


async def _operate(stage: Stage, step: Step) -> None:
    planned = await _asked(stage, "plan", ask.Plan(signal=step.signal, power_kw=step.kw, duration_s=round(step.for_s, 1)))
    if not isinstance(planned, Accepted) or not isinstance(planned.result, PlanView):
        return
    plan = planned.result
    if isinstance(await _asked(stage, "arm", ask.Arm(plan_id=plan.plan_id, revision=plan.revision)), Accepted):
        await _asked(stage, "operate", ask.Operate(plan_id=plan.plan_id, revision=plan.revision))


async def _asked(stage: Stage, name: str, request: ask.Request) -> Reply | None:
    reply = await stage.engine.ask(request)
    accepted = isinstance(reply, Accepted)
    dispatch_id = reply.dispatch_id if isinstance(reply, Accepted) else ""
    stage.asked.append(Asked(time.monotonic(), name, accepted, dispatch_id))
    with contextlib.suppress(AttributeError):
        stage.trace.note("answer", request=name, accepted=accepted, dispatch_id=dispatch_id, why=getattr(reply, "message", ""))
    return reply
