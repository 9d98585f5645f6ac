// Which loopback connections to the inner server are the front's own, and for whom.
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

// One request on its way through the inner server. Written by the front before it is registered; `rest` and then
// `complete` by the inner server.
struct Peer {
  std::string client;  // address and port of the client behind the front
  bool keep_alive = false;
  std::shared_ptr<const http::Headers> site_headers;
  // What is left of the response, in place of bytes: a page of 20 MB need not go through a socket twice.
  http::Body rest;
  // The whole response was handed over: without this, the end of the inner connection is a failure.
  std::atomic<bool> complete{false};
};

// Thread-safe. The front binds a socket to address(), registers its port, connects, and takes the port out again before
// it closes the socket. Anyone on the machine can connect to the inner port; a connection that is not registered, from
// this very address, is not served: the port alone would let in a process that is bound to the same port of another
// loopback address.
class Peers {
 public:
  Peers();

  // Where the front's connections come from: an address of 127.0.0.0/8 that this process chose at random. The inner
  // server accepts no other, so strangers who do not find it out cannot even occupy it.
  const std::string& address() const { return address_; }

  void Register(std::uint16_t port, std::shared_ptr<Peer> peer);
  void Unregister(std::uint16_t port);

  // The peer behind `address` and `port`, once: a connection carries one request. nullptr: a stranger.
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
