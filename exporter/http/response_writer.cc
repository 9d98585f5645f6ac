#include "exporter/http/response_writer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "exporter/http/gzip.h"

namespace pgtls::http {
namespace {

constexpr std::size_t kOneWrite = std::size_t{256} * 1024;
constexpr std::size_t kPiece = std::size_t{64} * 1024;
// Below this, gzip's header is larger than what it saves.
constexpr std::size_t kMinGzip = 256;

// Our pages have at most one inline style and no scripts, may not be framed, and load nothing.
Headers SecurityHeaders(const Response& response) {
  const std::string style = response.style_hash.empty() ? "" : "style-src " + response.style_hash + "; ";
  return {
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "deny"},
      {"Content-Security-Policy",
       "default-src 'none'; " + style + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"Referrer-Policy", "no-referrer"},
      {"Cache-Control", "no-store"},
  };
}

bool IsCompressible(const Response& response) {
  return response.body.size() >= kMinGzip && FindHeader(response.headers, "Content-Encoding") == nullptr &&
         (response.content_type.starts_with("text/") || response.content_type.starts_with("application/"));
}

void AddField(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  // A line break in a value would end the field and begin another.
  for (const char c : value) head += (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) ? ' ' : c;
  head += "\r\n";
}

enum class Framing { kLength, kChunked, kNone };

std::string Head(const Response& response, const Exchange& exchange, Framing framing, std::size_t length, bool gzip) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, StatusText(response.status));
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  AddField(head, "Date", fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(now)));
  if (!response.content_type.empty()) AddField(head, "Content-Type", response.content_type);
  if (framing == Framing::kLength) AddField(head, "Content-Length", std::to_string(length));
  if (framing == Framing::kChunked) AddField(head, "Transfer-Encoding", "chunked");
  if (gzip) AddField(head, "Content-Encoding", "gzip");
  if (IsCompressible(response)) AddField(head, "Vary", "Accept-Encoding");
  AddField(head, "Connection", exchange.keep_alive ? "keep-alive" : "close");
  static const Headers none;
  const Headers& site = exchange.site_headers != nullptr ? *exchange.site_headers : none;
  for (const auto& [name, value] : SecurityHeaders(response)) {
    if (FindHeader(response.headers, name) == nullptr && FindHeader(site, name) == nullptr) AddField(head, name, value);
  }
  for (const auto& [name, value] : site) {
    if (!value.empty() && FindHeader(response.headers, name) == nullptr) AddField(head, name, value);
  }
  for (const auto& [name, value] : response.headers) AddField(head, name, value);
  head += "\r\n";
  return head;
}

std::string Compressed(const Body& body) {
  std::string out;
  GzipStream gzip;
  gzip.Append(body.Text(), out);  // a small one
  gzip.Finish(out);
  return out;
}

bool WriteCompressedPieces(const Body& body, std::string out, const WriteFunction& write) {
  GzipStream gzip;
  std::string pending;
  const auto flush = [&] {
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", pending.size());
    out += pending;
    out += "\r\n";
    const bool written = write(out);
    out.clear();
    pending.clear();
    return written;
  };
  BodyReader reader(body);
  for (std::string_view block = reader.Next(); !block.empty(); block = reader.Next()) {
    // A block may be one large piece.
    while (!block.empty()) {
      const std::string_view piece = block.substr(0, kPiece);
      block.remove_prefix(piece.size());
      gzip.Append(piece, pending);
      if (pending.size() >= kPiece && !flush()) return false;
    }
  }
  gzip.Finish(pending);
  if (!flush()) return false;
  return write("0\r\n\r\n");
}

}  // namespace

bool WriteResponse(Response response, const Exchange& exchange, const WriteFunction& write) {
  const std::size_t size = response.body.size();
  const bool large = size > kOneWrite;
  // The compressed length of a large body is known only at its end, and HTTP/1.0 needs the length to keep a connection
  // open.
  const bool gzip = exchange.gzip && IsCompressible(response) && (exchange.http11 || !large);
  if (exchange.head_only) {
    return write(Head(response, exchange, gzip ? Framing::kNone : Framing::kLength, size, gzip));
  }
  if (large && gzip) {
    return WriteCompressedPieces(response.body, Head(response, exchange, Framing::kChunked, 0, true), write);
  }
  if (large) {
    std::string head = Head(response, exchange, Framing::kLength, size, false);
    if (exchange.rest != nullptr) {
      *exchange.rest = std::move(response.body);
      return write(head);
    }
    BodyReader reader(response.body, std::move(head));
    for (std::string_view block = reader.Next(); !block.empty(); block = reader.Next()) {
      if (!write(block)) return false;
    }
    return true;
  }
  if (gzip) {
    const std::string compressed = Compressed(response.body);
    return write(Head(response, exchange, Framing::kLength, compressed.size(), true) + compressed);
  }
  return write(Head(response, exchange, Framing::kLength, size, false) + response.body.Text());
}

}  // namespace pgtls::http
