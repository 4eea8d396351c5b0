"""Client: keys, data keys, and envelopes, over mutual TLS.

One Client is one connection; it is thread-safe. Every call has a deadline and
is made again only where sending twice is harmless. Failures are the exceptions
of ``strongroom.errors``.
Long because it has every call of the service, each with its documentation.
"""
from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import stat
import tempfile
from typing import Any, BinaryIO, Iterator, Mapping, Optional, Sequence, Union

import grpc
from google.protobuf import duration_pb2, field_mask_pb2

from . import envelope, rewrap
from ._calls import item_error, persist
from .errors import InvalidArgument, StrongroomError
from .v1 import (key_admin_pb2, key_admin_pb2_grpc, key_service_pb2,
                 key_service_pb2_grpc)

Context = Mapping[str, str]
Path = Union[str, "os.PathLike[str]"]
_MAX_MESSAGE = 16 << 20


@dataclasses.dataclass(frozen=True)
class Sealed:
    """A wrapped DEK, or a ciphertext."""
    token: bytes
    key_version: int


@dataclasses.dataclass(frozen=True)
class Opened:
    """What a token protects. ``repr`` does not show it."""
    secret: bytes = dataclasses.field(repr=False)
    key_name: str
    key_version: int


@dataclasses.dataclass(frozen=True)
class DataKey:
    """A fresh DEK and its wrapping; store only the wrapping."""
    dek: bytes = dataclasses.field(repr=False)  # empty if not asked for
    wrapped_dek: bytes
    key_version: int


@dataclasses.dataclass(frozen=True)
class Rewrapped:
    token: bytes
    key_version: int
    previous_key_version: int


@dataclasses.dataclass(frozen=True)
class KeyVersion:
    version: int
    state: str  # ENABLED, DISABLED, DESTROY_SCHEDULED, ...
    primary: bool
    seals: int
    create_time: datetime.datetime
    destroy_time: Optional[datetime.datetime]
    destruction_held: bool


@dataclasses.dataclass(frozen=True)
class Key:
    name: str
    id: str
    labels: dict[str, str]
    primary_version: int
    versions: tuple[KeyVersion, ...]
    rotation_period: Optional[datetime.timedelta]
    next_rotation_time: Optional[datetime.datetime]


