// A request as handlers see it, and the response that they return.
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

// Compares names of fields and codings, ignoring case (ASCII).
bool EqualsIgnoringCase(std::string_view a, std::string_view b);
// Returns the text without blanks (space, tab) at either end.
std::string_view Trimmed(std::string_view text);

// Returns the first value of the field `name`, ignoring case, or null.
const std::string* FindHeader(const Headers& headers, std::string_view name);

// The path of a request for the whole server, "OPTIONS *", as the front passes it on.
inline constexpr std::string_view kWholeServer = "/*";

struct Request {
  std::string method;  // as sent; a HEAD request runs the handler of GET
  std::string path;    // decoded, dot segments removed
  // Parameters in the order of their names, decoded ('+' is a space). A repeated parameter is there as often, in the
  // order sent.
  std::multimap<std::string, std::string, std::less<>> query;
  Headers headers;
  std::string client;  // "192.0.2.7:51234", "[::1]:51234": for the log

  const std::string* Header(std::string_view name) const { return FindHeader(headers, name); }
};

// A source of text in pieces.
class PieceSource {
 public:
  virtual ~PieceSource() = default;
  // Returns the next piece, empty at the end. It is valid as long as the body that it came from, or a copy of that.
  virtual std::string_view Next() = 0;
};

// The body of a response. A page of 20 MB is written from its parts, which are never joined.
class Body {
 public:
  // Starts the text from its beginning. The function owns what the pieces refer to.
  using Open = std::function<std::unique_ptr<PieceSource>()>;

  Body() = default;
  Body(std::string text);                              // NOLINT(google-explicit-constructor): a text is a body
  Body(const char* text) : Body(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  // REQUIRES: the pieces have `size` bytes together.
  Body(std::size_t size, Open open) : size_(size), open_(std::move(open)) {}

  std::size_t size() const { return size_; }  // bytes
  std::unique_ptr<PieceSource> Pieces() const;
  // Returns all of it as one text.
  std::string Text() const;

 private:
  std::size_t size_ = 0;
  Open open_;  // empty: an empty body
};

// Reads a body in blocks that are large enough for one write each.
class BodyReader {
 public:
  // `first` is put before the body. REQUIRES: `body` outlives this.
  explicit BodyReader(const Body& body, std::string first = {})
      : pieces_(body.Pieces()), piece_(pieces_->Next()), block_(std::move(first)) {}

  // Returns the next block, empty at the end. It is valid until the next call.
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
  Headers headers;  // in addition to those of every response; one of the same name replaces it
  // "'sha256-…'": the inline style that its Content-Security-Policy allows. Empty: none.
  std::string style_hash;
  Body body;
};

// Runs on the server's worker threads, several at once. An exception becomes a response 500 without details, and a log
// line.
using Handler = std::function<Response(const Request&)>;
// How long a handler may take. A response after this is discarded: the client has been disconnected.
constexpr std::chrono::seconds kLongestHandler{125};

struct Route {
  std::string path;                  // must be equal
  std::vector<std::string> methods;  // GET includes HEAD
  Handler handler;
  std::string name;  // the label `handler` of pg_tls_exporter_http_requests_total
};

// Returns the parameters of a query string (the part after '?').
std::multimap<std::string, std::string, std::less<>> ParseQuery(std::string_view text);

// Returns "Not Found" for 404, and so on; "Unknown" for a status that is not used here.
std::string_view StatusText(int status);

// Returns a response of one line, "<status text>\n".
Response PlainResponse(int status);

}  // namespace pgtls::http
