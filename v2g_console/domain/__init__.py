"""The rules of the field as pure values: vehicles, signals, capability, states, reasons. No I/O, no clock, no asyncio.

Signs and units everywhere: power in kW, positive = to the grid, negative = from the grid; energy in kWh; SoC 0..1;
time UTC; durations in seconds.
"""
