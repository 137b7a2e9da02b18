"""Asks the service by grpcio. Reads one line of JSON, and prints one line for each case; in a load, one when standard input ends."""

import json
import sys
import threading

import grpc

CHECK = "/verigate.v1.AccessService/CheckAccess"
# verification_id = "fresh", policy = "front-door"
REQUEST = b"\x0a\x05fresh\x12\x0afront-door"
ALLOW = b"\x08\x01"
TIMEOUT_SECONDS = 5
WORKERS = 3
# After this number of calls a channel is replaced, so that new connections are made.
CALLS_PER_CHANNEL = 5


def read(path):
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def channel(case):
    credentials = grpc.ssl_channel_credentials(
        read(case["ca"]), read(case.get("key")), read(case.get("certificate"))
    )
    # Channels of one process share their connections otherwise.
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(case["target"], credentials, options)


def ask(over, case):
    token = case.get("token")
    metadata = [("authorization", f"Bearer {token}")] if token else []
    method = over.unary_unary(CHECK, lambda sent: sent, lambda received: received)
    try:
        answer = method(REQUEST, timeout=TIMEOUT_SECONDS, metadata=metadata)
    except grpc.RpcError as error:
        return error.code().name
    return "ALLOW" if answer.startswith(ALLOW) else answer.hex()


def load(case):
    stop = threading.Event()
    found = []

    def work(keeps):
        over = channel(case)
        calls = 0
        while not stop.is_set():
            found.append(ask(over, case))
            calls += 1
            if not keeps and calls % CALLS_PER_CHANNEL == 0:
                over.close()
                over = channel(case)
        over.close()

    workers = [threading.Thread(target=work, args=(n == 0,)) for n in range(WORKERS)]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    stop.set()
    for worker in workers:
        worker.join()
    wrong = [result for result in found if result != "ALLOW"]
    print(f"{len(found)} {len(wrong)} {wrong[:3]}")


def main():
    asked = json.loads(sys.stdin.readline())
    if asked["load"]:
        load(asked["cases"][0])
        return
    for case in asked["cases"]:
        with channel(case) as over:
            print(ask(over, case))


main()
