"""The screen: the only package that imports textual or rich.

`terminal.prepare` must run before anything else here is imported (Textual reads the environment at import).
Then `app.run_console(port, origin, options)`, or `sites_app.run_sites(ways, ...)` over several engines.
Inside: `model` (state), `actions` (the registry behind keys, footer, help and palette), `screens.base.ConsoleScreen` (what a screen is),
`safe_text` (the only door from text to a widget), `glyphs`, `themes`. Widgets get text as Textual Content or Rich Text, never as markup.
"""
