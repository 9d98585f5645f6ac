// The frame and the elements of a page that is printed or handed in.
#pragma once

#include <cstddef>
#include <string_view>

#include "exporter/status/html.h"

namespace pgtls::report {

inline constexpr std::size_t kMostBytes = 1000;  // of a line

// Everything before the content of <main>.
void BeginPage(std::string_view title, std::string_view subtitle, status::Html& html);
void Badge(status::Markup colour, std::string_view text, status::Html& html);
// A cell of a table's row.
void Cell(status::Markup label, std::string_view text, status::Html& html);

}  // namespace pgtls::report
