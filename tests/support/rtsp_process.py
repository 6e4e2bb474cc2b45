"""The process behind rtsp.py: Debian's GStreamer RTSP server, run by /usr/bin/python3.

Reads its orders as JSON from the first argument, prints the bound port as the first line of output,
then serves until it is killed. Imports nothing but the standard library and gi.
"""

from __future__ import annotations

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - versions come first

ROLE = "viewer"


def add_accounts(server: GstRtspServer.RTSPServer, user: str, password: str, digest: bool) -> None:
    """Let only `user` in."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    if digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


def build_factory(launch: str, shared: bool, guarded: bool) -> GstRtspServer.RTSPMediaFactory:
    """A mount point's media, built anew for each client unless `shared`."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    factory.set_shared(shared)
    if guarded:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_role(ROLE)
        permissions.add_permission_for_role(ROLE, "media.factory.access", True)
        permissions.add_permission_for_role(ROLE, "media.factory.construct", True)
        factory.set_permissions(permissions)
    return factory


def main() -> None:
    """Serve until killed."""
    orders = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(orders["port"]))
    if orders["user"]:
        add_accounts(server, orders["user"], orders["password"], orders["digest"])
    mounts = server.get_mount_points()
    for path, launch in orders["launches"].items():
        mounts.add_factory(path, build_factory(launch, orders["shared"], bool(orders["user"])))
    if server.attach(None) == 0:
        sys.exit(f"port {orders['port']} cannot be bound")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
