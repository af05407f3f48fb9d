"""What the generated Python guest stands on: a class that echoes every value, through the host where it is told to."""

from componentize_py_types import Err


def unwrap(result):
    """An error result is raised by the guest and by the imported function."""
    if isinstance(result, Err):
        raise result
    return result.value


def guest(host, one, several, results):
    """`one` and `several` name the functions of one and of more parameters, `results` those that answer a result."""

    class Guest:
        through = False

        def set_through(self, on):
            self.through = on

    def define(name, direct):
        call = getattr(host, name)
        setattr(Guest, name, lambda self, *p: call(*p) if self.through else direct(*p))

    for name in one:
        define(name, lambda p: p)
    for name in several:
        define(name, lambda *p: p)
    for name in results:
        define(name, unwrap)
    return Guest
