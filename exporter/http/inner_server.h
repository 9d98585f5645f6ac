// CivetWeb on a loopback port that only the front talks to: it parses requests and runs the handlers on its worker
// threads.
#pragma once

#include <cstdint>
#include <memory>

#include "exporter/http/peers.h"
#include "exporter/http/router.h"

struct mg_context;
struct mg_connection;
struct mg_request_info;

namespace pgtls::http {

// Every answer comes from begin_request, which never lets CivetWeb go on: neither its file code (CVE-2025-55763 is in
// there) nor its own OPTIONS and error pages are reached. One request a connection. mg_start ignores SIGPIPE for the
// process, on which the front relies too.
class InnerServer {
 public:
  // Listens on a free port of 127.0.0.1. REQUIRES: `router` and `peers` outlive this. Throws std::runtime_error.
  InnerServer(int workers, const Router& router, Peers& peers);
  // REQUIRES: the front is closed, so that no worker waits for a client. Waits for handlers that run.
  ~InnerServer();
  InnerServer(const InnerServer&) = delete;
  InnerServer& operator=(const InnerServer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  static int BeginRequest(mg_connection* connection);
  static int HttpError(mg_connection* connection, int status, const char* message);

  int Answer(mg_connection* connection, const mg_request_info& info, Peer& peer) const;

  const Router& router_;
  Peers& peers_;
  mg_context* context_ = nullptr;
  std::uint16_t port_ = 0;
};

}  // namespace pgtls::http
