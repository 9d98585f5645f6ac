// A register of the front's own loopback connections to the inner server, with the client of each.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "exporter/http/message.h"

namespace pgtls::front {

// One request to the inner server. The front writes it before it registers the connection; the inner server then writes
// `rest`, and last `complete`.
struct Peer {
  std::string client;  // address and port of the client behind the front
  bool keep_alive = false;
  std::shared_ptr<const http::Headers> site_headers;
  // The rest of the response, not as bytes over the socket: a page of 20 MB is not sent through a socket twice.
  http::Body rest;
  // Whether the whole response was handed over. If not, the end of the inner connection is a failure.
  std::atomic<bool> complete{false};
};

// Thread-safe. The front binds a socket to address(), registers its port, connects, and removes the port before it
// closes the socket. Any process on the machine can connect to the inner port, but only registered connections from
// this address are served. The port alone is not enough: another process can bind the same port on another loopback
// address.
class Peers {
 public:
  Peers();

  // The source address of the front's connections, a random address of 127.0.0.0/8. The inner server accepts no other,
  // so a process that does not know it cannot even use up its connections.
  const std::string& address() const { return address_; }

  void Register(std::uint16_t port, std::shared_ptr<Peer> peer);
  void Unregister(std::uint16_t port);

  // Returns the registered request of `address` and `port`, once, since a connection has one request. Null: not
  // registered.
  std::shared_ptr<Peer> Claim(std::string_view address, std::uint16_t port);

 private:
  struct Entry {
    std::shared_ptr<Peer> peer;
    bool claimed = false;
  };
  const std::string address_;
  std::mutex mutex_;
  std::map<std::uint16_t, Entry> entries_;
};

}  // namespace pgtls::front
