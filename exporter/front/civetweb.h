// CivetWeb as the pool of worker threads behind the front, on a loopback port that only the front talks to. All that a
// client sends is parsed, bounded and authenticated before it gets here; CivetWeb decodes the path and runs the
// handler.
#pragma once

#include <cstdint>
#include <memory>

#include "exporter/front/peers.h"
#include "exporter/http/router.h"

struct mg_context;
struct mg_connection;
struct mg_request_info;

namespace pgtls::front {

// Every answer comes from begin_request, which never lets CivetWeb go on: neither its file code (CVE-2025-55763 is in
// there) nor its own OPTIONS and error pages are reached. One request a connection. mg_start ignores SIGPIPE for the
// process, on which the front relies too.
class CivetWeb {
 public:
  // Listens on a free port of 127.0.0.1. REQUIRES: `router` and `peers` outlive this. Throws std::runtime_error.
  CivetWeb(int workers, const http::Router& router, Peers& peers);
  // REQUIRES: the front is closed, so that no worker waits for a client. Waits for handlers that run.
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
