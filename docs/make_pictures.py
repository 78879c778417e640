"""Draw the pictures of the documentation with the program itself: `.venv/bin/python docs/make_pictures.py` (or `make pictures`).

A real engine on the embedded broker with simulated vehicles; the console is driven by its keys and exports what it shows.
"""

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from v2g_console.console.terminal import prepare

if TYPE_CHECKING:  # `prepare` comes before textual
    from v2g_console.console.app import ConsoleApp

HERE = Path(__file__).resolve().parent
SIZE = (120, 36)
SCREENS = {"2": "fleet", "3": "dispatches", "4": "alarms", "5": "link", "6": "journal", "7": "outlook"}


async def draw() -> None:
    """The composer, the overview with a dispatch under way, its detail, and the other screens."""
    from v2g_console.config.os_users import own_user
    from v2g_console.console.app import ConsoleApp
    from v2g_console.console.options import ConsoleOptions
    from v2g_console.contract.options import DemoOptions
    from v2g_console.contract.requests import Origin
    from v2g_console.runtime.demo import demo_settings, vehicles
    from v2g_console.runtime.embedded_broker import EmbeddedBroker
    from v2g_console.runtime.engine_thread import EngineThread
    from v2g_console.runtime.services import Services

    options = DemoOptions(limit_rate=0.05, reject_rate=0.05, silent_rate=0.08)
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker()).url
        stack.enter_context(vehicles(options, broker, 2.0))
        engine = EngineThread(Services(demo_settings(options, broker, 2.0), read_only=False, demo=True))
        engine.start()
        app = ConsoleApp(engine.port, Origin(user=own_user(), way="console"), ConsoleOptions(demo=True))
        try:
            async with app.run_test(size=SIZE) as pilot:
                await asyncio.sleep(3)
                await pilot.press("d")
                await drawn(app, "Plan")
                export(app, "composer")
                await pilot.press("enter")
                await asyncio.sleep(2)
                await pilot.press("f5")
                await drawn(app, "left")
                await asyncio.sleep(11)
                app.telling.clear()
                await asyncio.sleep(1)
                export(app, "overview")
                await pilot.press("enter")
                await asyncio.sleep(3)
                export(app, "dispatch")
                for key, name in SCREENS.items():
                    await pilot.press(key)
                    await asyncio.sleep(2)
                    app.telling.clear()
                    await asyncio.sleep(1)
                    export(app, name)
        finally:
            engine.end("release", lambda: None)


async def drawn(app: "ConsoleApp", words: str) -> None:
    """Until `words` are on the screen."""
    for _ in range(60):
        await asyncio.sleep(0.5)
        if f">{words}" in app.export_screenshot() or f"{words}<" in app.export_screenshot():
            return
    raise SystemExit(f"{words!r} was never drawn")


def export(app: "ConsoleApp", name: str) -> None:
    """One picture as SVG."""
    picture = app.export_screenshot(title="v2g-console")
    (HERE / f"{name}.svg").write_text(picture, "utf-8")
    print(f"docs/{name}.svg")


if __name__ == "__main__":
    prepare(low_bandwidth=False, ascii_only=False, no_color=False)
    sys.setswitchinterval(0.0005)
    asyncio.run(draw())
