"""Asks for many checks in one call, by grpcio. Reads the address, prints what a batch and what a stream were answered, one line each."""

import sys

import grpc

SERVICE = "/verigate.v1.AccessService/"
TIMEOUT_SECONDS = 5
# Decisions and codes by their numbers.
ALLOW = b"\x08\x01"


def text(field, value):
    value = value.encode()
    return bytes([field << 3 | 2, len(value)]) + value


def check(request_id, policy, verification):
    return text(1, verification) + text(2, policy) + text(6, request_id)


def nested(field, message):
    assert len(message) < 128
    return bytes([field << 3 | 2, len(message)]) + message


def varint(data):
    number, shift = 0, 0
    for index, byte in enumerate(data):
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, data[index + 1 :]
    raise ValueError(data)


def fields(message):
    while message:
        tag, message = varint(message)
        assert tag & 7 == 2, "only messages and texts are expected here"
        length, message = varint(message)
        yield tag >> 3, message[:length]
        message = message[length:]


def shown(field, first, value):
    if field == first:
        return "ALLOW" if value.startswith(ALLOW) else "not ALLOW"
    code, _ = varint(value[1:])
    return f"code {code}"


def batch(channel):
    method = channel.unary_unary(SERVICE + "BatchCheckAccess")
    checks = [("front-door", "fresh"), ("none", "fresh"), ("front-door", "nobody")]
    request = b"".join(nested(1, check("", *of)) for of in checks)
    answer = method(request, timeout=TIMEOUT_SECONDS)
    results = [next(fields(result)) for _, result in fields(answer)]
    return ", ".join(shown(field, 1, value) for field, value in results)


def stream(channel):
    method = channel.stream_stream(SERVICE + "StreamCheckAccess")
    requests = [
        check("a", "front-door", "fresh"),
        check("b", "none", "fresh"),
        check("c", "front-door", "nobody"),
    ]
    answers = {}
    for answer in method(iter(requests), timeout=TIMEOUT_SECONDS):
        (_, request_id), (field, value) = fields(answer)
        answers[request_id.decode()] = shown(field, 2, value)
    return ", ".join(f"{key} {value}" for key, value in sorted(answers.items()))


def main():
    with grpc.insecure_channel(sys.argv[1]) as channel:
        print(batch(channel))
        print(stream(channel))


main()
