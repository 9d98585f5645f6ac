#include "exporter/base/json.h"

#include <nlohmann/json.hpp>

namespace pgtls {

std::string JsonText(const nlohmann::ordered_json& value, int indent) {
  // The library's own default throws.
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace pgtls
