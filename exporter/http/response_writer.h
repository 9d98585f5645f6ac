// A response as bytes on the wire.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "exporter/http/message.h"

namespace pgtls::http {

// What the form of a response depends on besides the response.
struct Exchange {
  bool head_only = false;   // HEAD
  bool http11 = true;       // else nothing is sent chunked
  bool keep_alive = false;  // said in the Connection field; the framing allows for it always
  bool gzip = false;        // the client asks for it
  // Replace the security headers of the same name; an empty value takes one away.
  const Headers* site_headers = nullptr;
  // Where set: a body that goes out in pieces and as it is, is left here once its head is written, and its writer sends
  // it on.
  Body* rest = nullptr;
};

// Sends all of `bytes`, or returns false: the connection is gone.
using WriteFunction = std::function<bool(std::string_view bytes)>;

// Writes head and body. A body of up to 256 KiB goes out with its head in one write; a larger one in pieces, and never
// has a second copy in memory, compressed or not. Every response carries the security headers. False as soon as a write
// failed.
bool WriteResponse(Response response, const Exchange& exchange, const WriteFunction& write);

}  // namespace pgtls::http
