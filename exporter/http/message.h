// A request as handlers see it, and the response that they give back.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgtls::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Names of fields, codings and the like: compared without case (ASCII).
bool EqualsIgnoringCase(std::string_view a, std::string_view b);
// Without blanks (space, tab) at either end.
std::string_view Trimmed(std::string_view text);

// The first value under `name` (compared without case), or nullptr.
const std::string* FindHeader(const Headers& headers, std::string_view name);

// The path that stands for the whole server: "OPTIONS *" as the front passes it on.
inline constexpr std::string_view kWholeServer = "/*";

struct Request {
  std::string method;  // as sent; a HEAD request runs the handler of GET
  std::string path;    // decoded, dot segments removed
  // Parameters in the order of their names, decoded ('+' is a space); a parameter that occurs twice is there twice, in
  // the order sent.
  std::multimap<std::string, std::string, std::less<>> query;
  Headers headers;
  std::string client;  // "192.0.2.7:51234", "[::1]:51234": for the log

  const std::string* Header(std::string_view name) const { return FindHeader(headers, name); }
};

// A text, piece by piece.
class PieceSource {
 public:
  virtual ~PieceSource() = default;
  // The next piece, empty at the end. It stays where it is for as long as the body that it came from, or a copy of it.
  virtual std::string_view Next() = 0;
};

// What is sent back. A page of 20 MB is written from where its parts lie, never put together.
class Body {
 public:
  // Begins the text anew. What it holds keeps the pieces alive.
  using Open = std::function<std::unique_ptr<PieceSource>()>;

  Body() = default;
  Body(std::string text);                              // NOLINT(google-explicit-constructor): a text is a body
  Body(const char* text) : Body(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  // REQUIRES: the pieces have `size` bytes together.
  Body(std::size_t size, Open open) : size_(size), open_(std::move(open)) {}

  std::size_t size() const { return size_; }  // bytes
  std::unique_ptr<PieceSource> Pieces() const;
  // All of it in one.
  std::string Text() const;

 private:
  std::size_t size_ = 0;
  Open open_;  // none: an empty body
};

// A body from its beginning to its end, in blocks that are worth a write each.
class BodyReader {
 public:
  // `first` comes before the body. REQUIRES: `body` outlives this.
  explicit BodyReader(const Body& body, std::string first = {})
      : pieces_(body.Pieces()), piece_(pieces_->Next()), block_(std::move(first)) {}

  // The next block, empty at the end. It lives until the next call.
  std::string_view Next();

 private:
  std::unique_ptr<PieceSource> pieces_;
  std::string_view piece_;  // the next one
  std::string block_;
  bool handed_out_ = false;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  Headers headers;  // besides those that every response gets; one of the same name replaces the usual one
  // "'sha256-…'": the one inline style that its Content-Security-Policy allows. Empty: none.
  std::string style_hash;
  Body body;
};

// Runs on one of the server's worker threads, several at once. What it throws becomes a 500 without details, and a log
// line.
using Handler = std::function<Response(const Request&)>;
// How long one may take. A response after this is discarded: the client has been disconnected.
constexpr std::chrono::seconds kLongestHandler{125};

struct Route {
  std::string path;                  // compared as a whole
  std::vector<std::string> methods;  // GET includes HEAD
  Handler handler;
  std::string name;  // the label `handler` of pg_tls_exporter_http_requests_total
};

// The parameters of a query string (what follows '?').
std::multimap<std::string, std::string, std::less<>> ParseQuery(std::string_view text);

// "Not Found" of 404; "Unknown" of a number that is not used here.
std::string_view StatusText(int status);

// A response of one line, "<status text>\n".
Response PlainResponse(int status);

}  // namespace pgtls::http
