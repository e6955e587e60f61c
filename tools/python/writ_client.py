"""How a program inside of a Writ sandbox asks its broker for what it cannot reach itself. docs/protocol.md describes
the protocol and the requests. Python 3.9 or newer, standard library only.

    from writ_client import BrokerClient, Refused

    with BrokerClient.open("my-tool/1") as broker:
        call = broker.next_call()
        try:
            text = broker.request("filesystem.read_text", path=call.arguments["path"]).value["text"]
            broker.finish(call.id, {"lines": text.count("\\n")})
        except Refused as refusal:
            broker.fail(call.id, refusal.code, "the file cannot be read")

Threads: one client is used by one thread at a time. Fork: a child must not use the client of its parent."""

import fcntl
import json
import os
import socket
import struct

VERSION = 1
MESSAGE_LIMIT = 65536
PAYLOAD_LIMIT = 2 * 1024 * 1024
DESCRIPTOR_LIMIT = 4
DEPTH_LIMIT = 32
MEMBER_LIMIT = 1024
VALUE_LIMIT = 128 * 1024

HELLO, WELCOME, CALL, REQUEST, REPLY, REFUSAL, RESULT, FAILURE = range(1, 9)
REFUSAL_CODES = frozenset({
    "invalid_arguments", "unknown_name", "denied", "not_found", "exists", "conflict", "too_large", "wrong_kind", "limit",
    "timed_out", "cancelled", "unavailable", "failed"})

_HEADER = struct.Struct("<4sHHQIHH")
_MAGIC = b"WRIT"
_PAYLOAD_IN_DESCRIPTOR = 1
# Named by fcntl only since Python 3.9 on Linux, by <linux/fcntl.h> always.
_F_ADD_SEALS, _F_GET_SEALS, _PAYLOAD_SEALS = 1033, 1034, 0x2 | 0x4 | 0x8  # shrink, grow, write
_LIMITS = {"message": MESSAGE_LIMIT, "payload": PAYLOAD_LIMIT, "outstanding": 16}


class Refused(Exception):
    """The broker refused a request. `code` is one of REFUSAL_CODES; under `correlation` the broker's log has it."""

    def __init__(self, code, correlation):
        super().__init__(f"{code} ({correlation})")
        self.code = code
        self.correlation = correlation


class ProtocolError(Exception):
    """The broker broke the protocol. The connection is closed."""


class Closed(ProtocolError):
    """There is no connection to the broker any more."""


class Reply:
    """The answer to a request: `value`, and a list of open `descriptors` (numbers) that belong to the caller."""

    def __init__(self, value, descriptors):
        self.value = value
        self.descriptors = descriptors


class ToolCall:
    """What this tool is to do: `tool` is its name, `arguments` a dict, `id` what the answer names."""

    def __init__(self, call_id, tool, arguments):
        self.id = call_id
        self.tool = tool
        self.arguments = arguments


