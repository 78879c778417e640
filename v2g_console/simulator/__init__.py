"""Vehicles that speak the wire protocol, v1 and v2, on any broker.

`options.SimulateOptions` says how many and how they behave, `run.run_simulator` runs them until a signal, `run.simulate` until an event;
`fleet.build_fleet` makes the vehicles and `vehicle.Vehicle` is one of them, without any I/O.
"""
