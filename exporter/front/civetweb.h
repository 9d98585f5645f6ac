// CivetWeb as the pool of worker threads behind the front, on a loopback port that only the front uses. A client's
// request is parsed, bounded and authenticated before it arrives here; CivetWeb decodes the path and runs the handler.
#pragma once

#include <cstdint>
#include <memory>

#include "exporter/front/peers.h"
#include "exporter/http/router.h"

struct mg_context;
struct mg_connection;
struct mg_request_info;

namespace pgtls::front {

// begin_request answers every request, so CivetWeb's code for files (which has CVE-2025-55763), OPTIONS and error pages
// is never reached. One request per connection. mg_start ignores SIGPIPE for the process, on which the front relies.
class CivetWeb {
 public:
  // Listens on a free port of 127.0.0.1. REQUIRES: `router` and `peers` outlive this. Throws std::runtime_error.
  CivetWeb(int workers, const http::Router& router, Peers& peers);
  // REQUIRES: the front is stopped, so that no worker waits for a client. Waits for running handlers.
  ~CivetWeb();
  CivetWeb(const CivetWeb&) = delete;
  CivetWeb& operator=(const CivetWeb&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  static int BeginRequest(mg_connection* connection);
  static int HttpError(mg_connection* connection, int status, const char* message);

  int Answer(mg_connection* connection, const mg_request_info& info, Peer& peer) const;

  const http::Router& router_;
  Peers& peers_;
  mg_context* context_ = nullptr;
  std::uint16_t port_ = 0;
};

}  // namespace pgtls::front
