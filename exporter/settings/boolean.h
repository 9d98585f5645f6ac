// How PostgreSQL reads the text of a setting.
#pragma once

#include <optional>
#include <string_view>

namespace pgtls::settings {

// parse_bool of src/backend/utils/adt/bool.c: any unique beginning of its words, in any case. nullopt: no boolean.
std::optional<bool> ParseBool(std::string_view text);

}  // namespace pgtls::settings
