"""The component: berth:state and berth:lifecycle over Entries."""
from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.exports.store import Features
from wit_world.imports.types import Write

from entries import Entries

entries = Entries()


def each(call, items):
    """One result for each item."""
    results = []
    for item in items:
        try:
            results.append(Ok(call(item)))
        except Err as error:
            results.append(error)
    return results


class Store(exports.Store):
    def init(self, settings):
        for name, value in settings:
            if name != "capacity":
                raise Err(f'no setting "{name}"; there is: capacity')
            if not (value.isascii() and value.isdigit()):
                raise Err(f'capacity: "{value}" is no number of bytes')
            entries.capacity = int(value)
        return Features.BULK | Features.TRANSACTIONS | Features.SCANNING | Features.PREFIXES | Features.EXPIRY

    def get(self, now, key):
        return entries.get(now, key)

    def set(self, now, key, value, condition, expires):
        return entries.set(now, Write(key, value, condition, expires))

    def delete(self, now, key, condition):
        entries.delete(now, key, condition)


class Bulk(exports.Bulk):
    def get_many(self, now, keys):
        return each(lambda key: entries.get(now, key), keys)

    def set_many(self, now, writes):
        return each(lambda write: entries.set(now, write), writes)

    def delete_many(self, now, removals):
        return each(lambda removal: entries.delete(now, removal.key, removal.condition), removals)


class Transactions(exports.Transactions):
    def transact(self, now, operations):
        entries.transact(now, operations)


class Scanning(exports.Scanning):
    def scan(self, now, prefix, after, limit):
        return entries.scan(now, prefix, after, limit)


class Prefixes(exports.Prefixes):
    def delete_prefix(self, now, prefix):
        return entries.delete_prefix(now, prefix)


class Expiry(exports.Expiry):
    def purge(self, now, after):
        return entries.purge(now, after)


class Probe(exports.Probe):
    def probe(self):
        pass


class Handover(exports.Handover):
    def save(self):
        return entries.save()

    def restore(self, state):
        entries.restore(state)
