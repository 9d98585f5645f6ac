#include "exporter/http/message.h"

#include <algorithm>
#include <optional>

#include "exporter/base/prefetch.h"

namespace pgtls::http {
namespace {

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// A '%' that no two hex digits follow stays what it is.
std::string Decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      result += ' ';
      continue;
    }
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = HexDigit(text[i + 1]);
      const auto low = HexDigit(text[i + 2]);
      if (high && low) {
        result += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

// Small enough to stay in a processor's cache between being put together and being sent.
constexpr std::size_t kBlock = std::size_t{64} * 1024;

// Of the pieces of a page, which lie all over the memory: so many ahead, so much of each. What comes after that the
// processor finds itself.
constexpr std::size_t kAhead = 16;
constexpr std::size_t kFirst = 384;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, Lower, Lower); }

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

const std::string* FindHeader(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return &value;
  }
  return nullptr;
}

void Body::Append(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  AppendKept(*owner);
  Keep(std::move(owner));
}

void Body::Reserve(std::size_t pieces, std::size_t owners) {
  pieces_.reserve(pieces);
  owners_.reserve(owners);
}

std::string_view BodyReader::Next() {
  const auto& pieces = body_.pieces();
  if (handed_out_) block_.clear();
  handed_out_ = true;
  // What is large goes out from where it lies; what is small shares a block with its neighbours.
  if (block_.empty() && next_ < pieces.size() && pieces[next_].size() >= kBlock / 2) return pieces[next_++];
  block_.reserve(kBlock);
  while (next_ < pieces.size() && block_.size() + pieces[next_].size() <= kBlock) {
    if (next_ + kAhead < pieces.size()) {
      const std::string_view ahead = pieces[next_ + kAhead];
      Prefetch(ahead.data(), std::min(ahead.size(), kFirst));
    }
    block_ += pieces[next_++];
  }
  return block_;
}

std::multimap<std::string, std::string, std::less<>> ParseQuery(std::string_view text) {
  std::multimap<std::string, std::string, std::less<>> result;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    result.emplace(Decoded(pair.substr(0, equals)), Decoded(value));
  }
  return result;
}

std::string_view StatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

Response PlainResponse(int status) {
  Response response;
  response.status = status;
  response.body = std::string(StatusText(status)) + "\n";
  return response;
}

}  // namespace pgtls::http
