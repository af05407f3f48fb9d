// Builds the checker of applications/statestore/tests/linearizable_test.py.
// gcflags -l
module berth/tests/servers/linearizable

go 1.24

tool berth/tests/servers/linearizable

require github.com/anishathalye/porcupine v1.1.0
