#include "exporter/base/host_port.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "exporter/base/text.h"

namespace pgtls {

std::optional<HostAndPort> SplitHostPort(std::string_view text) {
  HostAndPort result;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    result = {.host = text.substr(1, close - 1), .in_brackets = true};
    rest = text.substr(close + 1);
  } else {
    result.host = text.substr(0, text.find(':'));
    rest = text.substr(result.host.size());
  }
  if (rest.empty()) return result;
  if (!rest.starts_with(':')) return std::nullopt;
  result.port = rest.substr(1);
  if (result.port->contains(':')) return std::nullopt;
  return result;
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool IsHostName(std::string_view text) {
  constexpr std::size_t kMostBytes = 253;
  constexpr std::size_t kMostLabelBytes = 63;
  const auto is_label_byte = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  const auto is_label = [&](std::string_view label) {
    return !label.empty() && label.size() <= kMostLabelBytes && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, is_label_byte);
  };
  return text.size() <= kMostBytes && text.find_first_not_of("0123456789.") != std::string_view::npos &&
         std::ranges::all_of(SplitList(text, '.'), is_label);
}

std::string JoinHostPort(std::string_view host, std::string_view port) {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace pgtls
