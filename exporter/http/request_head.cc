#include "exporter/http/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "exporter/http/message.h"

namespace pgtls::http {
namespace {

// CivetWeb holds 64 fields.
constexpr std::size_t kMaxFields = 60;

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsTokenChar(char c) {
  return IsUpper(c) || (c >= 'a' && c <= 'z') || IsDigit(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

// HTAB, SP, visible characters, obs-text.
bool IsFieldChar(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

bool IsTargetChar(char c) { return c > 0x20 && c < 0x7F; }

// Whether `token` is in the comma-separated list `value`.
bool HasToken(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    const auto comma = value.find(',');
    if (EqualsIgnoringCase(Trimmed(value.substr(0, comma)), token)) return true;
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
  }
  return false;
}

// 0, or the status of the refusal.
int CheckRequestLine(std::string_view line, bool& http11, bool& head_only) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!std::ranges::all_of(method, IsUpper)) return 400;
  if (!version.starts_with("HTTP/")) return 400;
  if (version != "HTTP/1.0" && version != "HTTP/1.1") return 505;
  http11 = version == "HTTP/1.1";
  constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
  if (std::ranges::find(kMethods, method) == kMethods.end()) return 501;
  head_only = method == "HEAD";
  if (!target.starts_with('/') || !std::ranges::all_of(target, IsTargetChar)) return 400;
  // A path that ends early once it is decoded.
  return target.contains("%00") ? 400 : 0;
}

struct Fields {
  std::optional<std::size_t> content_length;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
  int hosts = 0;
};

int ReadField(std::string_view name, std::string_view value, Fields& fields, RequestHead& head) {
  if (EqualsIgnoringCase(name, "Content-Length")) {
    if (fields.content_length || value.empty() || !std::ranges::all_of(value, IsDigit)) return 400;
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error != std::errc() || length > kMaxBodyBytes) return 413;
    fields.content_length = length;
  } else if (EqualsIgnoringCase(name, "Transfer-Encoding")) {
    fields.chunked = true;
  } else if (EqualsIgnoringCase(name, "Connection")) {
    fields.close = fields.close || HasToken(value, "close");
    fields.keep_alive = fields.keep_alive || HasToken(value, "keep-alive");
  } else if (EqualsIgnoringCase(name, "Host")) {
    ++fields.hosts;
  } else if (EqualsIgnoringCase(name, "Expect")) {
    head.expects_continue = EqualsIgnoringCase(value, "100-continue");
  } else if (EqualsIgnoringCase(name, "Authorization")) {
    if (head.authorization) return 400;
    head.authorization = std::string(value);
  }
  return 0;
}

int ReadFields(std::string_view lines, Fields& fields, RequestHead& head) {
  std::size_t count = 0;
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    if (++count > kMaxFields) return 431;
    const auto colon = line.find(':');
    // A line that begins with a blank (obs-fold) has no name either.
    if (colon == std::string_view::npos || colon == 0) return 400;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trimmed(line.substr(colon + 1));
    if (!std::ranges::all_of(name, IsTokenChar) || !std::ranges::all_of(value, IsFieldChar)) return 400;
    const int refusal = ReadField(name, value, fields, head);
    if (refusal != 0) return refusal;
  }
  return 0;
}

// Garbage shows in its first bytes: not a method, or a line that ends in LF alone.
bool CannotBecomeHead(std::string_view bytes) {
  if (!bytes.empty() && !IsUpper(bytes.front())) return true;
  for (auto lf = bytes.find('\n'); lf != std::string_view::npos; lf = bytes.find('\n', lf + 1)) {
    if (lf == 0 || bytes[lf - 1] != '\r') return true;
  }
  return bytes.contains('\0');
}

}  // namespace

std::expected<std::optional<RequestHead>, int> ParseRequestHead(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  const std::string_view text = bytes.substr(0, end == std::string_view::npos ? end : end + 2);
  if (CannotBecomeHead(text)) return std::unexpected(400);
  if (text.size() + 2 > kMaxHeadBytes) return std::unexpected(431);
  if (end == std::string_view::npos) return std::nullopt;

  RequestHead head;
  head.head_bytes = end + 4;
  bool http11 = false;
  const auto line_end = text.find("\r\n");
  int refusal = CheckRequestLine(text.substr(0, line_end), http11, head.head_only);
  if (refusal != 0) return std::unexpected(refusal);
  Fields fields;
  refusal = ReadFields(text.substr(line_end + 2), fields, head);
  if (refusal != 0) return std::unexpected(refusal);
  if (fields.hosts > 1 || (http11 && fields.hosts == 0)) return std::unexpected(400);
  // Two statements of one length are what request smuggling is made of.
  if (fields.chunked) return std::unexpected(fields.content_length ? 400 : 411);
  head.body_bytes = fields.content_length.value_or(0);
  head.keep_alive = !fields.close && (http11 || fields.keep_alive);
  head.expects_continue = head.expects_continue && http11;
  return head;
}

}  // namespace pgtls::http
