#include "exporter/drivers.h"

#include <array>

#include "exporter/pgbouncer/driver.h"
#include "exporter/pgbouncer/other_pooler.h"
#include "exporter/postgres/driver.h"

namespace pgtls {

std::span<const sampling::Driver* const> Drivers() {
  static const std::array kDrivers = {&pgbouncer::PgBouncerDriver(), &pgbouncer::OtherPoolerDriver(),
                                      &postgres::PostgresDriver()};
  return kDrivers;
}

}  // namespace pgtls
