#include "exporter/http/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "exporter/base/text.h"
#include "exporter/http/message.h"

namespace pgtls::http {
namespace {

// CivetWeb supports 64 fields.
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
  return std::ranges::any_of(SplitList(value, ','),
                             [&](std::string_view entry) { return EqualsIgnoringCase(Trimmed(entry), token); });
}

struct RequestLine {
  std::string_view method;
  std::string_view version;
  std::string target;  // in origin-form
  // Of a target in absolute-form: the value of Host.
  std::optional<std::string_view> authority;
  bool rewritten = false;
};

// The host and port of an absolute-form target. User information (RFC 9110, 4.2.4) and bytes that could end a field are
// refused.
bool IsAuthority(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return IsUpper(c) || (c >= 'a' && c <= 'z') || IsDigit(c) || std::string_view("-._~!$&'()*+,;=%:[]").contains(c);
  });
}

// 0, or the status of the refusal.
int ReadTarget(std::string_view target, RequestLine& line) {
  if (!std::ranges::all_of(target, IsTargetChar)) return 400;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!EqualsIgnoringCase(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const auto end = std::min(target.find_first_of("/?#"), target.size());
    line.authority = target.substr(0, end);
    line.rewritten = true;
    if (!IsAuthority(*line.authority)) return 400;
    target.remove_prefix(end);
    // RFC 9112, 3.2.4: without a path it is about the server as a whole.
    if (target.empty() && line.method == "OPTIONS") target = "*";
    line.target = target.starts_with('/') || target == "*" ? "" : "/";
    break;
  }
  line.target += target;
  if (line.target == "*" && line.method == "OPTIONS") {
    line.target = kWholeServer;
    line.rewritten = true;
  }
  if (!line.target.starts_with('/')) return 400;
  // A path with a NUL, which would end it early after decoding.
  return line.target.contains("%00") ? 400 : 0;
}

// 0, or the status of the refusal.
int ReadRequestLine(std::string_view text, RequestLine& line) {
  const auto first = text.find(' ');
  const auto last = text.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  line.method = text.substr(0, first);
  line.version = text.substr(last + 1);
  if (!std::ranges::all_of(line.method, IsUpper)) return 400;
  if (!line.version.starts_with("HTTP/")) return 400;
  if (line.version != "HTTP/1.0" && line.version != "HTTP/1.1") return 505;
  constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
  if (std::ranges::find(kMethods, line.method) == kMethods.end()) return 501;
  return ReadTarget(text.substr(first + 1, last - first - 1), line);
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

// The head with its target in origin-form. `lines` are the fields, each with its CRLF.
std::string OriginForm(const RequestLine& line, std::string_view lines) {
  std::string head = std::string(line.method) + ' ' + line.target + ' ' + std::string(line.version) + "\r\n";
  // RFC 9112, 3.2.2: the received Host is ignored.
  if (line.authority) head += "Host: " + std::string(*line.authority) + "\r\n";
  while (!lines.empty()) {
    const std::string_view field = lines.substr(0, lines.find("\r\n") + 2);
    lines.remove_prefix(field.size());
    if (!line.authority || !EqualsIgnoringCase(field.substr(0, field.find(':')), "Host")) head += field;
  }
  return head + "\r\n";
}

// Other protocols are recognized by their first bytes: no method, or a line that ends in LF only.
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
  RequestLine line;
  const auto line_end = text.find("\r\n");
  const std::string_view lines = text.substr(line_end + 2);
  int refusal = ReadRequestLine(text.substr(0, line_end), line);
  if (refusal != 0) return std::unexpected(refusal);
  const bool http11 = line.version == "HTTP/1.1";
  head.head_only = line.method == "HEAD";
  Fields fields;
  refusal = ReadFields(lines, fields, head);
  if (refusal != 0) return std::unexpected(refusal);
  if (fields.hosts > 1 || (http11 && fields.hosts == 0)) return std::unexpected(400);
  // Two lengths of one message are the basis of request smuggling.
  if (fields.chunked) return std::unexpected(fields.content_length ? 400 : 411);
  head.body_bytes = fields.content_length.value_or(0);
  head.keep_alive = !fields.close && (http11 || fields.keep_alive);
  head.expects_continue = head.expects_continue && http11;
  if (line.rewritten) head.origin_form = OriginForm(line, lines);
  return head;
}

}  // namespace pgtls::http
