// The time of a transfer over loopback, and a server that only writes bytes it has, to compare with.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>

namespace pgtls::bench {

struct Transfer {
  double ms = 0;          // from connect to the server's close
  std::size_t bytes = 0;  // head and body
};

// GET on a connection of its own; what comes is counted and thrown away. Throws std::runtime_error unless the status is
// 200. Waits up to an hour for each byte.
Transfer Fetch(int port, const std::string& target, bool gzip = false);

// Answers every request with the same bytes, from one buffer, one connection at a time, on a thread of its own.
class StaticServer {
 public:
  explicit StaticServer(const std::string& body);
  ~StaticServer();
  StaticServer(const StaticServer&) = delete;
  StaticServer& operator=(const StaticServer&) = delete;
  int port() const { return port_; }

 private:
  void Serve() const;

  std::string response_;
  int fd_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace pgtls::bench
