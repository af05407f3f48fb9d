"""Entries: the store itself. Calls never overlap, so nothing is locked."""
import struct
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import islice

from componentize_py_types import Err
from wit_world.exports.expiry import Purged
from wit_world.exports.scanning import Item, Page
from wit_world.exports.transactions import Failure, Operation_Set
from wit_world.imports.types import (Condition_IfAbsent, Condition_IfEtag, Entry, Error_EtagInvalid,
                                     Error_EtagMismatch, Error_Full)

# What an entry costs beside its key and its value, about.
ENTRY_OVERHEAD = 256
# Unless the setting says otherwise. A hand-over needs as much again, twice: fits into a memory limit of 64 MiB.
DEFAULT_CAPACITY = 8 << 20
# A page ends when its values are this long: answers stay small.
PAGE_BYTES = 1 << 20
# How many entries one call of purge looks at.
PURGE_ENTRIES = 1000

# The saved state, numbers in little-endian: format | last version | and for each entry
# version | expires, all ones for never | bytes of the key | of the value | key | value
FORMAT = 1
HEAD = struct.Struct("<BQ")
ENTRY_HEAD = struct.Struct("<QQII")
NEVER = 2**64 - 1


@dataclass(slots=True)
class Value:
    data: bytes
    version: int  # as text, the ETag; none is used twice, also not after a hand-over
    expires: int | None

    def is_live(self, now):
        return self.expires is None or now < self.expires

    def entry(self):
        return Entry(self.data, str(self.version), self.expires)


def cost(key, value):
    return 0 if value is None else ENTRY_OVERHEAD + len(key) + len(value.data)


class Entries:
    def __init__(self):
        self.capacity = DEFAULT_CAPACITY
        self.values = {}
        self.last_version = 0
        self.used = 0
        # The keys in order, made when it is needed; may hold some that were deleted since.
        self.ordered = None

    def get(self, now, key):
        value = self._live(now, key)
        return value and value.entry()

    def set(self, now, write):
        self._replace(now, write)
        return str(self.last_version)

    def delete(self, now, key, condition):
        self._remove(now, key, condition)

    def transact(self, now, operations):
        undo = []
        for index, operation in enumerate(operations):
            it = operation.value
            try:
                if isinstance(operation, Operation_Set):
                    undo.append((it.key, self._replace(now, it)))
                else:
                    undo.append((it.key, self._remove(now, it.key, it.condition)))
            except Err as error:
                for key, before in reversed(undo):
                    self._put(key, before)
                conditional = isinstance(error.value, (Error_EtagMismatch, Error_EtagInvalid))
                raise Err(Failure(index if conditional else None, error.value)) from None

    def scan(self, now, prefix, after, limit):
        items = []
        size = 0
        for key in self._begin_with(prefix, after):
            value = self._live(now, key)
            if value is None:
                continue
            if len(items) >= limit or size >= PAGE_BYTES:
                return Page(items, items[-1].key)
            size += len(value.data)
            items.append(Item(key, value.entry()))
        return Page(items, None)

    def delete_prefix(self, now, prefix):
        removed = [self._put(key, None) for key in self._begin_with(prefix, None)]
        return sum(value is not None and value.is_live(now) for value in removed)

    def purge(self, now, after):
        keys = list(islice(self._begin_with("", after), PURGE_ENTRIES))
        expired = [key for key in keys if key in self.values and not self.values[key].is_live(now)]
        for key in expired:
            self._put(key, None)
        return Purged(len(expired), keys[-1] if len(keys) == PURGE_ENTRIES else None)

    def save(self):
        state = bytearray(HEAD.pack(FORMAT, self.last_version))
        for key, value in self.values.items():
            name = key.encode()
            expires = NEVER if value.expires is None else value.expires
            state += ENTRY_HEAD.pack(value.version, expires, len(name), len(value.data)) + name + value.data
        return bytes(state)

    def restore(self, state):
        """On an error nothing has changed."""
        restored = Entries()
        try:
            (format, restored.last_version), at = HEAD.unpack_from(state), HEAD.size
            if format != FORMAT:
                raise Err(f"a state of format {format}; this store reads {FORMAT}")
            while at < len(state):
                version, expires, key_size, value_size = ENTRY_HEAD.unpack_from(state, at)
                key_at = at + ENTRY_HEAD.size
                value_at = key_at + key_size
                at = value_at + value_size
                if at > len(state) or version > restored.last_version:
                    raise Err("a damaged entry in the state")
                value = Value(state[value_at:at], version, None if expires == NEVER else expires)
                restored._put(state[key_at:value_at].decode(), value)
        except (struct.error, UnicodeDecodeError) as error:
            raise Err(f"a damaged state: {error}") from None
        restored.capacity = self.capacity
        self.__dict__ = restored.__dict__

    def _live(self, now, key):
        value = self.values.get(key)
        return value if value is not None and value.is_live(now) else None

    def _begin_with(self, prefix, after):
        if self.ordered is None:
            self.ordered = sorted(self.values)
        first = bisect_left(self.ordered, prefix) if after is None else bisect_right(self.ordered, after)
        for at in range(first, len(self.ordered)):
            if not self.ordered[at].startswith(prefix):
                return
            yield self.ordered[at]

    def _check(self, now, key, condition):
        value = self._live(now, key)
        if isinstance(condition, Condition_IfAbsent):
            held = value is None
        elif isinstance(condition, Condition_IfEtag):
            if not is_version(condition.value):
                raise Err(Error_EtagInvalid())
            held = value is not None and str(value.version) == condition.value
        else:
            held = True
        if not held:
            raise Err(Error_EtagMismatch())

    def _replace(self, now, write):
        """Returns what was there."""
        self._check(now, write.key, write.condition)
        value = Value(write.value, self.last_version + 1, write.expires)
        before, after = cost(write.key, self.values.get(write.key)), cost(write.key, value)
        if after > before and self.used - before + after > self.capacity:
            raise Err(Error_Full(f"the entries have reached the setting capacity, {self.capacity} bytes"))
        self.last_version += 1
        return self._put(write.key, value)

    def _remove(self, now, key, condition):
        """Likewise."""
        self._check(now, key, condition)
        return self._put(key, None)

    def _put(self, key, value):
        """Likewise; without any condition."""
        before = self.values.get(key)
        self.used += cost(key, value) - cost(key, before)
        if value is None:
            self.values.pop(key, None)
        else:
            if before is None:
                self.ordered = None
            self.values[key] = value
        return before


def is_version(etag):
    """False for a text that set never returned."""
    return etag.isascii() and etag.isdigit() and etag[0] != "0"