class Client:
    """See the module. Use it as a context manager, or ``close`` it."""

    def __init__(self, address: str, *, ca: bytes, cert: bytes, key: bytes,
                 server_name: Optional[str] = None, timeout: float = 10.0,
                 attempts: int = 4) -> None:
        if timeout <= 0 or attempts < 1:
            raise ValueError("want timeout > 0 and attempts >= 1")
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.enable_retries", 0),
        ]
        if server_name:
            options.append(("grpc.ssl_target_name_override", server_name))
        self._channel = grpc.secure_channel(
            address, grpc.ssl_channel_credentials(ca, key, cert), options)
        self._data = key_service_pb2_grpc.KeyServiceStub(self._channel)
        self._admin = key_admin_pb2_grpc.KeyAdminStub(self._channel)
        self._timeout = timeout
        self._attempts = attempts

    @classmethod
    def from_environment(cls, **options: Any) -> "Client":
        """Reads STRONGROOM_ADDR, _CA, _CERT, _KEY (and _SERVER_NAME)."""
        names = ["STRONGROOM_ADDR", "STRONGROOM_CA", "STRONGROOM_CERT",
                 "STRONGROOM_KEY"]
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise InvalidArgument(
                "ARGUMENT_INVALID", "not set in the environment: "
                + ", ".join(missing) + "; want the service's host:port and the "
                "paths of three PEM files. `strongroomd dev` prints the export "
                "lines when it starts")
        address, *paths = (os.environ[name] for name in names)
        pems = [_read_pem(name, path)
                for name, path in zip(names[1:], paths)]
        options.setdefault("server_name",
                           os.environ.get("STRONGROOM_SERVER_NAME"))
        return cls(address, ca=pems[0], cert=pems[1], key=pems[2], **options)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Data and data keys.

    def encrypt(self, key: str, plaintext: bytes,
                context: Optional[Context] = None) -> Sealed:
        """Seals at most 64 KiB; for more, ``seal_file``."""
        answer = self._ask(self._data.Encrypt, key_service_pb2.EncryptRequest(
            name=key, plaintext=plaintext, encryption_context=_pairs(context)))
        return Sealed(answer.ciphertext, answer.key_version)

    def decrypt(self, ciphertext: bytes, context: Optional[Context] = None,
                key: str = "") -> Opened:
        """With ``key``, a ciphertext of another key is refused."""
        answer = self._ask(self._data.Decrypt, key_service_pb2.DecryptRequest(
            name=key, ciphertext=ciphertext,
            encryption_context=_pairs(context)))
        return Opened(answer.plaintext, answer.name, answer.key_version)

    def wrap(self, key: str, dek: bytes,
             context: Optional[Context] = None) -> Sealed:
        answer = self._ask(self._data.Wrap, key_service_pb2.WrapRequest(
            name=key, dek=dek, encryption_context=_pairs(context)))
        return Sealed(answer.wrapped_dek, answer.key_version)

    def unwrap(self, wrapped_dek: bytes, context: Optional[Context] = None,
               key: str = "") -> Opened:
        answer = self._ask(self._data.Unwrap, key_service_pb2.UnwrapRequest(
            name=key, wrapped_dek=wrapped_dek,
            encryption_context=_pairs(context)))
        return Opened(answer.dek, answer.name, answer.key_version)

    def generate_data_key(self, key: str, context: Optional[Context] = None, *,
                          size: int = 32, plaintext: bool = True) -> DataKey:
        answer = self._ask(
            self._data.GenerateDataKey, key_service_pb2.GenerateDataKeyRequest(
                name=key, dek_bytes=size, without_plaintext=not plaintext,
                encryption_context=_pairs(context)))
        return DataKey(answer.dek, answer.wrapped_dek, answer.key_version)

    def rewrap(self, token: bytes, key: str = "") -> Rewrapped:
        """Moves a token, or a header alone, to the key's primary version."""
        answer = self._ask(self._data.Rewrap, key_service_pb2.RewrapRequest(
            name=key, token=token))
        return Rewrapped(answer.token, answer.key_version,
                         answer.previous_key_version)

    # Batches: an item that failed is its exception, in its place.

    def batch_wrap(self, key: str, deks: Sequence[bytes],
                   context: Optional[Context] = None
                   ) -> list[Union[Sealed, StrongroomError]]:
        request = key_service_pb2.BatchWrapRequest(
            name=key, compact=True, encryption_context=_pairs(context))
        for dek in deks:
            request.items.add(dek=dek)
        return _sealed_items(self._ask(self._data.BatchWrap, request))

    def batch_encrypt(self, key: str, plaintexts: Sequence[bytes],
                      context: Optional[Context] = None
                      ) -> list[Union[Sealed, StrongroomError]]:
        request = key_service_pb2.BatchEncryptRequest(
            name=key, compact=True, encryption_context=_pairs(context))
        for plaintext in plaintexts:
            request.items.add(plaintext=plaintext)
        return _sealed_items(self._ask(self._data.BatchEncrypt, request))

    def batch_generate_data_keys(
            self, key: str, count: int, context: Optional[Context] = None, *,
            size: int = 32) -> list[Union[DataKey, StrongroomError]]:
        answer = self._ask(
            self._data.BatchGenerateDataKeys,
            key_service_pb2.BatchGenerateDataKeysRequest(
                name=key, count=count, dek_bytes=size, compact=True,
                encryption_context=_pairs(context)))
        return [_failure(item) or DataKey(item.dek,
                                          answer.headers[item.header]
                                          + item.token, item.key_version)
                for item in answer.items]

    def batch_unwrap(self, wrapped_deks: Sequence[bytes],
                     context: Optional[Context] = None, key: str = ""
                     ) -> list[Union[Opened, StrongroomError]]:
        request = key_service_pb2.BatchUnwrapRequest(
            name=key, encryption_context=_pairs(context))
        for wrapped in wrapped_deks:
            request.items.add(wrapped_dek=wrapped)
        return _opened_items(self._ask(self._data.BatchUnwrap, request))

    def batch_decrypt(self, ciphertexts: Sequence[bytes],
                      context: Optional[Context] = None, key: str = ""
                      ) -> list[Union[Opened, StrongroomError]]:
        request = key_service_pb2.BatchDecryptRequest(
            name=key, encryption_context=_pairs(context))
        for ciphertext in ciphertexts:
            request.items.add(ciphertext=ciphertext)
        return _opened_items(self._ask(self._data.BatchDecrypt, request))

    def batch_rewrap(self, tokens: Sequence[bytes], key: str = ""
                     ) -> list[Union[Rewrapped, StrongroomError]]:
        answer = self._ask(self._data.BatchRewrap,
                           key_service_pb2.BatchRewrapRequest(
                               name=key, tokens=tokens))
        return [_failure(item) or Rewrapped(item.token, item.key_version,
                                            item.previous_key_version)
                for item in answer.items]

    # Envelopes: objects of any size under a DEK of their own.

    def seal_bytes(self, key: str, plaintext: bytes,
                   context: Optional[Context] = None) -> bytes:
        made = self._envelope_key(key, context)
        return envelope.seal(plaintext, made.dek, made.wrapped_dek)

    def open_bytes(self, sealed: bytes,
                   context: Optional[Context] = None) -> bytes:
        return envelope.unseal(sealed, self._token_opener(context))

    def seal_file(self, key: str, source: Path, target: Path,
                  context: Optional[Context] = None, *,
                  side: Optional[Path] = None,
                  chunk_log2: int = envelope.DEFAULT_CHUNK_LOG2) -> int:
        """Seals a file; ``target`` appears only when it is whole.

        With ``side``, the envelope is detached: the head goes there, after the
        body. Put the object's name in the context: an envelope can be swapped
        for another one of the same key and context. Gives the plaintext bytes.
        """
        made = self._envelope_key(key, context)
        with contextlib.ExitStack() as files:
            plain = files.enter_context(open(source, "rb"))
            body = files.enter_context(_appearing(target))
            head = (files.enter_context(_appearing(side, after=body))
                    if side is not None else None)
            return envelope.seal_stream(plain, body, made.dek, made.wrapped_dek,
                                        side=head, chunk_log2=chunk_log2)

    def open_file(self, source: Path, target: Path,
                  context: Optional[Context] = None, *,
                  side: Optional[Path] = None) -> None:
        """Opens a file; ``target`` appears only when all has authenticated."""
        with contextlib.ExitStack() as files:
            body = files.enter_context(open(source, "rb"))
            head = files.enter_context(open(side, "rb")) if side else None
            plain = files.enter_context(_appearing(target))
            for chunk in envelope.open_stream(body, self._token_opener(context),
                                              side=head):
                plain.write(chunk)

    def rewrap_file(self, path: Path) -> bool:
        """Moves an envelope, or a side file, to the primary, in place."""
        return rewrap.rewrap_file(path, lambda token: self.rewrap(token).token)

    # Keys.

    def create_key(self, name: str, *,
                   labels: Optional[Mapping[str, str]] = None,
                   rotation_period: Optional[datetime.timedelta] = None,
                   destroy_after: Optional[datetime.timedelta] = None) -> Key:
        request = key_admin_pb2.CreateKeyRequest(name=name, labels=labels)
        if rotation_period is not None:
            request.rotation_period.CopyFrom(_duration(rotation_period))
        if destroy_after is not None:
            request.destroy_scheduled_duration.CopyFrom(
                _duration(destroy_after))
        return _key(self._ask(self._admin.CreateKey, request, once=True))

    def get_key(self, name: str) -> Key:
        return _key(self._ask(self._admin.GetKey,
                              key_admin_pb2.GetKeyRequest(name=name)))

    def list_keys(self, prefix: str = "") -> Iterator[Key]:
        page = ""
        while True:
            answer = self._ask(self._admin.ListKeys,
                               key_admin_pb2.ListKeysRequest(
                                   prefix=prefix, page_token=page))
            yield from map(_key, answer.keys)
            page = answer.next_page_token
            if not page:
                return

    def update_key(self, name: str, *,
                   labels: Optional[Mapping[str, str]] = None,
                   rotation_period: Optional[datetime.timedelta] = None
                   ) -> Key:
        """Changes what is given; a rotation period of zero ends rotation."""
        key, paths = key_admin_pb2.Key(name=name, labels=labels), []
        if labels is not None:
            paths.append("labels")
        if rotation_period is not None:
            key.rotation_period.CopyFrom(_duration(rotation_period))
            paths.append("rotation_period")
        return _key(self._ask(self._admin.UpdateKey,
                              key_admin_pb2.UpdateKeyRequest(
                                  key=key,
                                  update_mask=field_mask_pb2.FieldMask(
                                      paths=paths)), once=True))

    def rotate_key(self, name: str) -> Key:
        return _key(self._ask(self._admin.RotateKey,
                              key_admin_pb2.RotateKeyRequest(name=name),
                              once=True))

    def enable_version(self, name: str, version: int) -> KeyVersion:
        return self._move(self._admin.EnableVersion,
                          key_admin_pb2.EnableVersionRequest, name, version)

    def disable_version(self, name: str, version: int) -> KeyVersion:
        return self._move(self._admin.DisableVersion,
                          key_admin_pb2.DisableVersionRequest, name, version)

    def schedule_destroy_version(
            self, name: str, version: int, *,
            acknowledge_unregistered: bool = False) -> KeyVersion:
        """UNREGISTERED_WRAPS without the acknowledgement, if callers may hold
        wraps that nobody registered: they will never open again."""
        def request(**fields: Any) -> Any:
            return key_admin_pb2.ScheduleDestroyVersionRequest(
                acknowledge_unregistered=acknowledge_unregistered, **fields)
        return self._move(self._admin.ScheduleDestroyVersion, request, name,
                          version)

    def cancel_destroy_version(self, name: str, version: int) -> KeyVersion:
        return self._move(self._admin.CancelDestroyVersion,
                          key_admin_pb2.CancelDestroyVersionRequest, name,
                          version)

    def whoami(self) -> str:
        return str(self._ask(self._admin.WhoAmI,
                             key_admin_pb2.WhoAmIRequest()).caller)

    def _move(self, call: Any, request: Any, name: str,
              version: int) -> KeyVersion:
        return _version(self._ask(call, request(name=name, version=version),
                                  once=True))

    def _envelope_key(self, key: str, context: Optional[Context]) -> DataKey:
        return self.generate_data_key(
            key, envelope.DEFAULT_CONTEXT if context is None else context,
            size=envelope.DEK_SIZE)

    def _token_opener(self, context: Optional[Context]) -> envelope.OpenToken:
        wanted = envelope.DEFAULT_CONTEXT if context is None else context
        return lambda token: self.unwrap(token, wanted).secret

    def _ask(self, call: Any, request: Any, once: bool = False) -> Any:
        return persist(call, request, timeout=self._timeout,
                       attempts=self._attempts, repeatable=not once)