class BrokerClient:
    """A connection to the broker. Errors of all methods: ProtocolError, Closed, OSError; after each of them the
    connection is closed. ValueError: what is to be sent is no JSON, or is above the limits; nothing was sent."""

    def __init__(self, connection, name="writ-client-python/1"):
        """Takes over `connection`, a connected SOCK_SEQPACKET socket; says hello, and waits for the welcome."""
        self._socket = connection
        self._last_id = 0
        self._call = None  # that came and was not taken yet
        self._open_call = 0  # the id of the call that has no answer
        self._called = self._finished = False
        try:
            self._send(HELLO, 0, {"versions": [VERSION], "client": name})
            _, payload, _ = self._receive({WELCOME: 0})
            self._check_welcome(payload)
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, name="writ-client-python/1"):
        """Connects over the socket that this program was started with, which WRIT_BROKER_FD names.
        Error: KeyError, ValueError: there is none."""
        descriptor = int(os.environ["WRIT_BROKER_FD"])
        return cls(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=descriptor), name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection. Can be called again."""
        self._socket.close()

    def request(self, name, /, **arguments):
        """Asks for `name`, and waits for the Reply. Error: Refused."""
        if self._finished:
            raise ValueError("the call has its answer, no request can follow")
        self._send(REQUEST, self._last_id + 1, {"name": name, "arguments": arguments})
        self._last_id += 1
        while True:
            message, payload, descriptors = self._receive({REPLY: self._last_id, REFUSAL: self._last_id, CALL: None})
            if message == REPLY:
                return Reply(payload["value"], descriptors)
            if message == REFUSAL:
                raise Refused(payload["code"], payload["correlation"])

    def next_call(self):
        """Waits for the ToolCall. There is one for each connection, and none for a program that is no tool."""
        while self._call is None:
            self._receive({CALL: None})
        call, self._call = self._call, None
        return call

    def finish(self, call_id, value):
        """Answers the call with a value."""
        self._answer(RESULT, call_id, {"value": value})

    def fail(self, call_id, code, message):
        """Answers the call with a failure. `code`: a word of small letters, digits and underscores; of `message` the
        first 4,096 bytes are sent."""
        cut = message.encode("utf-8", "replace")[:4096].decode("utf-8", "ignore")
        self._answer(FAILURE, call_id, {"code": code, "message": cut})

    def _answer(self, message, call_id, payload):
        if not self._open_call or call_id != self._open_call:
            raise ValueError(f"there is no call {call_id} that waits for an answer")
        self._send(message, call_id, payload)
        self._open_call, self._finished = 0, True

    def _send(self, message, message_id, payload):
        text = _payload_text(payload)
        try:
            if len(text) <= MESSAGE_LIMIT - _HEADER.size:
                header = _HEADER.pack(_MAGIC, VERSION, message, message_id, len(text), 0, 0)
                self._socket.sendmsg([header, text], [], socket.MSG_NOSIGNAL)
            else:
                header = _HEADER.pack(_MAGIC, VERSION, message, message_id, len(text), 1, _PAYLOAD_IN_DESCRIPTOR)
                self._send_in_descriptor(header, text)
        except (BrokenPipeError, ConnectionResetError) as error:
            self.close()
            raise Closed("the broker closed the connection") from error
        except OSError as error:
            was_closed = self._socket.fileno() < 0
            self.close()
            if was_closed:
                raise Closed("the connection is closed") from error
            raise

    def _send_in_descriptor(self, header, text):
        memory = os.memfd_create("writ-payload", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(memory, rest):]
            fcntl.fcntl(memory, _F_ADD_SEALS, _PAYLOAD_SEALS)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", memory))
            self._socket.sendmsg([header], [rights], socket.MSG_NOSIGNAL)
        finally:
            os.close(memory)

    def _receive(self, expected):
        """The next message as (type, payload, descriptors). `expected`: type → id, None: any. A call is kept, too."""
        descriptors = []
        try:
            message, message_id, payload = self._receive_message(descriptors)
            if message not in expected or expected[message] not in (None, message_id):
                raise ProtocolError(f"a message of type {message} and id {message_id} was not expected")
            _check_form(message, payload)
            if message == CALL:
                self._take_call(message_id, payload)
            return message, payload, descriptors
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            self.close()
            raise

    def _receive_message(self, descriptors):
        packet, flags = self._receive_packet(descriptors)
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ProtocolError("a packet is too long or has too many descriptors")
        if len(packet) < _HEADER.size:
            raise ProtocolError("a packet is shorter than a header")
        magic, version, message, message_id, length, count, message_flags = _HEADER.unpack_from(packet)
        outside = message_flags == _PAYLOAD_IN_DESCRIPTOR
        if (magic, version) != (_MAGIC, VERSION) or message_flags not in (0, _PAYLOAD_IN_DESCRIPTOR):
            raise ProtocolError("a packet is no message of this version")
        if length > PAYLOAD_LIMIT or len(packet) - _HEADER.size != (0 if outside else length):
            raise ProtocolError("the length of a message is wrong")
        if count != len(descriptors) or count > DESCRIPTOR_LIMIT or (outside and not count):
            raise ProtocolError("the number of descriptors is wrong")
        text = _read_payload(descriptors, length) if outside else packet[_HEADER.size:]
        if descriptors and message != REPLY:
            raise ProtocolError("descriptors come with a reply only")
        return message, message_id, _payload_value(text)

    def _receive_packet(self, descriptors):
        """The bytes and flags; adds every descriptor that came to `descriptors`, whatever else is wrong."""
        packet, control, flags, _ = self._receive_bytes()
        other = False
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.extend(struct.unpack(f"{len(data) // 4}i", data[:len(data) // 4 * 4]))
            else:
                other = True
        if other:
            raise ProtocolError("control data that are no descriptors")
        if not packet and not descriptors:
            raise Closed("the broker closed the connection")
        return packet, flags

    def _receive_bytes(self):
        if self._socket.fileno() < 0:
            raise Closed("the connection is closed")
        room = socket.CMSG_SPACE(DESCRIPTOR_LIMIT * struct.calcsize("i"))
        try:
            return self._socket.recvmsg(MESSAGE_LIMIT, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:  # said once; what the broker sent before is still there
            return self._socket.recvmsg(MESSAGE_LIMIT, room, socket.MSG_CMSG_CLOEXEC)

    def _take_call(self, call_id, payload):
        if self._called or not call_id:
            raise ProtocolError("there is one call for each connection")
        self._called, self._open_call = True, call_id
        self._call = ToolCall(call_id, payload["tool"], payload["arguments"])

    @staticmethod
    def _check_welcome(payload):
        limits = payload["limits"]
        sound = all(isinstance(limits.get(name), int) and limits[name] >= own for name, own in _LIMITS.items())
        if payload["version"] != VERSION or not sound:
            raise ProtocolError("the broker speaks another version")


# type → the members of its payload and their types
_FORMS = {
    WELCOME: {"version": int, "limits": dict},
    CALL: {"tool": str, "arguments": dict},
    REPLY: {"value": object},
    REFUSAL: {"code": str, "correlation": str},
}


def _check_form(message, payload):
    form = _FORMS[message]
    if payload.keys() != form.keys() or not all(kind in (object, type(payload[key])) for key, kind in form.items()):
        raise ProtocolError(f"the payload of a message of type {message} has another form")
    if message == REFUSAL and payload["code"] not in REFUSAL_CODES:
        raise ProtocolError("a refusal has a code that does not exist")


def _read_payload(descriptors, length):
    memory = descriptors.pop(0)
    try:
        seals = fcntl.fcntl(memory, _F_GET_SEALS)
        if seals & _PAYLOAD_SEALS != _PAYLOAD_SEALS or os.fstat(memory).st_size != length:
            raise ProtocolError("the payload is in a descriptor that is no sealed memory of its size")
        text = bytearray()
        while len(text) < length:
            part = os.pread(memory, length - len(text), len(text))
            if not part:
                raise ProtocolError("the payload is shorter than its header says")
            text += part
        return bytes(text)
    except OSError as error:
        raise ProtocolError("the payload is in a descriptor that is no sealed memory") from error
    finally:
        os.close(memory)


def _unique_members(pairs):
    members = dict(pairs)
    if len(members) != len(pairs) or len(pairs) > MEMBER_LIMIT:
        raise ProtocolError("an object has a key twice, or too many members")
    return members


def _no_constant(text):
    raise ProtocolError(f"{text} is no JSON")


def _payload_value(text):
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_unique_members, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a payload is no JSON object") from error
    if not isinstance(value, dict):
        raise ProtocolError("a payload is no JSON object")
    return value


def _payload_text(payload):
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise ValueError("this cannot be sent as JSON") from error
    if len(text) > PAYLOAD_LIMIT or not _is_within_limits(payload):
        raise ValueError("this is larger than a message may be")
    return text


def _is_within_limits(payload):
    """Whether the broker reads this value; what it refuses costs the connection."""
    level, values = [payload], 0
    for _ in range(DEPTH_LIMIT):
        values += sum(len(value) + 1 for value in level)
        if any(isinstance(value, dict) and len(value) > MEMBER_LIMIT for value in level):
            return False
        inner = [value.values() if isinstance(value, dict) else value for value in level]
        level = [value for values_of in inner for value in values_of if isinstance(value, (dict, list, tuple))]
        if not level:
            return values <= VALUE_LIMIT
    return False
