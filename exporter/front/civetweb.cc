#include "exporter/front/civetweb.h"

#include <civetweb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "exporter/base/log.h"
#include "exporter/http/gzip.h"
#include "exporter/http/request_head.h"
#include "exporter/http/response_writer.h"

namespace pgtls::front {
namespace {

std::string_view View(const char* text) { return text != nullptr ? std::string_view(text) : std::string_view(); }

http::Request ReadRequest(const mg_request_info& info, const Peer& peer) {
  http::Request request;
  request.method = View(info.request_method);
  request.path = View(info.local_uri);
  request.query = http::ParseQuery(View(info.query_string));
  for (int i = 0; i < info.num_headers; ++i) {
    request.headers.emplace_back(View(info.http_headers[i].name), View(info.http_headers[i].value));
  }
  request.client = peer.client;
  return request;
}

// One connection, after mg_stop has set its flag, wakes the accepting thread; without it mg_stop waits for a timer of 2
// s.
void Wake(std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::ignore = connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  close(descriptor);
}

}  // namespace

CivetWeb::CivetWeb(int workers, const http::Router& router, Peers& peers) : router_(router), peers_(peers) {
  mg_init_library(0);
  mg_callbacks callbacks{};
  callbacks.begin_request = &BeginRequest;
  callbacks.http_error = &HttpError;
  callbacks.log_message = [](const mg_connection*, const char* message) {
    log::Debug("civetweb", {{"error", View(message)}});
    return 1;
  };
  const std::string threads = std::to_string(workers);
  const std::string max_request = std::to_string(http::kMaxHeadBytes + 1024);
  // Other clients are refused when they are accepted, before they occupy a worker, so an idle connection cannot hold
  // one.
  const std::string access = "-0.0.0.0/0,+" + peers.address();
  // tcp_nodelay: without it the last bytes of a response wait 40 ms for an acknowledgement. request_timeout_ms limits
  // each wait of a worker; the front ends a stalled connection long before.
  std::vector<const char*> options;
  for (const auto& [name, value] : {std::pair{"listening_ports", "127.0.0.1:0"},
                                    {"access_control_list", access.c_str()},
                                    {"num_threads", threads.c_str()},
                                    {"tcp_nodelay", "1"},
                                    {"enable_keep_alive", "no"},
                                    {"request_timeout_ms", "60000"},
                                    {"max_request_size", max_request.c_str()},
                                    {"connection_queue", "64"},
                                    {"enable_auth_domain_check", "no"}}) {
    options.insert(options.end(), {name, value});
  }
  options.push_back(nullptr);
  context_ = mg_start(&callbacks, this, options.data());
  if (context_ == nullptr) {
    mg_exit_library();
    throw std::runtime_error("cannot start the HTTP server on a loopback port");
  }
  std::array<mg_server_port, 1> ports{};
  mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data());
  port_ = static_cast<std::uint16_t>(ports[0].port);
}

CivetWeb::~CivetWeb() {
  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    mg_stop(context_);
    stopped = true;
  });
  while (!stopped) {
    Wake(port_);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  stopper.join();
  mg_exit_library();
}

int CivetWeb::BeginRequest(mg_connection* connection) {
  const mg_request_info& info = *mg_get_request_info(connection);
  const auto& self = *static_cast<const CivetWeb*>(info.user_data);
  const auto peer = self.peers_.Claim(info.remote_addr, static_cast<std::uint16_t>(info.remote_port));
  if (!peer) return 403;  // without a byte: CivetWeb closes the connection
  try {
    return self.Answer(connection, info, *peer);
  } catch (const std::exception& error) {  // out of memory: no exception may pass through CivetWeb's stack frames
    log::Error("response failed", {{"client", peer->client}, {"error", error.what()}});
  }
  return 500;
}

int CivetWeb::Answer(mg_connection* connection, const mg_request_info& info, Peer& peer) const {
  const http::Request request = ReadRequest(info, peer);
  http::Response response = router_.Dispatch(request);
  const int status = response.status;
  const std::string* accept_encoding = request.Header("Accept-Encoding");
  http::Exchange exchange;
  exchange.head_only = request.method == "HEAD";
  exchange.http11 = View(info.http_version) == "1.1";
  exchange.keep_alive = peer.keep_alive;
  exchange.gzip = accept_encoding != nullptr && http::PrefersGzip(*accept_encoding);
  exchange.site_headers = peer.site_headers.get();
  exchange.rest = &peer.rest;
  peer.complete = http::WriteResponse(std::move(response), exchange, [&](std::string_view bytes) {
    return mg_write(connection, bytes.data(), bytes.size()) == static_cast<int>(bytes.size());
  });
  return status;
}

// CivetWeb refused a request before begin_request. The front receives no response, and answers itself.
int CivetWeb::HttpError(mg_connection*, int, const char*) { return 0; }

}  // namespace pgtls::front
