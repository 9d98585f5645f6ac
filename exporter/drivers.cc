#include "exporter/drivers.h"

#include <array>

#include "exporter/postgres/driver.h"

namespace pgtls {

std::span<const sampling::Driver* const> Drivers() {
  static const std::array kDrivers = {&postgres::PostgresDriver()};
  return kDrivers;
}

}  // namespace pgtls
