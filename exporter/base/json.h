// JSON text (RFC 8259) from values that may hold any bytes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace pgtls {

// On one line, or indented by `indent` spaces. Bytes that are no UTF-8 become U+FFFD.
std::string JsonText(const nlohmann::ordered_json& value, int indent = -1);

}  // namespace pgtls
