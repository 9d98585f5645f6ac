#include "collectors/registry.h"

#include <vector>

// A test builds this file with a list of its own.
#ifndef PGTLS_COLLECTORS
#define PGTLS_COLLECTORS "collectors/collectors.def"
#endif

namespace pgtls::collectors {

#define PGTLS_COLLECTOR(name) const sampling::CollectorType& name##Collector();
#include PGTLS_COLLECTORS
#undef PGTLS_COLLECTOR

std::span<const sampling::CollectorType* const> All() {
  static const std::vector<const sampling::CollectorType*> kAll = {
#define PGTLS_COLLECTOR(name) &name##Collector(),
#include PGTLS_COLLECTORS
#undef PGTLS_COLLECTOR
  };
  return kAll;
}

config::CollectorSchemas Schemas() {
  config::CollectorSchemas schemas;
  for (const sampling::CollectorType* type : All()) schemas.emplace(type->name, type->schema);
  return schemas;
}

}  // namespace pgtls::collectors
