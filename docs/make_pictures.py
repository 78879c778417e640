"""Draw the pictures of the documentation with the program itself: `.venv/bin/python docs/make_pictures.py` (or `make pictures`).

A real engine on the embedded broker with simulated vehicles; the console is driven by its keys and exports what it shows.
"""

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

from v2g_console.console.terminal import prepare

HERE = Path(__file__).resolve().parent
SIZE = (120, 36)


async def draw() -> None:
    """Overview with a dispatch under way, the composer, the detail of the dispatch."""
    from v2g_console.console.app import ConsoleApp
    from v2g_console.console.options import ConsoleOptions
    from v2g_console.contract.options import DemoOptions
    from v2g_console.contract.requests import Origin
    from v2g_console.runtime.demo import demo_settings, vehicles
    from v2g_console.runtime.embedded_broker import EmbeddedBroker
    from v2g_console.runtime.engine_thread import EngineThread
    from v2g_console.runtime.services import Services

    options = DemoOptions(limit_rate=0.05, reject_rate=0.03, silent_rate=0.02)
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker()).url
        stack.enter_context(vehicles(options, broker, 2.0))
        engine = EngineThread(Services(demo_settings(options, broker, 2.0), read_only=False, demo=True))
        engine.start()
        app = ConsoleApp(engine.port, Origin(user="ana", way="console"), ConsoleOptions(demo=True))
        try:
            async with app.run_test(size=SIZE) as pilot:
                await asyncio.sleep(3)
                await pilot.press("d")
                await asyncio.sleep(2)
                export(app, "composer")
                await pilot.press("enter")
                await asyncio.sleep(1)
                await pilot.press("f5")
                await asyncio.sleep(12)
                export(app, "overview")
                await pilot.press("enter")
                await asyncio.sleep(3)
                export(app, "dispatch")
        finally:
            engine.end("release")


def export(app: "object", name: str) -> None:
    """One picture as SVG."""
    picture = app.export_screenshot(title="v2g-console")  # type: ignore[attr-defined]  # textual is imported late, for `prepare`
    (HERE / f"{name}.svg").write_text(picture, "utf-8")
    print(f"docs/{name}.svg")


if __name__ == "__main__":
    prepare(low_bandwidth=False, ascii_only=False, no_color=False)
    sys.setswitchinterval(0.0005)
    asyncio.run(draw())
