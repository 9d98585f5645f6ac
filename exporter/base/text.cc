#include "exporter/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace pgtls {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Returns the length of the valid UTF-8 sequence at the beginning of `text`, or 0 (RFC 3629: no surrogates, no overlong
// forms).
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto continues = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

// FNV-1a: stable across runs and builds, unlike std::hash.
std::uint64_t Hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

std::string ValidUtf8(std::string_view text) {
  // Nearly all names are ASCII.
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<std::uint8_t>(c) < 0x80; })) {
    return std::string(text);
  }
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) {
      result += kReplacement;
      result += fmt::format("x{:02x}", static_cast<std::uint8_t>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    const std::string_view sequence = text.substr(0, length);
    result += sequence;
    if (sequence == kReplacement) result += kReplacement;
    text.remove_prefix(length);
  }
  return result;
}

std::string Bounded(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  const std::string tail = fmt::format("\u2026#{:016x}", Hash(text));
  std::size_t end = max_bytes - tail.size();
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + tail;
}

std::string Printable(std::string_view text, std::size_t max_bytes) {
  std::string result;
  const std::string valid = ValidUtf8(text);
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(valid[i]);
    // U+0080 … U+009F are C2 80 … C2 9F; terminals interpret some of them (CSI is U+009B).
    const bool c1 = byte == 0xC2 && static_cast<std::uint8_t>(valid[i + 1]) < 0xA0;
    if (c1) {
      result += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(valid[++i]));
    } else if (byte < 0x20 || byte == 0x7F) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += valid[i];
    }
  }
  return Bounded(result, max_bytes);
}

std::string OneLine(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto end = text.find_first_of("\r\n");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    line = line.substr(0, line.find_last_not_of(" \t") + 1);
    if (line.empty()) continue;
    if (!result.empty()) result += result.ends_with(':') || result.ends_with(';') ? " " : "; ";
    result += line;
  }
  return result;
}

std::string Counted(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::vector<std::string_view> SplitList(std::string_view text, char separator) {
  std::vector<std::string_view> entries;
  for (;;) {
    const std::size_t end = text.find(separator);
    entries.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return entries;
    text.remove_prefix(end + 1);
  }
}

}  // namespace pgtls
