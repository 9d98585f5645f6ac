// Writes a response as bytes of HTTP/1.1.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "exporter/http/message.h"

namespace pgtls::http {

// What the format of a response depends on besides the response itself.
struct Exchange {
  bool head_only = false;   // HEAD
  bool http11 = true;       // if false, nothing is sent chunked
  bool keep_alive = false;  // for the Connection field; the framing always allows it
  bool gzip = false;        // the client accepts it
  // These replace the security headers of the same name; an empty value removes one.
  const Headers* site_headers = nullptr;
  // If set: a body that is sent in pieces and uncompressed is stored here after its head is written, for the owner of
  // the connection to send.
  Body* rest = nullptr;
};

// Sends all of `bytes`; returns false if the connection is lost.
using WriteFunction = std::function<bool(std::string_view bytes)>;

// Writes head and body. A body of up to 256 KiB is sent with its head in one write, a larger one in pieces, without a
// second copy in memory, compressed or not. Every response has the security headers. Returns false as soon as a write
// fails.
bool WriteResponse(Response response, const Exchange& exchange, const WriteFunction& write);

}  // namespace pgtls::http
