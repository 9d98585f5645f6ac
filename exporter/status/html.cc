#include "exporter/status/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

#include "exporter/base/text.h"
#include "exporter/base/uri.h"

namespace pgtls::status {
namespace {

struct Range {
  char32_t first, last;
};
// What draws nothing, or changes how its neighbours are drawn (Unicode's Default_Ignorable_Code_Point and the
// separators): with these, two names look like one, or a name reads backwards.
constexpr std::array kInvisible = {
    Range{0xAD, 0xAD},     Range{0x34F, 0x34F},   Range{0x61C, 0x61C},     Range{0x115F, 0x1160},
    Range{0x17B4, 0x17B5}, Range{0x180B, 0x180F}, Range{0x200B, 0x200F},   Range{0x2028, 0x202E},
    Range{0x2060, 0x206F}, Range{0x3164, 0x3164}, Range{0xFE00, 0xFE0F},   Range{0xFEFF, 0xFEFF},
    Range{0xFFA0, 0xFFA0}, Range{0xFFF0, 0xFFFB}, Range{0x1BCA0, 0x1BCA3}, Range{0xE0000, 0xE0FFF}};

bool IsInvisible(char32_t code) {
  return std::ranges::any_of(kInvisible, [&](Range range) { return code >= range.first && code <= range.last; });
}

// The character at the front and its length. REQUIRES: valid UTF-8, not empty.
std::pair<char32_t, std::size_t> Front(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  if (length == 1) return {byte(0), 1};
  char32_t code = byte(0) & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (byte(i) & 0x3Fu);
  return {code, length};
}

void Escape(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const auto [code, length] = Front(text);
    switch (code) {
      case U'&':
        out += "&amp;";
        break;
      case U'<':
        out += "&lt;";
        break;
      case U'>':
        out += "&gt;";
        break;
      case U'"':
        out += "&quot;";
        break;
      case U'\'':
        out += "&#39;";
        break;
      default:
        if (IsInvisible(code)) {
          fmt::format_to(std::back_inserter(out), "\\u{{{:04x}}}", static_cast<std::uint32_t>(code));
        } else {
          out += text.substr(0, length);
        }
    }
    text.remove_prefix(length);
  }
}

}  // namespace

Html& Html::operator<<(Markup markup) {
  text_ += markup.text();
  return *this;
}

Html& Html::Text(std::string_view text, std::size_t max_bytes) {
  Escape(Printable(text, max_bytes), text_);
  return *this;
}

Html& Html::Name(std::string_view text, std::size_t max_bytes) {
  return (*this << "<bdi>").Text(text, max_bytes) << "</bdi>";
}

Html& Html::QueryValue(std::string_view text) {
  text_ += PercentEncoded(text);
  return *this;
}

}  // namespace pgtls::status
