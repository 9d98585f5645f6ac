#include "collectors/registry.h"

#include "collectors/certificates.h"
#include "collectors/endpoint.h"
#include "collectors/hba.h"
#include "collectors/sessions.h"
#include "collectors/settings.h"

namespace pgtls::collectors {

std::span<const sampling::CollectorType* const> All() {
  static const std::vector<const sampling::CollectorType*> kAll = {
#define PGTLS_COLLECTOR(name) &name##Collector(),
#include "collectors/collectors.def"
#undef PGTLS_COLLECTOR
  };
  return kAll;
}

}  // namespace pgtls::collectors