def _read_pem(name: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InvalidArgument("FILE_UNREADABLE", f"{name}: {error}") from None


def _pairs(context: Optional[Context]) -> list[Any]:
    return [key_service_pb2.ContextPair(key=key, value=value)
            for key, value in (context or {}).items()]


def _failure(item: Any) -> Optional[StrongroomError]:
    return item_error(item.status) if item.status.code else None


def _sealed_items(answer: Any) -> list[Union[Sealed, StrongroomError]]:
    return [_failure(item) or Sealed(answer.headers[item.header] + item.token,
                                     item.key_version)
            for item in answer.items]


def _opened_items(answer: Any) -> list[Union[Opened, StrongroomError]]:
    return [_failure(item) or Opened(item.secret, item.name, item.key_version)
            for item in answer.items]


def _duration(delta: datetime.timedelta) -> duration_pb2.Duration:
    made = duration_pb2.Duration()
    made.FromTimedelta(delta)
    return made


def _time(message: Any, field: str) -> Optional[datetime.datetime]:
    if not message.HasField(field):
        return None
    found = getattr(message, field).ToDatetime(tzinfo=datetime.timezone.utc)
    assert isinstance(found, datetime.datetime)
    return found


def _version(found: Any) -> KeyVersion:
    created = _time(found, "create_time")
    return KeyVersion(
        found.version, key_admin_pb2.KeyVersionState.Name(found.state),
        found.primary, found.seals,
        created or datetime.datetime.fromtimestamp(0, datetime.timezone.utc),
        _time(found, "destroy_time"), found.destruction_held)


def _key(found: Any) -> Key:
    period = (found.rotation_period.ToTimedelta()
              if found.HasField("rotation_period") else None)
    return Key(found.name, found.id, dict(found.labels), found.primary_version,
               tuple(map(_version, found.versions)), period,
               _time(found, "next_rotation_time"))


@contextlib.contextmanager
def _appearing(path: Path, after: Optional[BinaryIO] = None
               ) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends well, and not otherwise.

    ``after`` is a file that has to be on the disk first.
    """
    path = os.fspath(path)
    if os.path.lexists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise InvalidArgument("FILE_UNREADABLE", f"{path} is not a regular "
                              "file; it is not replaced")
    directory = os.path.dirname(path) or "."
    fd, temporary = tempfile.mkstemp(dir=directory, prefix=".strongroom-")
    try:
        with open(fd, "wb") as file:
            yield file
            file.flush()
            if after is not None:
                after.flush()
                os.fsync(after.fileno())
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    with contextlib.suppress(OSError):
        entry = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
