"""Carriers of the contract: in-thread and Unix socket.

For others: `in_thread.InThreadPort`, the `paths`, `server.SocketServer`, `client.SocketClient`, `reattaching.ReattachingPort` (a client
that outlives engines), `viewing.ViewingPort` (looks only), `timed.TimedPort` (waits only so long), and the `errors`. Snapshots: `picture`
(what is sent), `fleet_patch` (which rows of which columns changed), `shelf` (packed once for all callers).
"""
