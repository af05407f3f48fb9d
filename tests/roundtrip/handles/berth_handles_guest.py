"""The handles guest in Python: gives back every handle it is given, directly or through the host, and keeps
objects of its own. componentize-py finds a package's resources in a module of this name."""

from componentize_py_types import Err
from wit_world.imports import berth_handles_host as host


class Item:
    def __init__(self, value):
        self.value = value

    def get(self):
        return self.value

    def set(self, value):
        self.value = value

    @classmethod
    def parse(cls, text):
        return cls(int(text))


class BerthHandlesGuest:
    through = False

    def set_through(self, on):
        self.through = on

    def use_thing(self, value):
        with host.Thing(value) as made, host.Thing.parse("1000") as parsed:
            total = made.get()
            made.set(value + 1)
            return total + made.get() + parsed.get()

    def own_thing(self, v):
        return host.own_thing(v) if self.through else v

    def read_thing(self, v):
        return host.read_thing(v) if self.through else v.get()

    def own_things(self, v):
        return host.own_things(v) if self.through else v

    def read_things(self, v):
        return host.read_things(v) if self.through else [thing.get() for thing in v]

    def own_option(self, v):
        return host.own_option(v) if self.through else v

    def own_result(self, v):
        if self.through:
            return host.own_result(v)
        if isinstance(v, Err):
            raise v
        return v.value

    def own_record(self, v):
        return host.own_record(v) if self.through else v

    def own_choice(self, v):
        return host.own_choice(v) if self.through else v

    def own_nested(self, v):
        return host.own_nested(v) if self.through else v

    def own_item(self, v):
        return v

    def read_item(self, v):
        return v.get()

    def own_items(self, v):
        return v

    def own_item_option(self, v):
        return v
