// The kinds of server that this program knows.
#pragma once

#include <span>

#include "exporter/sampling/driver.h"

namespace pgtls {

// In the order in which they are asked whether a server is of their kind.
std::span<const sampling::Driver* const> Drivers();

}  // namespace pgtls
