// What generated bindings include.
#pragma once

#include "abi/export.h"         // IWYU pragma: export
#include "abi/import.h"         // IWYU pragma: export
#include "abi/variant_codec.h"  // IWYU pragma: export
