"""Listens to one item with the package websockets, all messages sent back to back. Prints each answer, a line of JSON."""

import json
import os

from websockets.sync.client import connect

with connect(os.environ["ORIGIN"] + "/api/v1/realtime") as socket:
    socket.send(json.dumps({"type": "auth", "token": os.environ["TOKEN"]}))
    socket.send(json.dumps({"type": "subscribe", "channel": "media_updates", "resource_id": os.environ["MEDIA"]}))
    socket.send(json.dumps({"type": "ping"}))
    for message in socket:
        print(json.dumps(json.loads(message)), flush=True)
