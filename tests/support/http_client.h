// A small HTTP client on a socket without TLS, which sends exactly the test's bytes.
#pragma once

#include <map>
#include <string>

namespace pgtls::support {

struct HttpResponse {
  int status = 0;                              // 0: the server closed the connection without a status line
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // as sent: not decompressed
};

// One request on its own connection. `head` are header lines, each ended with \r\n; Host and Connection: close are
// added. Throws std::runtime_error if nothing listens or no answer comes within 30 s.
HttpResponse HttpRequest(int port, const std::string& target, const std::string& method = "GET",
                         const std::string& head = "", const std::string& address = "127.0.0.1");

// GET, decompressed where it came as gzip. Throws std::runtime_error unless the status is 200.
std::string HttpGet(int port, const std::string& target, const std::string& address = "127.0.0.1");

// Sends any bytes; returns all bytes received until the server closes the connection, at most 30 s.
std::string HttpExchange(int port, const std::string& bytes, const std::string& address = "127.0.0.1");

// zlib's inflate of a gzip body. Throws std::runtime_error if it is none.
std::string Gunzip(const std::string& body);

}  // namespace pgtls::support
